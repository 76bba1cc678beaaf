import ByteCoding
import Crypto
import JSON

/// Assembles a report: one HTML file with the lab page and a recorded run, which needs no server.
///
/// The page's modules import each other through an import map of `data:` URLs, because a page that is opened from disk
/// cannot load other files.
enum ReportPage {
    /// In the report, modules are named `lab/NAME`. A relative name would not work, because it has no base in a `data:`
    /// URL.
    static let modulePrefix = "lab/"
    private static let start = "import '\(modulePrefix)main.mjs'"

    /// - Parameter recording: the run as a JSON object, see `Recording`.
    static func html(recording: [UInt8]) -> [UInt8] {
        var policy = Policy(nonceOf: recording)
        var page = String(decoding: PageFiles.index(token: nil), as: UTF8.self)
        for name in PageFiles.all.keys.sorted() where name.hasSuffix(".css") {
            page.replace(
                "<link rel=\"stylesheet\" href=\"/page/\(name)\">", with: policy.style(text(name)), maxReplacements: 1)
        }
        page.replace(
            "<script type=\"module\" src=\"/page/main.mjs\"></script>",
            with: policy.script(type: "importmap", importMap()) + "\n" + policy.script(type: "module", start),
            maxReplacements: 1)
        page.replace(
            "<meta charset=\"utf-8\">", with: "<meta charset=\"utf-8\">\n\(policy.meta)", maxReplacements: 1)
        // Insert the recording as bytes, because it is most of the file.
        let parts = page.split(separator: "</body>", maxSplits: 1)
        var bytes = Array(parts[0].utf8)
        bytes.reserveCapacity(bytes.count + recording.count * 11 / 10)
        bytes += "<script type=\"application/json\" id=\"recording\">".utf8
        append(recording, to: &bytes)
        bytes += "</script>\n</body>".utf8
        bytes += parts.dropFirst().joined().utf8
        return bytes
    }

    /// Appends JSON with `<` escaped. In JSON, `<` occurs only in strings. As `\u003c`, it can neither end the script
    /// element nor begin a comment.
    private static func append(_ json: [UInt8], to bytes: inout [UInt8]) {
        for byte in json {
            if byte == UInt8(ascii: "<") { bytes += "\\u003c".utf8 } else { bytes.append(byte) }
        }
    }

    private static func text(_ name: String) -> String {
        String(decoding: PageFiles.all[name] ?? [], as: UTF8.self)
    }

    fileprivate static func base64(_ bytes: [UInt8]) -> String {
        var encoded: [UInt8] = []
        Base64.encode(bytes, onto: &encoded)
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func importMap() -> String {
        var json = JSONWriter(capacity: 1 << 18)
        json.beginObject()
        json.key("imports")
        json.beginObject()
        for name in PageFiles.all.keys.sorted() where name.hasSuffix(".mjs") {
            json.dynamicKey(modulePrefix + name)
            let module = text(name).replacing("'./", with: "'\(modulePrefix)")
            json.string("data:text/javascript;base64," + base64(Array(module.utf8)))
        }
        json.endObject()
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// A Content-Security-Policy that allows exactly the embedded styles and scripts, and no requests. A module
    /// inherits the nonce of the script that imports it.
    private struct Policy {
        private var styles: [String] = []
        private let nonce: String

        /// The nonce is a hash of the recording and of the files of the page, so that equal input gives equal files. A
        /// recording cannot contain its own hash, so no text in it can pose as a script with the nonce.
        init(nonceOf recording: [UInt8]) {
            var hash = SHA256()
            hash.update(data: recording)
            for name in PageFiles.all.keys.sorted() { hash.update(data: PageFiles.all[name] ?? []) }
            nonce = ReportPage.base64(Array(hash.finalize()))
        }

        mutating func style(_ css: String) -> String {
            styles.append(Self.source(css))
            return "<style>\(css)</style>"
        }

        func script(type: String, _ code: String) -> String {
            "<script type=\"\(type)\" nonce=\"\(nonce)\">\(code)</script>"
        }

        private static func source(_ text: String) -> String {
            "'sha256-\(base64(Array(SHA256.hash(data: Array(text.utf8)))))'"
        }

        var meta: String {
            let policy =
                "default-src 'none'; script-src 'nonce-\(nonce)'; "
                + "style-src \(styles.joined(separator: " ")); img-src data:; base-uri 'none'; form-action 'none'"
            return "<meta http-equiv=\"Content-Security-Policy\" content=\"\(policy)\">"
        }
    }
}

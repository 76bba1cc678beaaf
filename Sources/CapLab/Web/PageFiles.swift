import HTTP

/// The files of the page, which are part of the program.
enum PageFiles {
    /// By name, as in `/page/NAME`. The build embeds everything in `Page`, see `Package.swift`.
    static let all: [String: [UInt8]] = [:]

    private static let tokenMark = "{{lab-token}}"

    /// `index.html` with the token in place of `{{lab-token}}`.
    /// - Parameter token: nil: read-only.
    static func index(token: String?) -> [UInt8] {
        let text = String(decoding: PackageResources.index_html, as: UTF8.self)
        return Array(text.replacing(tokenMark, with: token ?? "").utf8)
    }

    static func response(_ name: String) throws(Problem) -> Response {
        guard let bytes = all[name] else {
            throw Problem(status: 404, code: "not_found", detail: "the page has no such file")
        }
        return Response(contentType: contentType(of: name), body: bytes)
    }

    static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "css": "text/css; charset=utf-8"
        case "mjs", "js": "text/javascript; charset=utf-8"
        case "html": "text/html; charset=utf-8"
        case "svg": "image/svg+xml"
        case "json": ContentType.json
        default: ContentType.octets
        }
    }
}

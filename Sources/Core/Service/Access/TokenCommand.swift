import ArgumentParser
import Authentication
import ByteCoding
import Glibc
import HTTP

/// `token`: generates a bearer token, and its line for `AUTH_TOKENS_FILE`.
public struct TokenCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a bearer token, and its line for AUTH_TOKENS_FILE.",
        discussion: """
            Prints the token, which is stored nowhere, to standard output. The line contains only its digest. With \
            --file it is added to that file, which running services read within three seconds; without, it is printed \
            to standard error. To replace a token: add a line with the same name, distribute the new token, then \
            remove the old line.
            """)

    @Argument(help: "The name of the client, for logs and limits: a letter, then letters, digits, '.', '_' and '-'.")
    var name: String
    @Option(help: "The scopes of the token, separated by commas: read, write, admin, metrics.")
    var scopes: String
    @Option(help: "The prefix of all keys that the token may read and change, percent-encoded.")
    var keyPrefix: String?
    @Option(help: "The file to which the line is added. A new file is readable by its owner only.")
    var file: String?

    public init() {}

    public func run() throws {
        guard TokenList.isName(name) else {
            throw ValidationError("the name must be a letter and up to 63 letters, digits, '.', '_' or '-'")
        }
        let permitted: Set<Scope>
        do throws(CredentialsError) { permitted = try TokenList.scopes(scopes) } catch {
            throw ValidationError("--scopes \(error)")
        }
        guard let prefix = PercentEncoding.decode(Array((keyPrefix ?? "").utf8)[...]) else {
            throw ValidationError("--key-prefix is not valid percent-encoding")
        }
        guard TokenList.isAllowed(permitted, keyPrefix: prefix) else {
            throw ValidationError("the scope admin is for all keys: it cannot be combined with --key-prefix")
        }
        var random = SystemRandomNumberGenerator()
        let token = AccessToken.make(using: &random)
        let line = TokenList.line(name: name, scopes: permitted, token: token, keyPrefix: prefix)
        if let file { try add(line, to: file) } else { complain(line) }
        print(token)
    }

    private func add(_ line: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            fail("token: cannot open '\(path)': \(String(cString: strerror(errno)))", exitCode: 1)
        }
        defer { close(descriptor) }
        let text = (endsWithinLine(path) ? "\n" : "") + line + "\n"
        // One write, so that a service does not read a part of the line.
        guard write(descriptor, text, text.utf8.count) == text.utf8.count, fsync(descriptor) == 0 else {
            fail("token: cannot write '\(path)': \(String(cString: strerror(errno)))", exitCode: 1)
        }
    }

    private func endsWithinLine(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var last: UInt8 = 0
        return lseek(descriptor, -1, SEEK_END) >= 0 && read(descriptor, &last, 1) == 1 && last != UInt8(ascii: "\n")
    }

    private func complain(_ line: String) { _ = write(STDERR_FILENO, line + "\n", line.utf8.count + 1) }
}

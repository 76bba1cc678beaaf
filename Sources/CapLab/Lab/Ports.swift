import FoundationEssentials
import Glibc

/// Finds free ports, and the process that holds a taken one.
enum Ports {
    static func isFree(_ port: UInt16) -> Bool {
        guard let descriptor = try? Sockets.listen(port: port) else { return false }
        close(descriptor)
        return true
    }

    /// - Throws: an error that names the port and, if visible, its holder.
    static func requireFree(_ port: UInt16, for node: String) throws(LabError) {
        do {
            close(try Sockets.listen(port: port))
        } catch {
            guard error.errno == EADDRINUSE else {
                throw LabError("\(node) cannot listen on port \(port): \(String(cString: strerror(error.errno)))")
            }
            let holder = holder(of: port).map { ", held by \($0)" } ?? ""
            throw LabError("port \(port) for \(node) is taken\(holder); free it, or use --port-base or --free-ports")
        }
    }

    /// Free ports below those of outgoing connections: the kernel could give such a port away while its process is stopped.
    static func free(_ count: Int) throws(LabError) -> [UInt16] {
        let range = (try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)) ?? ""
        let firstEphemeral = range.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) } ?? 32_768
        // If that range begins low, there is nothing below it.
        let candidates: ClosedRange<UInt16> = firstEphemeral > 20_000 ? 10_000...(firstEphemeral - 1) : 10_000...65_535
        var chosen: [UInt16] = []
        for _ in 0..<10_000 where chosen.count < count {
            let port = UInt16.random(in: candidates)
            if !chosen.contains(port), isFree(port) { chosen.append(port) }
        }
        guard chosen.count == count else { throw LabError("found no \(count) free ports in \(candidates)") }
        return chosen
    }

    /// "name (pid 123)" of the process that listens on the port, from `/proc`; nil if it belongs to another user.
    static func holder(of port: UInt16) -> String? {
        let inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            listeners(readTable(path), port: port)
        }
        guard !inodes.isEmpty else { return nil }
        let wanted = Set(inodes.map { "socket:[\($0)]" })
        let files = FileManager.default
        for pid in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(pid) != nil {
            let directory = "/proc/\(pid)/fd"
            for descriptor in (try? files.contentsOfDirectory(atPath: directory)) ?? [] {
                var target = [UInt8](repeating: 0, count: 64)
                let count = readlink("\(directory)/\(descriptor)", &target, target.count)
                guard count > 0, wanted.contains(String(decoding: target[..<count], as: UTF8.self)) else { continue }
                let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? "process\n"
                return "\(name.dropLast()) (pid \(pid))"
            }
        }
        return nil
    }

    /// Reads to the end: the kernel returns its tables in short pieces.
    private static func readTable(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var table: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while table.count < maxTableBytes {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            table += buffer[..<count]
        }
        return String(decoding: table, as: UTF8.self)
    }

    /// A hundred thousand sockets.
    private static let maxTableBytes = 16 << 20

    /// The inodes of sockets that listen on the port, from the text of `/proc/net/tcp`: address:port in hex in the second
    /// column, state 0A (listen) in the fourth, inode in the tenth.
    static func listeners(_ table: String, port: UInt16) -> [String] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            guard columns.count > 9, columns[3] == "0A", let digits = columns[1].split(separator: ":").last,
                UInt16(digits, radix: 16) == port
            else { return nil }
            return String(columns[9])
        }
    }
}

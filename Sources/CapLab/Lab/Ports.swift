import CLinux
import FoundationEssentials
import Glibc

/// Finds free ports, and the process that uses a port.
enum Ports {
    static func isFree(_ port: UInt16) -> Bool {
        guard let descriptor = try? Sockets.listen(port: port) else { return false }
        close(descriptor)
        return true
    }

    /// - Throws: an error that names the port and, if visible, the process that uses it.
    /// - Parameter option: the option that changes only this port. The message suggests it.
    static func requireFree(
        _ port: UInt16, for node: String, besides option: String? = nil
    ) throws(LabError) {
        do {
            close(try Sockets.listen(port: port))
        } catch {
            guard error.errno == EADDRINUSE else {
                throw LabError(systemCall: "\(node) cannot listen on port \(port)", errno: error.errno)
            }
            let holder = holder(of: port).map { ", held by \($0)" } ?? ""
            let options = [option, "--port-base"].compactMap(\.self).joined(separator: ", ")
            throw LabError(
                "port \(port) for \(node) is taken\(holder); free it, or use \(options) or --free-ports")
        }
    }

    /// Chooses and reserves free ports. If possible, they are below the range for outgoing connections: the kernel
    /// could assign a port from that range to another process while the node of the port is stopped. The reservation
    /// keeps labs and tests that choose at the same moment from choosing the same ports.
    static func free(_ count: Int) throws(LabError) -> [PortReservation] {
        let range = (try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)) ?? ""
        let firstEphemeral = range.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) } ?? 32_768
        // If the range for outgoing connections begins low, there are too few ports below it.
        let candidates: ClosedRange<UInt16> = firstEphemeral > 20_000 ? 10_000...(firstEphemeral - 1) : 10_000...65_535
        var chosen: [PortReservation] = []
        for _ in 0..<10_000 where chosen.count < count {
            let reservation = PortReservation(UInt16.random(in: candidates))
            if let reservation, isFree(reservation.port) { chosen.append(reservation) }
        }
        guard chosen.count == count else { throw LabError("found no \(count) free ports in \(candidates)") }
        return chosen
    }

    /// The process that listens on the port, as "name (pid 123)"; nil if there is none, or if it belongs to another
    /// user.
    static func holder(of port: UInt16) -> String? {
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listeners(readTable($0), port: port) }
            .map { "socket:[\($0)]" }
        guard !sockets.isEmpty else { return nil }
        let files = FileManager.default
        for pid in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(pid) != nil {
            for descriptor in (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? [] {
                let target = try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(descriptor)")
                guard let target, sockets.contains(target) else { continue }
                let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? "process\n"
                return "\(name.dropLast()) (pid \(pid))"
            }
        }
        return nil
    }

    /// Reads a file of `/proc` line by line. The kernel returns it in short pieces, and Foundation would read only the
    /// first.
    private static func readTable(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        var line: UnsafeMutablePointer<CChar>?
        defer {
            fclose(file)
            Glibc.free(line)
        }
        var capacity = 0
        var table = ""
        while getline(&line, &capacity, file) > 0, let line { table += String(cString: line) }
        return table
    }

    /// The inodes of the sockets that listen on the port, from the text of `/proc/net/tcp`. The second column has
    /// address:port in hexadecimal, the fourth has the state (0A is listening), the tenth the inode.
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

/// A reservation of a port: no other lab on this machine chooses it until this object is released.
final class PortReservation {
    let port: UInt16
    private let descriptor: Int32

    /// - Returns: nil if the port is already reserved.
    init?(_ port: UInt16) {
        descriptor = clinux_reserve_port(UInt32(port))
        guard descriptor >= 0 else { return nil }
        self.port = port
    }

    deinit { close(descriptor) }
}

import FoundationEssentials
import Glibc
import TestSupport

@testable import CapLab

/// A private directory that goes with the test.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/caplab-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A process that does nothing for a minute.
final class Stray {
    let pid: pid_t

    init() throws {
        var child: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { for pointer in arguments { free(pointer) } }
        guard posix_spawnp(&child, "sleep", nil, nil, &arguments, nil) == 0 else { throw TestFailure("sleep") }
        pid = child
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
}

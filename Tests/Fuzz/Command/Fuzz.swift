import CLibFuzzer
import EventLoop
import Foundation

/// Runs one target under libFuzzer. `FUZZ_TARGET` names it; the arguments are those of libFuzzer.
///
/// libFuzzer brings a main function of its own; this one exists because SwiftPM expects it.
@main
enum Fuzz {
    // Safe because one thread writes it, once, before libFuzzer calls back on the same thread.
    nonisolated(unsafe) private static var target: (any FuzzTarget)?

    static func main() { exit(run()) }

    /// Not on the main actor, which has no turn while this thread waits.
    nonisolated private static func run() -> Int32 {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        let names = FuzzTargets.allCases.map(\.rawValue)
        guard let chosen = FuzzTargets(rawValue: name) else {
            print("FUZZ_TARGET must be one of \(names.joined(separator: " "))")
            return 2
        }
        wait { target = await chosen.make() }
        var options = CommandLine.arguments + ["-max_len=\(chosen.maxBytes)"]
        // libFuzzer keeps the last of equal options, so the caller's win.
        options = [options[0], options[options.count - 1]] + options[1..<(options.count - 1)]
        var arguments: [UnsafeMutablePointer<CChar>?] = options.map { strdup($0) } + [nil]
        return arguments.withUnsafeMutableBufferPointer { buffer in
            var count = Int32(options.count)
            var first = buffer.baseAddress
            return LLVMFuzzerRunDriver(&count, &first) { data, size in
                Fuzz.check(Array(UnsafeBufferPointer(start: data, count: size)))
                return 0
            }
        }
    }

    /// A finding ends the process, as a failed precondition does: libFuzzer then keeps the input.
    nonisolated private static func check(_ input: [UInt8]) {
        wait {
            do throws(Finding) { try await target!.check(FuzzInput(input)) } catch { fatalError("finding: \(error)") }
        }
    }

    /// Runs `body` on this thread up to its first suspension, which few targets have, and waits for its end.
    nonisolated private static func wait(_ body: @escaping () async -> Void) {
        let done = DispatchSemaphore(value: 0)
        let confined = Confined(body: body)
        Task.immediate {
            await confined.body()
            done.signal()
        }
        done.wait()
    }

    private struct Confined: @unchecked Sendable {
        // Safe because the caller waits for its end.
        let body: () async -> Void
    }
}

import Foundation

/// The options of `make test-sanitizers`, for programs that a test starts with an environment of its own.
public enum Sanitizers {
    /// Empty without a sanitizer.
    public static let environment = ProcessInfo.processInfo.environment.filter {
        ["ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key)
    }
}

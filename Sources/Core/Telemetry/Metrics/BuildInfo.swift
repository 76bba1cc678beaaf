extension PrometheusRegistry {
    /// Registers `app_build_info`, a gauge that is always 1 and whose labels describe the program.
    /// - Parameters:
    ///   - version: of the product.
    ///   - mode: `cp` or `ap`.
    public func registerBuildInfo(version: String, mode: String) throws(MetricError) {
        try gauge(
            "app_build_info", help: "Version, mode and Swift version of the program; always 1.",
            labels: ["version", "mode", "swift"]
        ).with(version, mode, Self.swiftVersion).set(1)
    }

    /// The compiler version as far as a program can tell it.
    static var swiftVersion: String {
        #if compiler(>=6.5)
            "6.5+"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}

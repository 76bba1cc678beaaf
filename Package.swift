// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 mode with complete checking, warnings are errors, and an async function stays on its
/// caller's executor, which is what keeps request code on its reactor's thread.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

func core(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: house)
}

let collections: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections"),
    .product(name: "HeapModule", package: "swift-collections"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// What an executable names beside its engine.
let wiring: [Target.Dependency] = ["EventLoop", "HTTP", "Redis", "Replication", "Telemetry", logging, arguments]

let package = Package(
    name: "cap-pair",
    products: [
        .executable(name: "app-cp", targets: ["AppCP"]),
        .executable(name: "app-ap", targets: ["AppAP"]),
        .executable(name: "caplab", targets: ["CapLab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
    ],
    targets: [
        // System libraries: module maps and shims, nothing else.
        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),
        .systemLibrary(name: "CHiredis", path: "Sources/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLua", path: "Sources/CLua", providers: [.apt(["liblua5.1-0-dev"])]),
        .systemLibrary(name: "CMicroHTTPD", path: "Sources/CMicroHTTPD", providers: [.apt(["libmicrohttpd-dev"])]),

        // Core: what both services share. Arrows point down only.
        core("ByteCoding", []),
        core("EventLoop", ["CLinux"] + collections),
        core("Resilience", []),
        core("Telemetry", [logging, metrics]),
        core("Replication", ["ByteCoding", "EventLoop"] + collections),
        core("Redis", ["EventLoop", "Replication", "Resilience", "CHiredis", logging] + collections),
        core("HTTP", ["ByteCoding", "EventLoop", "CMicroHTTPD"]),
        core(
            "Service",
            [
                "EventLoop", "HTTP", "Redis", "Replication", "Resilience", "Telemetry", logging, metrics,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                arguments,
            ]
        ),

        // The two engines. They know no socket, no HTTP, and not each other.
        .target(
            name: "Consistent",
            dependencies: ["EventLoop", "Replication"] + collections,
            resources: [.embedInCode("Scripts")],
            swiftSettings: house
        ),
        .target(
            name: "Available",
            dependencies: [
                "EventLoop", "Replication", logging, .product(name: "Crypto", package: "swift-crypto"),
            ] + collections,
            resources: [.embedInCode("Scripts")],
            swiftSettings: house
        ),

        // The proof: a checker of histories that knows nothing of the rest.
        .target(name: "Linearizability", swiftSettings: house),

        // The executables: wiring only.
        .executableTarget(name: "AppCP", dependencies: ["Service", "Consistent"] + wiring, swiftSettings: house),
        .executableTarget(name: "AppAP", dependencies: ["Service", "Available"] + wiring, swiftSettings: house),
        .executableTarget(
            name: "CapLab", dependencies: ["CHiredis", "CLinux", "EventLoop", "Linearizability", arguments],
            swiftSettings: house),

        // Tests: one folder a target; Integration starts real redis-servers and the real executables.
        .target(name: "TestSupport", dependencies: ["EventLoop"], path: "Tests/Support", swiftSettings: house),
        // The production engines and their Lua in one process, in virtual time.
        .target(
            name: "Simulation",
            dependencies: ["CLua", "EventLoop", "Replication", "Consistent", "Available", "Linearizability"],
            path: "Tests/Simulation", swiftSettings: house),
        .executableTarget(
            name: "Simulate", dependencies: ["ByteCoding", "EventLoop", "Simulation", "Linearizability", arguments],
            path: "Tests/Simulate",
            swiftSettings: house),
        tests(
            "SimulationTests", ["Simulation", "Linearizability", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("ByteCodingTests", ["ByteCoding"]),
        tests("LinearizabilityTests", ["Linearizability", "EventLoop"]),
        tests("EventLoopTests", ["EventLoop", "TestSupport"]),
        tests("ResilienceTests", ["Resilience"]),
        tests("TelemetryTests", ["Telemetry", logging, metrics]),
        tests("ReplicationTests", ["Replication", "EventLoop", "TestSupport"]),
        tests("RedisTests", ["Redis", "CHiredis", "Replication", "EventLoop", "Resilience", "TestSupport"]),
        tests("HTTPTests", ["HTTP", "EventLoop"]),
        tests("ServiceTests", ["Service", "AppCP", "AppAP", "Available", "Consistent"] + wiring),
        tests("ConsistentTests", ["Consistent", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("AvailableTests", ["Available", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("CapLabTests", ["CapLab", "EventLoop", "Linearizability", "TestSupport"]),
        .testTarget(
            name: "IntegrationTests", dependencies: ["AppCP", "AppAP", "CapLab", "EventLoop", "TestSupport"],
            path: "Tests/Integration",
            swiftSettings: house
        ),
    ],
    swiftLanguageModes: [.v6]
)

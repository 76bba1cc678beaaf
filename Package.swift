// swift-tools-version: 6.2
import PackageDescription

/// `make fuzz` sets this: then the package is the program `Fuzz` alone, with libFuzzer, the address sanitizer and
/// assertions.
let isFuzzing = Context.environment["FUZZ"] == "1"
let fuzzing: [SwiftSetting] =
    isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing", "-assert-config", "Debug"])] : []

/// For every target: Swift 6 mode with complete checking, and warnings are errors. An async function stays on its caller's
/// executor, which keeps request code on its reactor's thread.
let house: [SwiftSetting] =
    fuzzing + [
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("ExistentialAny"),
        .treatAllWarnings(as: .error),
    ]

/// `make` sets this if pkg-config finds hiredis 1.0 or later with its TLS library. Then replicas may have `rediss://`.
let hasRedisTLS = Context.environment["HIREDIS_SSL"] == "1"
let redisTLS: [SwiftSetting] = hasRedisTLS ? [.define("HIREDIS_SSL")] : []

func core(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: house + settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: house + settings)
}

let collections: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections"),
    .product(name: "HeapModule", package: "swift-collections"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")

/// What each executable needs besides its engine.
let wiring: [Target.Dependency] = [
    "EventLoop", "HTTP", "JSON", "Redis", "Replication", "Telemetry", logging, arguments, tracing,
]

let programs: [Product] = [
    .executable(name: "app-cp", targets: ["AppCP"]),
    .executable(name: "app-ap", targets: ["AppAP"]),
    .executable(name: "caplab", targets: ["CapLab"]),
]
let appCP: [Target.Dependency] = ["Service", "Consistent"] + wiring

// Targets that run a function with any input and check properties of it, under libFuzzer or as tests.
let fuzzed: [Target.Dependency] = [
    "AppCP", "Authentication", "Available", "ByteCoding", "CHiredis", "Consistent", "EventLoop", "HTTP", "Redis",
    "Replication", "Service", "Simulator", "TestSupport", .product(name: "Crypto", package: "swift-crypto"),
]
let fuzzTests: [Target] = [
    .testTarget(
        name: "FuzzTests", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["CLibFuzzer", "Command", "corpus"],
        swiftSettings: house),
    .executableTarget(name: "AppCP", dependencies: appCP, swiftSettings: house),
]
let fuzzProgram: [Target] = [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
    .executableTarget(
        name: "Fuzz", dependencies: fuzzed + ["CLibFuzzer"], path: "Tests/Fuzz",
        exclude: ["CLibFuzzer", "Tests", "corpus"], swiftSettings: house,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
    // A program cannot be part of another one, so this is the part that is fuzzed.
    .target(
        name: "AppCP", dependencies: ["Consistent", "HTTP", "Service"],
        exclude: [
            "AppCP.swift", "ConsistentDeclarations.swift", "ConsistentKeyValue.swift", "ConsistentMetrics.swift",
            "ConsistentService.swift", "Members.swift", "OperatorCommands.swift",
        ],
        sources: ["CPSettings.swift", "Preconditions.swift"], swiftSettings: house),
]

let package = Package(
    name: "cap-pair",
    products: (isFuzzing ? [] : programs) + [
        // Preloaded into a process whose clock a drill steps.
        .library(name: "ClockStep", type: .dynamic, targets: ["CClockStep"]),
        .library(name: "Consistent", targets: ["Consistent", "Replication", "EventLoop", "Redis"]),
        .library(name: "Available", targets: ["Available", "Replication", "EventLoop", "Redis"]),
        .library(name: "Linearizability", targets: ["Linearizability"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", exact: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
    ],
    targets: [
        // System libraries: module maps and shims, nothing else.
        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),
        .systemLibrary(
            name: "CHiredis", path: hasRedisTLS ? "Sources/CHiredisTLS" : "Sources/CHiredis",
            pkgConfig: hasRedisTLS ? "hiredis_ssl" : nil, providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLua", path: "Sources/CLua", providers: [.apt(["liblua5.1-0-dev"])]),
        .systemLibrary(name: "CMicroHTTPD", path: "Sources/CMicroHTTPD", providers: [.apt(["libmicrohttpd-dev"])]),

        // Comes with libmicrohttpd, which has TLS by it.
        .systemLibrary(name: "CGnuTLS", path: "Sources/CGnuTLS", providers: [.apt(["libgnutls28-dev"])]),

        // Lets the HTTP module check all input before libmicrohttpd parses it.
        .target(name: "CReceive", path: "Sources/CReceive"),

        // Steps the clock of one process of the lab. Without sanitizers: most of these programs have none, so that their
        // functions would be missing.
        .target(
            name: "CClockStep", path: "Sources/CClockStep", cSettings: [.unsafeFlags(["-fno-sanitize=all"])]),

        // Core: shared by both services. Each module depends only on modules above it.
        core("ByteCoding", []),
        core("EventLoop", ["CLinux"] + collections),
        core("Resilience", collections),
        core("JSON", ["ByteCoding"]),
        core("Telemetry", ["ByteCoding", "CLinux", "JSON", logging]),
        core("Replication", ["ByteCoding", "EventLoop"] + collections),
        core("Redis", ["EventLoop", "Replication", "Resilience", "CHiredis", logging] + collections, redisTLS),
        core("TLS", ["CGnuTLS"]),
        core("HTTP", ["ByteCoding", "EventLoop", "JSON", "CGnuTLS", "CMicroHTTPD", "CReceive"]),
        core(
            "Authentication",
            [
                "ByteCoding", "HTTP", "Resilience", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "JWTKit", package: "jwt-kit"),
            ]),
        .target(
            name: "RateLimiting",
            dependencies: [
                "ByteCoding", "EventLoop", "HTTP", "Replication", .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Sources/Core/RateLimiting",
            resources: [.embedInCode("Scripts")],
            swiftSettings: house
        ),
        core(
            "Service",
            [
                "Authentication", "ByteCoding", "EventLoop", "HTTP", "JSON", "RateLimiting", "Redis", "Replication",
                "Resilience", "TLS", "Telemetry", logging,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                arguments, tracing,
            ]
        ),

        // The two engines. They depend neither on sockets nor on HTTP nor on each other.
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

        // A linearizability checker, independent of everything else.
        .target(name: "Linearizability", swiftSettings: house),

        // The executables: wiring only.
        .executableTarget(name: "AppAP", dependencies: ["Service", "Available"] + wiring, swiftSettings: house),
        .executableTarget(
            name: "CapLab",
            dependencies: [
                "Available", "ByteCoding", "CHiredis", "CLinux", "Consistent", "EventLoop", "HTTP", "JSON",
                "Linearizability", "Redis", "Replication", "TLS", arguments,
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ] + collections,
            resources: [.embedInCode("Drills"), .embedInCode("Page")],
            swiftSettings: house),

        // Tests: one folder per target. Integration starts real Redis servers and the real executables.
        .target(
            name: "TestSupport", dependencies: ["CLinux", "EventLoop", "Redis", "TLS"], path: "Tests/Support",
            swiftSettings: house),
        // The production engines and their Lua in one process, in virtual time.
        .target(
            name: "Simulator",
            dependencies: ["CLua", "EventLoop", "Replication", "Consistent", "Available", "Linearizability"]
                + collections,
            path: "Tests/Simulator", swiftSettings: house),
        .executableTarget(
            name: "Simulate", dependencies: ["ByteCoding", "EventLoop", "Simulator", "Linearizability", arguments],
            path: "Tests/SimulateCommand",
            swiftSettings: house),
        tests(
            "SimulatorTests", ["Simulator", "Linearizability", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("ByteCodingTests", ["ByteCoding"]),
        tests("LinearizabilityTests", ["Linearizability", "EventLoop"]),
        tests("EventLoopTests", ["EventLoop", "TestSupport"]),
        tests("ResilienceTests", ["Resilience"]),
        tests("TelemetryTests", ["Telemetry", logging]),
        tests("ReplicationTests", ["Replication", "EventLoop", "TestSupport"]),
        tests("RedisTests", ["Redis", "CHiredis", "Replication", "EventLoop", "Resilience", "TLS", "TestSupport"]),
        tests(
            "AuthenticationTests",
            [
                "Authentication", "ByteCoding", "HTTP", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"), .product(name: "JWTKit", package: "jwt-kit"),
            ]),
        tests(
            "RateLimitingTests", ["RateLimiting", "HTTP", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("HTTPTests", ["HTTP", "JSON", "EventLoop", "TLS", "TestSupport"]),
        tests(
            "ServiceTests",
            [
                "Authentication", "Service", "AppCP", "AppAP", "Available", "Consistent", "Resilience", "TestSupport",
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ] + wiring),
        tests("ConsistentTests", ["Consistent", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests("AvailableTests", ["Available", "Redis", "Replication", "EventLoop", "TestSupport"]),
        tests(
            "CapLabTests",
            ["CapLab", "Available", "Consistent", "EventLoop", "HTTP", "JSON", "Linearizability", "TestSupport"]),
        .testTarget(
            name: "IntegrationTests", dependencies: ["AppCP", "AppAP", "CapLab", "EventLoop", "TLS", "TestSupport"],
            path: "Tests/Integration",
            swiftSettings: house
        ),
    ] + (isFuzzing ? fuzzProgram : fuzzTests),
    swiftLanguageModes: [.v6]
)

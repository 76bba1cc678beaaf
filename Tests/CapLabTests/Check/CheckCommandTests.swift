import FoundationEssentials
import Glibc
import Testing

@testable import CapLab

/// The command `caplab check`.
@Suite(.serialized, .timeLimit(.minutes(20))) struct CheckCommandTests {
    private func run(_ group: String, _ arguments: [String], in directory: ScratchDirectory) throws -> CommandResult {
        try LabProcess.run(["check", group, "--output", directory.path] + arguments)
    }

    private func expectGuaranteesKept(_ group: String) throws {
        let directory = try ScratchDirectory()
        let result = try run(group, ["--seconds", "6", "--seed", "11"], in: directory)
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        #expect(result.errors.isEmpty)
        #expect(result.output.hasPrefix("check \(group): 6 s, 12 clients, seed 11\n"))
        #expect(result.output.contains("\nHELD: every guarantee of app-\(group)"))
    }

    @Test(.enabled(if: DemoTests.hasServices)) func theConsistentServiceKeepsItsGuaranteesUnderFaults() throws {
        try expectGuaranteesKept("cp")
    }

    @Test(.enabled(if: DemoTests.hasServices)) func theAvailableServiceKeepsItsGuaranteesUnderFaults() throws {
        try expectGuaranteesKept("ap")
    }

    @Test func isolatedSitesAreNotLinearizableAndATimelineIsWritten() throws {
        let directory = try ScratchDirectory()
        try IsolatedRegister.install(in: directory.path)
        let result = try run("cp", ["--seconds", "2", "--seed", "1", "--bin-dir", directory.path], in: directory)
        #expect(result.exitCode == 1)
        #expect(result.output.contains("is not linearizable"))
        #expect(result.output.contains("up to the first that no order explains:"))
        #expect(result.output.contains("Reproduce with: caplab check cp --seconds 2 --seed 1"))
        #expect(access("\(directory.path)/check-cp-1.html", R_OK) == 0)
        #expect(access("\(directory.path)/check-cp-1.jsonl", R_OK) == 0)
    }

    @Test func isolatedSitesLoseAcknowledgedWrites() throws {
        let directory = try ScratchDirectory()
        try IsolatedRegister.install(in: directory.path)
        let result = try run("ap", ["--seconds", "2", "--seed", "1", "--bin-dir", directory.path], in: directory)
        #expect(result.exitCode == 1)
        #expect(result.output.contains("in the west after the heal"))
        #expect(result.output.contains("is lost: acknowledged by 1"))
        #expect(access("\(directory.path)/check-ap-1.jsonl", R_OK) == 0)
    }

    @Test(arguments: [["--seconds", "0"], ["--seconds", "1801"], ["--clients", "65"], ["--service-env", "x"]])
    func aWrongOptionFailsBeforeAnythingStarts(_ arguments: [String]) throws {
        let directory = try ScratchDirectory()
        let result = try run("cp", arguments, in: directory)
        #expect(result.exitCode != 0)
        #expect(result.errors.contains(arguments[0]))
        #expect(!result.output.contains("check cp"))
    }
}

/// Stand-ins for the services, each of which keeps all data in its own memory. `caplab check` must find the violations.
enum IsolatedRegister {
    private static let program = #"""
        #!/usr/bin/perl
        use strict;
        use IO::Socket::INET;
        exit 0 if ($ARGV[0] // '') eq 'init';
        my $isAP = $0 =~ /app-ap$/;
        my (%values, %versions);
        my $listener = IO::Socket::INET->new(
            LocalAddr => $ENV{HTTP_BIND}, LocalPort => $ENV{HTTP_PORT}, Listen => 64, ReuseAddr => 1
        ) or die "listen: $!";
        $SIG{TERM} = sub { exit 0 };
        $SIG{PIPE} = 'IGNORE';
        while (1) {
            my $client = $listener->accept or next;
            my $line = <$client>;
            next unless defined $line;
            my %headers;
            while (my $header = <$client>) {
                last if $header =~ /^\r?\n$/;
                $headers{lc $1} = $2 if $header =~ /^([\w-]+): (.*?)\r?\n$/;
            }
            my ($status, $body) = (200, '{"status":"ready"}');
            if ($line =~ m{ /replicas }) {
                $body = '{"replicas":[' . join(',', map { qq({"node":"$_","reachable":true,"hints":{}}) } 'g1', 'g2', 'g3') . ']}';
            } elsif ($line =~ m{^(\w+) /(\w+)/([^/ ?]+)(?:/([^ ?]+))?}) {
                my ($method, $verb, $key, $value) = ($1, $2, $3, $4);
                my $version = $versions{$key} // 0;
                my $shown = $isAP ? qq("$version") : $version;
                my $match = $headers{'if-match'};
                my $none = $headers{'if-none-match'};
                if ($verb eq 'read') {
                    ($status, $body) = defined $values{$key}
                        ? (200, qq({"value":"$values{$key}","version":$shown,"staleness_ms":0}))
                        : (404, qq({"version":$shown,"staleness_ms":0}));
                } elsif (($match and $match ne qq("$version") || !defined $values{$key})
                    or ($none and defined $values{$key})) {
                    ($status, $body) = (412, qq({"version":$shown,"outcome":"not_applied"}));
                } elsif ($verb eq 'delete' and !defined $values{$key}) {
                    ($status, $body) = (404, qq({"version":$shown,"outcome":"not_applied"}));
                } else {
                    if ($verb eq 'delete') { delete $values{$key} } else { $values{$key} = $value }
                    $versions{$key} = ++$version;
                    $shown = $isAP ? qq("$version") : $version;
                    $body = qq({"version":$shown,"outcome":"applied","replicas_acked":1,"replica":"gone"});
                }
            }
            print $client "HTTP/1.1 $status X\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body";
            close $client;
        }
        """#

    static func install(in directory: String) throws {
        for name in ["app-cp", "app-ap"] {
            try program.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
            chmod("\(directory)/\(name)", 0o755)
        }
    }
}

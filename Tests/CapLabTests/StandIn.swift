import FoundationEssentials
import Glibc

/// Replaces `app-cp` and `app-ap` in tests of the lab alone.
///
/// It is a Perl program, because every Debian has Perl. `GET /ping/<id>` sends `PING` to this replica through its link,
/// and returns 503 if there is no answer within a second. Any other path returns 200 with the node's name. Some
/// settings make it misbehave.
enum StandIn {
    private static let program = #"""
        #!/usr/bin/perl
        use strict;
        use IO::Socket::INET;
        my %replicas = map { /^(\w+)=redis:\/\/([\d.]+:\d+)$/ ? ($1 => $2) : () } split /,/, $ENV{REPLICAS};
        if (($ARGV[0] // '') eq 'init') {
            if ($ENV{INIT_FAILS}) { print STDERR "the replicas are not blank\n"; exit 1 }
            exit 0;
        }
        if (($ENV{EXITS_AT_START} // '') eq $ENV{NODE_ID}) { print STDERR "HTTP_PORT is wrong\n"; exit 3 }
        my $listener = IO::Socket::INET->new(
            LocalAddr => $ENV{HTTP_BIND}, LocalPort => $ENV{HTTP_PORT}, Listen => 16, ReuseAddr => 1
        ) or die "listen: $!";
        $SIG{TERM} = $ENV{IGNORES_TERM} ? 'IGNORE' : sub { exit 0 };
        while (1) {
            my $client = $listener->accept or next;
            my $line = <$client>;
            next unless defined $line;
            while (my $header = <$client>) { last if $header =~ /^\r?\n$/ }
            my ($status, $body) = ('200 OK', $ENV{NODE_ID});
            if ($line =~ m{ /ping/(\w+) }) {
                my $replica = IO::Socket::INET->new(PeerAddr => $replicas{$1}, Timeout => 1);
                my $answer = '';
                if ($replica) {
                    print $replica "AUTH $ENV{REDIS_PASSWORD}\r\nPING\r\n";
                    $replica->flush;
                    while ($answer !~ /PONG/) {
                        my $bits = '';
                        vec($bits, fileno($replica), 1) = 1;
                        last unless select($bits, undef, undef, 1);
                        last unless sysread($replica, $answer, 4096, length $answer);
                    }
                }
                ($status, $body) = ('503 No', "no answer from $1") if $answer !~ /PONG/;
            }
            print $client "HTTP/1.1 $status\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body";
            close $client;
        }
        """#

    /// Writes both programs into the directory.
    static func install(in directory: String) throws {
        for name in ["app-cp", "app-ap"] {
            try program.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
            chmod("\(directory)/\(name)", 0o755)
        }
    }
}

import Replication
import Testing

/// The error texts of Redis 6.2.5, 7.0.15 and 8.0.2 and of Valkey 8.1.1.
struct ServerErrorTests {
    private static let script = "3f204980c96dccec13a9d5869f6c5edfff098f55"
    private static let before = "ERR Error running script (call to f_\(script)): @user_script:1: "
    private static let after = " script: \(script), on @user_script:1."
    private static let outOfMemory = "OOM command not allowed when used memory > 'maxmemory'."

    @Test(arguments: [
        ("NOSCRIPT No matching script. Please use EVAL.", ServerError.Kind.noScript),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType),
        ("\(before)WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType),
        ("WRONGTYPE Operation against a key holding the wrong kind of value\(after)", .wrongType),
        ("\(before)@user_script: 1: -\(outOfMemory)", .full),
        ("=[C]: -1: -\(outOfMemory)", .full),
        ("\(outOfMemory)\(after)", .full),
        ("MISCONF Errors writing to the AOF file: No space left on device", .full),
        ("\(before)@user_script: 1: -READONLY You can't write against a read only replica.", .readOnly),
        ("READONLY You can't write against a read only replica.\(after)", .readOnly),
        ("NOREPLICAS Not enough good replicas to write.\(after)", .tooFewReplicas),
        ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist", .notPersisting),
        ("NOPERM this user has no permissions to run the 'evalsha' command", .noPermission),
        ("\(before)@user_script: 1: The user executing the script can't run this command or subcommand", .noPermission),
        ("ERR The user executing the script can't run this command or subcommand\(after)", .noPermission),
        ("ERR ACL failure in script: User default has no permissions to run the 'hset' command\(after)", .noPermission),
        ("NOAUTH Authentication required.", .notAuthenticated),
        ("WRONGPASS invalid username-password pair or user is disabled.", .notAuthenticated),
        ("ERR AUTH <password> called without any password configured for the default user.", .notAuthenticated),
        ("ERR max number of clients reached", .tooManyClients),
        ("LOADING Redis is loading the dataset in memory", .unavailable),
        ("ERR user_script:1: attempt to compare number with table\(after)", .other),
        ("\(before)user_script:1: attempt to compare number with table", .other),
    ])
    func anErrorIsClassifiedWhateverWrapsIt(text: String, kind: ServerError.Kind) {
        let error = ServerError(text)
        #expect(error.kind == kind)
        for hidden in ["user_script", "3f20", "[C]"] { #expect(!error.text.contains(hidden)) }
        for hidden in ["script:", "user_", "NOPERM", "OOM", "ERR", "hset", "AUTH"] {
            #expect(!error.summary.contains(hidden))
        }
    }

    @Test func theTextKeepsTheWordsOfTheServer() {
        #expect(ServerError("\(Self.before)@user_script: 1: -\(Self.outOfMemory)").text == Self.outOfMemory)
        #expect(ServerError("\(Self.outOfMemory)\(Self.after)").text == Self.outOfMemory)
        #expect(ServerError("NOAUTH Authentication required.").text == "NOAUTH Authentication required.")
    }
}

import Consistent
import HTTP
import Testing

@testable import AppCP

/// RFC 9110, sections 8.8.3 (entity tags), 13.1.1 and 13.1.2 (the two fields), 5.6.1 (lists).
@Suite(.timeLimit(.minutes(20))) struct PreconditionsTests {
    @Test func absentFieldsAreNoCondition() throws {
        #expect(try Preconditions.parse(ifMatch: nil, ifNoneMatch: nil) == nil)
    }

    @Test func aStarRequiresThatTheKeyExists() throws {
        #expect(try Preconditions.parse(ifMatch: "*", ifNoneMatch: nil) == .exists)
        #expect(try Preconditions.parse(ifMatch: " *\t", ifNoneMatch: nil) == .exists)
        #expect(try Preconditions.parse(ifMatch: nil, ifNoneMatch: "*") == .absent)
    }

    @Test(
        arguments: [
            (#""3""#, [3]), (#"  "3"  "#, [3]), (#""1", "2","3""#, [1, 2, 3]), ("\"1\"\t,\t\"2\"", [1, 2]),
            (#""0""#, [0]), (#""1",, "2", "#, [1, 2]), (#" , ,"1""#, [1]),
            (#""18446744073709551615""#, [UInt64.max]),
        ] as [(String, Set<UInt64>)])
    func versionsAreQuotedAndSeparatedByCommas(_ field: String, _ versions: Set<UInt64>) throws {
        #expect(try Preconditions.parse(ifMatch: field, ifNoneMatch: nil) == .versionIs(versions))
        #expect(try Preconditions.parse(ifMatch: nil, ifNoneMatch: field) == .versionIsNot(versions))
    }

    @Test func aWeakTagMatchesOnlyInIfNoneMatch() throws {
        #expect(try Preconditions.parse(ifMatch: #"W/"3", "4""#, ifNoneMatch: nil) == .versionIs([4]))
        #expect(try Preconditions.parse(ifMatch: nil, ifNoneMatch: #"W/"3", "4""#) == .versionIsNot([3, 4]))
    }

    @Test(arguments: [#""abc""#, #""""#, #""03""#, #""+3""#, #""3 ""#, #""a,b""#, #""18446744073709551616""#, #""-1""#])
    func aTagThatIsNotAVersionNeverMatches(_ field: String) throws {
        #expect(try Preconditions.parse(ifMatch: field, ifNoneMatch: nil) == .versionIs([]))
        #expect(try Preconditions.parse(ifMatch: nil, ifNoneMatch: field) == .versionIsNot([]))
    }

    @Test(arguments: [
        "", " ", "3", #""3"#, #"3""#, #"w/"3""#, #"W/3"#, #"W/ "3""#, #""1" "2""#, #""1";"2""#, #"*, "1""#, #""1", *"#,
        #""1" x"#, "**", "'3'", ",", " , ,", #","1" "2""#, ",*",
        "\"1\"\u{301}, \"",
    ])
    func anythingElseIsABadRequest(_ field: String) {
        for (match, noneMatch) in [(field, nil), (nil, field)] as [(String?, String?)] {
            let problem = #expect(throws: Problem.self) {
                try Preconditions.parse(ifMatch: match, ifNoneMatch: noneMatch)
            }
            #expect(problem?.status == 400)
            #expect(problem?.code == "bad_precondition")
            #expect(problem?.detail.hasPrefix(match == nil ? "If-None-Match takes" : "If-Match takes") == true)
            #expect(problem?.detail.contains(#"such as "3" or "3", "4""#) == true)
        }
    }

    /// RFC 9110, section 13.2.2.
    @Test func ofBothFieldsBothMustHold() throws {
        let both = try Preconditions.parse(ifMatch: #""1", "2""#, ifNoneMatch: #""2""#)
        #expect(both == .both(.versionIs([1, 2]), .versionIsNot([2])))
        #expect(Preconditions.verdict(both, onRead: 1) == .answer)
        #expect(Preconditions.verdict(both, onRead: 2) == .notModified)
        #expect(Preconditions.verdict(both, onRead: 3) == .failed, "If-Match comes first")
        #expect(throws: Problem.self) { try Preconditions.parse(ifMatch: "*", ifNoneMatch: "2") }
    }
}

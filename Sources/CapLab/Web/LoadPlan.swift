import HTTP

/// The load that a reader of the page has chosen.
struct LoadPlan: Equatable, Sendable {
    /// The most requests per second at one service.
    static let maxRate = 1_000
    static let maxKeys = 10_000

    var rates: [String: Int] = [:]
    /// The share of reads, from 0 to 1. All other requests are writes.
    var readShare = 0.9
    /// How many keys the requests use. All keys are equally frequent.
    var keys = 10

    private struct Body: Decodable {
        let rates: [String: Int]?
        let readShare: Double?
        let keys: Int?
    }

    /// This plan with the changes in the body of `/load`. Members that are missing in the body stay as they are.
    /// - Throws: 400 `bad_json`, `unknown_service`, `bad_rate`, `bad_read_share`, `bad_keys`.
    func changed(by json: [UInt8], services: [String]) throws(Problem) -> LoadPlan {
        let body: Body = try decodeBody(json)
        var plan = self
        for (service, rate) in body.rates ?? [:] {
            guard services.contains(service) else {
                throw .badRequest("unknown_service", "valid services: \(services.joined(separator: ", "))")
            }
            guard (0...Self.maxRate).contains(rate) else {
                throw .badRequest("bad_rate", "a rate is from 0 to \(Self.maxRate) requests per second")
            }
            plan.rates[service] = rate
        }
        plan.readShare = body.readShare ?? readShare
        guard (0...1).contains(plan.readShare) else {
            throw .badRequest("bad_read_share", "readShare is from 0 to 1")
        }
        plan.keys = body.keys ?? keys
        guard (1...Self.maxKeys).contains(plan.keys) else {
            throw .badRequest("bad_keys", "keys is from 1 to \(Self.maxKeys)")
        }
        return plan
    }
}

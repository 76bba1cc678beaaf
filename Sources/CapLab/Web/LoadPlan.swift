import HTTP

/// The load that the page asks for.
struct LoadPlan: Equatable, Sendable {
    /// Requests per second for each service.
    static let maxRate = 1_000
    static let maxKeys = 10_000

    var rates: [String: Int] = [:]
    /// From 0 to 1; the rest are writes.
    var readShare = 0.9
    /// The requests are spread evenly over this many keys.
    var keys = 10

    private struct Body: Decodable {
        let rates: [String: Int]?
        let readShare: Double?
        let keys: Int?
    }

    /// The plan with the members of the body of `/load`; what is missing stays as it is.
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

import HTTP

/// The actions by which a page changes the lab. They do the same as `caplab partition`, `heal`, `pause` and so on.
enum LabActions {
    private struct Links: Decodable {
        var target: String?
        var from: String?
        var to: String?
        var link: String?
        var group: GroupName?
        var mode: String?
    }

    private struct Process: Decodable {
        enum Action: String, Decodable {
            case pause, resume, kill, start, wipe
        }

        let node: String
        let `do`: Action
    }

    private struct Key: Decodable {
        let key: String
    }

    /// Parses the body of `/actions/cut` and `/actions/heal`.
    /// - Parameter command: `partition` or `heal`.
    static func links(_ command: ControlRequest.Command, _ json: [UInt8]) throws(Problem) -> ControlRequest {
        let body: Links = try decodeBody(json)
        var request = ControlRequest(command: command, target: body.target, from: body.from, to: body.to)
        request.link = body.link
        request.group = body.group
        request.mode = body.mode
        return request
    }

    /// Parses the body of `/actions/process`.
    static func process(_ json: [UInt8]) throws(Problem) -> ControlRequest {
        let body: Process = try decodeBody(json)
        let command: ControlRequest.Command =
            switch body.do {
            case .pause: .pause
            case .resume: .resume
            case .kill: .kill
            case .start: .start
            case .wipe: .wipe
            }
        return ControlRequest(command: command, target: body.node)
    }

    /// Parses the body of `/key`.
    /// - Throws: 400 `bad_json`, `bad_key`.
    static func key(_ json: [UInt8]) throws(Problem) -> String {
        let body: Key = try decodeBody(json)
        guard (1...AskRequest.maxKeyBytes).contains(body.key.utf8.count) else {
            throw .badRequest("bad_key", "a key has 1 to \(AskRequest.maxKeyBytes) bytes")
        }
        return body.key
    }

    /// The lab's reply as text for the response.
    /// - Throws: 400 `bad_action` if the request was invalid, 409 `action_failed` if it failed.
    static func message(of reply: ControlReply) throws(Problem) -> String {
        switch reply.exitCode {
        case 0: return reply.message ?? "done"
        case 2: throw .badRequest("bad_action", reply.message ?? "not a valid request")
        default: throw Problem(status: 409, code: "action_failed", detail: reply.message ?? "failed")
        }
    }
}

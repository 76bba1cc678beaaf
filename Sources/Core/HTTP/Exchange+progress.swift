import CMicroHTTPD
import EventLoop

extension Exchange {
    /// libmicrohttpd calls: headers complete, a piece of the body, body complete, and again at each run while the answer is
    /// outstanding.
    func proceed(
        method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, body: UnsafeRawBufferPointer, taken: () -> Void
    ) -> MHD_Result {
        switch stage {
        case .headers:
            return headersAreComplete(method: method, version: version)
        case .body where !body.isEmpty:
            taken()
            return take(body)
        case .body:
            return bodyIsComplete()
        case .ready(let response):
            server.didQueueWaitingAnswer = true
            return queue(response)
        case .working, .answered, .ended:
            return .YES
        }
    }

    // MARK: Headers

    private func headersAreComplete(method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?) -> MHD_Result {
        guard let connection, let method, let version else { return .NO }
        stage = .body
        isCounted = true
        server.requestsInFlight += 1
        server.didMakeProgress = true
        request.method = Method(cString: method)
        let framing = BodyFraming(of: connection)
        if let targetStart, cmhd_hides_something(connection, method, targetStart, request.target.count, version) != 0 {
            let problem = Problem.badRequest("bad_request", "the request line or a header field is malformed")
            return refuseAtOnce(problem, isBodyComing: true)
        }
        if let problem = framing.problem(target: request.target, version: version) {
            return refuseAtOnce(problem, isBodyComing: framing.hasBody)
        }
        // libmicrohttpd builds the header of its answer in what is left of the connection's memory, and where that is too
        // little it closes the connection without a word.
        guard framing.memoryBytes + server.settings.responseHeaderBytes <= server.settings.connectionMemoryBytes else {
            refuse(Problem(status: 431, code: "headers_too_large", detail: "the header block is too long"))
            return answerPastLibrary()
        }
        guard server.requestsInFlight <= server.settings.maxRequestsInFlight else {
            refuse(.overloaded("too many requests in flight"))
            return .YES
        }
        guard framing.hasBody else { return .YES }
        maxBodyBytes = max(0, server.handler.maxBodyBytes(for: request))
        guard let length = framing.contentLength, length > UInt64(maxBodyBytes) else { return .YES }
        // The client has not begun to send, or there is too much to read it all: answered now, and the connection is closed.
        let excess = length - UInt64(maxBodyBytes)
        if framing.expectsContinue || excess > UInt64(server.settings.maxDiscardedBytes) {
            return refuseAtOnce(.valueTooLarge(maxBytes: maxBodyBytes), isBodyComing: true)
        }
        refuse(.valueTooLarge(maxBytes: maxBodyBytes))
        return .YES
    }

    /// Answers before the body: libmicrohttpd then closes the connection.
    private func refuseAtOnce(_ problem: Problem, isBodyComing: Bool) -> MHD_Result {
        refuse(problem)
        if isBodyComing, let connection { server.lingerWhenClosed(connection) }
        return queue(refusal ?? problem.response)
    }

    /// Answers so once the body is over.
    private func refuse(_ problem: Problem) {
        guard refusal == nil else { return }
        let response = problem.unseen(request.method).response
        refusal = response
        request.body = []
        server.bufferedBodyBytes -= bufferedBytes
        bufferedBytes = 0
        request.receivedNs = server.reactor.nowNs
        server.handler.refused(request, with: response)
    }

    // MARK: Body

    private func take(_ piece: UnsafeRawBufferPointer) -> MHD_Result {
        server.didMakeProgress = true
        client.received(bodyBytes: piece.count, atNs: server.reactor.nowNs)
        if refusal == nil, piece.count > maxBodyBytes - bufferedBytes {
            refuse(.valueTooLarge(maxBytes: maxBodyBytes))
        } else if refusal == nil, piece.count > server.settings.maxBufferedBodyBytes - server.bufferedBodyBytes {
            refuse(.overloaded("too many request bodies at a time"))
        }
        guard refusal != nil else {
            request.body.append(contentsOf: piece)
            bufferedBytes += piece.count
            server.bufferedBodyBytes += piece.count
            return .YES
        }
        discardedBytes += piece.count
        guard discardedBytes > maxBodyBytes + server.settings.maxDiscardedBytes else { return .YES }
        // In the middle of a body libmicrohttpd takes no answer.
        return answerPastLibrary()
    }

    /// Writes the refusal straight to the socket, where libmicrohttpd cannot, and has the connection closed.
    private func answerPastLibrary() -> MHD_Result {
        if let connection, let refusal {
            refusal.send(to: cmhd_connection_fd(connection))
            server.lingerWhenClosed(connection)
        }
        return .NO
    }

    private func bodyIsComplete() -> MHD_Result {
        if server.isStopping { refuse(HTTPServer.stoppingProblem(for: request, outcome: "not_applied")) }
        if let refusal { return queue(refusal) }
        stage = .working
        isTaskRunning = true
        request.receivedNs = server.reactor.nowNs
        client.progressed(atNs: request.receivedNs)
        server.reactor.spawn { [self] in
            finish(await server.handler.respond(to: request))
        }
        if case .ready(let response) = stage { return queue(response) }
        wait()
        return .YES
    }

    // MARK: Answer

    /// The handler has answered: in the callback that started it, or any time later.
    private func finish(_ response: Response) {
        isTaskRunning = false
        guard case .working = stage else {
            // The client is gone.
            leaveFlight()
            return
        }
        // Counted from now on: many may become ready before the library next runs.
        stage = .ready(affordable(response))
        wake()
    }

    /// The server answers in the handler's place because it stops.
    func fail(with response: Response) {
        guard case .working = stage else { return }
        stage = .ready(response)
        wake()
    }

    private func queue(_ response: Response) -> MHD_Result {
        guard let connection,
            let prepared = response.prepared(isStorable: request.method.isSafe, isLast: server.isDraining)
        else { return .NO }
        stage = .answered
        server.didMakeProgress = true
        let result = MHD_queue_response(connection, UInt32(clamping: response.status), prepared)
        MHD_destroy_response(prepared)
        return result
    }

    /// The answer, where there is room for one so long; what a change came to is never kept back.
    private func affordable(_ response: Response) -> Response {
        let count = response.body.count
        guard count > HTTPServer.longAnswerBytes, request.method.isSafe else { return response }
        guard server.bufferedAnswerBytes + count <= server.settings.maxBufferedAnswerBytes else {
            return Problem.overloaded("too many long answers on their way").response
        }
        answerBytes = count
        server.bufferedAnswerBytes += count
        return response
    }

    // MARK: Waiting

    private func wait() {
        guard let connection else { return }
        client.isWaiting = true
        waitingIndex = server.waiting.count
        server.waiting.append(self)
        if server.unsuspendedCount < server.settings.maxUnsuspended {
            server.unsuspendedCount += 1
        } else {
            isSuspended = true
            MHD_suspend_connection(connection)
        }
    }

    private func wake() {
        guard waitingIndex != nil else { return }
        stopWaiting()
        server.needsRun = true
        if isSuspended, let connection {
            isSuspended = false
            MHD_resume_connection(connection)
        }
    }

    private func stopWaiting() {
        guard let index = waitingIndex else { return }
        waitingIndex = nil
        client.isWaiting = false
        // From here it is the client's turn to take the answer in.
        client.progressed(atNs: server.reactor.nowNs)
        if !isSuspended { server.unsuspendedCount -= 1 }
        let last = server.waiting.removeLast()
        guard last !== self else { return }
        server.waiting[index] = last
        last.waitingIndex = index
    }

    /// The completion callback.
    func connectionIsDone() {
        stopWaiting()
        detach()
        server.bufferedAnswerBytes -= answerBytes
        client.progressed(atNs: server.reactor.nowNs)
        server.didMakeProgress = true
        if !isTaskRunning { leaveFlight() }
    }

    /// Both the connection and the task are done with it.
    private func leaveFlight() {
        guard isCounted else { return }
        isCounted = false
        server.bufferedBodyBytes -= bufferedBytes
        server.requestsInFlight -= 1
        server.drainWaiter?.requestEnded()
    }
}

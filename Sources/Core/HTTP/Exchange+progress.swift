import CMicroHTTPD
import EventLoop

extension Exchange {
    /// libmicrohttpd calls this when the headers are complete, for each part of the body, and when the body is
    /// complete. It also calls this at each run while the response is outstanding, unless the connection is suspended.
    func proceed(body: UnsafeRawBufferPointer, taken: () -> Void) -> MHD_Result {
        switch stage {
        case .headers:
            return headersAreComplete()
        case .body where !body.isEmpty:
            taken()
            return take(body)
        case .body:
            return bodyIsComplete()
        case .ready(let response):
            server.runState.didQueueWaitingResponse = true
            return queue(response)
        case .working, .answered, .ended:
            return .YES
        }
    }

    // MARK: Headers

    private func headersAreComplete() -> MHD_Result {
        stage = .body
        isCounted = true
        server.load.requestsInFlight += 1
        server.runState.didMakeProgress = true
        if let problem = head.problem { return refuseAtOnce(problem, isBodyComing: true) }
        guard let problem = server.router.refusal(of: request) ?? overloadProblem else { return expectBody() }
        return refuse(problem, bodyBytes: head.framing.contentLength ?? 0)
    }

    private var overloadProblem: Problem? {
        let isOverloaded = server.requestsInFlight > server.settings.requests.maxInFlight
        return isOverloaded ? .overloaded("too many requests in flight") : nil
    }

    private func expectBody() -> MHD_Result {
        guard head.framing.hasBody else { return .YES }
        received.maxBytes = max(0, server.router.maxBodyBytes(for: request))
        guard let length = head.framing.contentLength, length > UInt64(received.maxBytes) else { return .YES }
        return refuse(server.router.charged(request, with: bodyProblem), bodyBytes: length - UInt64(received.maxBytes))
    }

    /// Refuses a request whose headers are complete and whose body has not been read.
    /// - Parameter bodyBytes: the announced bytes above `received.maxBytes`, which would be read and dropped; 0 with
    ///   chunked encoding.
    private func refuse(_ problem: Problem, bodyBytes: UInt64) -> MHD_Result {
        // The client waits for 100 Continue, or the body is too long to be read and dropped: respond now and close.
        let isTooLong = bodyBytes > UInt64(server.settings.buffers.maxDiscardedBytes)
        if head.framing.hasBody, head.expectsContinue || isTooLong { return refuseAtOnce(problem, isBodyComing: true) }
        refuse(problem)
        return .YES
    }

    /// Responds before the body has been read; libmicrohttpd then closes the connection.
    private func refuseAtOnce(_ problem: Problem, isBodyComing: Bool) -> MHD_Result {
        refuse(problem)
        if isBodyComing { client.wasAnsweredEarly = true }
        return queue(refusal ?? problem.response)
    }

    /// Sets `problem` as the response and drops the body. Without further steps, it is sent when the body is complete.
    private func refuse(_ problem: Problem) {
        guard refusal == nil else { return }
        let response = problem.unhandled(request.method).response
        refusal = response
        request.body = []
        releaseBody()
        request.receivedNs = server.reactor.nowNs
        server.router.refused(request, with: response)
    }

    // MARK: Body

    /// The response to a body that is too long: 404 or 405 if no route has this path or method, otherwise 413.
    private var bodyProblem: Problem {
        server.router.problem(of: request) ?? .valueTooLarge(maxBytes: received.maxBytes)
    }

    private func take(_ piece: UnsafeRawBufferPointer) -> MHD_Result {
        server.runState.didMakeProgress = true
        client.received(bodyBytes: piece.count, atNs: server.reactor.nowNs)
        if refusal == nil, piece.count > received.maxBytes - received.bufferedBytes {
            refuse(server.router.charged(request, with: bodyProblem))
        } else if refusal == nil, !server.load.bodies.fits(piece.count, for: request.client) {
            refuse(.overloaded("too many buffered request bodies"))
        }
        guard refusal != nil else {
            request.body.append(contentsOf: piece)
            received.bufferedBytes += piece.count
            server.load.bodies.take(piece.count, for: request.client)
            return .YES
        }
        received.discardedBytes += piece.count
        guard received.discardedBytes > received.maxBytes + server.settings.buffers.maxDiscardedBytes else {
            return .YES
        }
        // libmicrohttpd does not accept a response in the middle of a body.
        return answerPastLibrary()
    }

    /// Writes the refusal directly to the socket, because libmicrohttpd cannot, and closes the connection.
    private func answerPastLibrary() -> MHD_Result {
        if let refusal {
            client.send(refusal, for: request)
            endSpan(with: refusal)
        }
        client.wasAnsweredEarly = true
        return .NO
    }

    private func bodyIsComplete() -> MHD_Result {
        if let broken = client.input.brokenBody, broken.number == head.number {
            return refuseAtOnce(broken.problem, isBodyComing: true)
        }
        if server.phase.isStopping { refuse(HTTPServer.stoppingProblem(for: request, outcome: "not_applied")) }
        if let refusal { return queue(refusal) }
        stage = .working
        isTaskRunning = true
        request.receivedNs = server.reactor.nowNs
        client.progressed(atNs: request.receivedNs)
        server.reactor.spawn { [self] in
            if let span = request.span {
                finish(await span.run { await server.router.respond(to: request) })
            } else {
                finish(await server.router.respond(to: request))
            }
        }
        if case .ready(let response) = stage { return queue(response) }
        startWaiting()
        return .YES
    }

    // MARK: Response

    /// Called when the handler has responded: within the callback that started it, or later.
    private func finish(_ response: Response) {
        isTaskRunning = false
        guard case .working = stage else {
            // The client has disconnected.
            response.stream?.connectionIsDone()
            leaveFlight()
            return
        }
        if let stream = response.stream { attach(stream) }
        // Count the response's bytes now, because many responses may become ready before libmicrohttpd runs again.
        stage = .ready(affordable(response))
        wake()
    }

    private func attach(_ stream: ResponseStream) {
        stream.attach(to: self)
        outgoing.stream = stream
    }

    /// Responds instead of the handler, because the server is stopping.
    func fail(with response: Response) {
        guard case .working = stage else { return }
        server.router.cutOff(request, with: response)
        stage = .ready(response)
        wake()
    }

    private func queue(_ response: Response) -> MHD_Result {
        // Other responses are not copied.
        response.problemCode == nil ? queueTraced(response) : queueTraced(response.traced(by: request.trace))
    }

    private func queueTraced(_ response: Response) -> MHD_Result {
        guard let connection,
            let prepared = response.prepared(
                isStorable: request.method.isSafe, isLast: server.phase.isDraining || client.wasAnsweredEarly,
                isSecure: client.tls != nil, further: server.router.headers(for: request, response),
                trace: request.trace, traceState: request.traceState)
        else { return .NO }
        endSpan(with: response)
        stage = .answered
        client.isResponding = true
        if let stream = response.stream {
            client.stream = stream
            if server.phase.isDraining { stream.close() }
            if request.method == .head { cmhd_close_after(prepared) }
        }
        server.runState.didMakeProgress = true
        let result = MHD_queue_response(connection, UInt32(clamping: response.status), prepared)
        MHD_destroy_response(prepared)
        return result
    }

    private func endSpan(with response: Response?) {
        guard let span = request.span.take() else { return }
        span.end(with: response)
    }

    /// The response, or 503 if it is long and does not fit in the client's share of the buffers. The response to a
    /// change is always sent.
    private func affordable(_ response: Response) -> Response {
        let count = response.body.count
        guard count > HTTPServer.longResponseBytes, request.method.isSafe else { return response }
        guard server.load.responses.fits(count, for: request.client) else {
            return Problem.overloaded("too many long responses are being sent").response
        }
        outgoing.bufferedBytes = count
        server.load.responses.take(count, for: request.client)
        return response
    }

    // MARK: Waiting

    private func startWaiting() {
        guard let connection else { return }
        client.waiting = self
        isSuspended = server.load.unsuspendedCount >= server.settings.requests.maxUnsuspended
        if isSuspended { MHD_suspend_connection(connection) } else { server.load.unsuspendedCount += 1 }
    }

    private func wake() {
        guard stopWaiting() else { return }
        server.runState.isNeeded = true
        if isSuspended, let connection { MHD_resume_connection(connection) }
    }

    /// - Returns: false if this request was not waiting for its handler.
    @discardableResult
    private func stopWaiting() -> Bool {
        guard client.waiting === self else { return false }
        client.waiting = nil
        if !isSuspended { server.load.unsuspendedCount -= 1 }
        // From now on the client must make progress by receiving the response.
        client.progressed(atNs: server.reactor.nowNs)
        return true
    }

    /// libmicrohttpd calls this once per request: the response was sent, or the connection was lost.
    func connectionIsDone() {
        stopWaiting()
        detach()
        endSpan(with: nil)
        if let stream = outgoing.stream.take() {
            client.stream = nil
            stream.connectionIsDone()
        }
        server.load.responses.release(outgoing.bufferedBytes, for: request.client)
        client.isResponding = false
        client.progressed(atNs: server.reactor.nowNs)
        server.runState.didMakeProgress = true
        if !isTaskRunning { leaveFlight() }
    }

    /// Called when neither the connection nor the handler uses the request any more.
    private func leaveFlight() {
        guard isCounted else { return }
        isCounted = false
        releaseBody()
        server.load.requestsInFlight -= 1
    }

    private func releaseBody() {
        server.load.bodies.release(received.bufferedBytes, for: request.client)
        received.bufferedBytes = 0
    }
}

import ByteCoding
import CMicroHTTPD

/// The parts of an answer that identify its trace.
///
/// The header field is named as in requests. The name `traceresponse` of a draft (W3C Trace Context level 3) is not
/// final.
extension Response {
    /// Adds the header field `traceparent` to a prepared response.
    static func add(_ trace: TraceContext, to prepared: OpaquePointer) {
        withUnsafeTemporaryAllocation(byteCount: TraceParent.byteCount + 1, alignment: 8) { buffer in
            trace.write(to: buffer)
            buffer[TraceParent.byteCount] = 0
            let value = buffer.assumingMemoryBound(to: CChar.self)
            _ = MHD_add_response_header(prepared, "traceparent", value.baseAddress!)
        }
    }

    /// A problem with the member `trace_id`. Other responses are not changed.
    func traced(by trace: TraceContext?) -> Response {
        guard problemCode != nil, let trace else { return self }
        let end = Array("}\n".utf8)
        precondition(body.suffix(end.count).elementsEqual(end), "a problem is a JSON object with members")
        var response = self
        response.body.removeLast(end.count)
        response.body.append(text: ",\"trace_id\":\"")
        response.body.append(hexadecimal: trace.traceID.high)
        response.body.append(hexadecimal: trace.traceID.low)
        response.body.append(text: "\"}\n")
        return response
    }
}

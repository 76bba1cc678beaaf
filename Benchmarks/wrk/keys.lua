-- Sends one form of request for a set of keys, in random order. Arguments after "--": method, path with KEY in it,
-- number of keys, seed; then header fields, each as one argument "Name: value". Requests are built beforehand, so that
-- wrk uses little CPU. The last line of the output is for programs.

local requests = {}
local count = 0

function init(arguments)
    local method, path = arguments[1], arguments[2]
    count = tonumber(arguments[3])
    math.randomseed(tonumber(arguments[4]))
    for index = 5, #arguments do
        local name, value = arguments[index]:match("^([^:]+): (.*)$")
        wrk.headers[name] = value
    end
    for number = 1, count do
        local key = string.format("bench-%04d", number)
        requests[number] = wrk.format(method, (path:gsub("KEY", key)))
    end
end

function request()
    return requests[math.random(count)]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "figures requests=%d us=%d p50_us=%d p99_us=%d refused=%d broken=%d\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end

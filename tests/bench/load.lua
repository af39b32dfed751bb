-- wrk: posts marketplace leads; no two are the same, so that none is a repeat of another.
--   wrk ... -s load.lua URL -- LEAD TOKEN RUN
-- LEAD: a file with a lead; its run of # is replaced by RUN (4 digits) and a number. The whole request is made here, once; one
-- number is written into it a time. Prints one line of JSON.
local threads = 0

function setup(thread)
	thread:set("id", threads)
	threads = threads + 1
end

function init(args)
	local file = assert(io.open(args[1], "rb"))
	local lead = file:read("*a")
	file:close()
	local from, to = lead:find("############", 1, true)
	assert(from, "the lead has no place for its number")
	local head = "POST /in/marketplace HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
		"\r\nAuthorization: Bearer " .. args[2] .. "\r\nContent-Type: application/json\r\nContent-Length: " ..
		#lead .. "\r\n\r\n"
	before = head .. lead:sub(1, from - 1) .. args[3] .. id
	after = lead:sub(to + 1)
	number = 0
end

function request()
	number = number + 1
	return before .. string.format("%07d", number) .. after
end

function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,' ..
		'"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f,"max_ms":%.3f}\n',
		summary.requests, summary.duration / 1e6, errors.status,
		errors.connect + errors.read + errors.write + errors.timeout,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3, latency.max / 1e3))
end

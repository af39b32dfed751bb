"""Many at the API at once. usage: busy.py ADMIN INTAKE TOKEN

Only order and outcome are judged, never how fast: while checks and lists are under way, each lead posted is accepted and each status is
answered before the long ones have ended."""
import http.client, json, socket, sys, threading, time

admin, intake, token = sys.argv[1:]
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)


def get(path, where=admin, timeout=60):
    connection = http.client.HTTPConnection(where, timeout=timeout)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


# ---- long ones, more than there are threads for; beyond what is kept waiting: 503, and nothing hangs

stop = threading.Event()
counts = {"check": {}, "leads": {}}


def many(name, path):
    while not stop.is_set():
        try:
            status, _ = get(path)
            if status == 503:  # as Retry-After asks, and shorter
                stop.wait(0.5)
        except OSError as trouble:
            status = type(trouble).__name__
        counts[name][status] = counts[name].get(status, 0) + 1


threads = [threading.Thread(target=many, args=("check", "/api/v1/check")) for _ in range(8)]
threads += [threading.Thread(target=many, args=("leads", "/api/v1/leads?limit=200")) for _ in range(2)]
for thread in threads:
    thread.start()

# ---- slow clients: a head that trickles, an answer that nobody reads

slow = []
for i in range(20):
    one = socket.create_connection(admin.rsplit(":", 1))
    one.sendall(b"GET /api/v1/leads?limit=500 HTTP/1.1\r\nHost: localhost\r\n" + (b"" if i % 2 else b"\r\n"))
    slow.append(one)

# ---- meanwhile the intake accepts, and a status and the page answer

for i in range(12):
    connection = http.client.HTTPConnection(intake, timeout=60)
    connection.request("POST", "/in/partner", json.dumps({"email": f"meanwhile{i}@example.com"}), {"Authorization": f"Bearer {token}"})
    check(connection.getresponse().status == 202, f"lead {i} is accepted")
    connection.close()
    check(get("/healthz")[0] == 200, f"alive {i}")
    status, body = get("/api/v1/status")
    check(status == 200 and json.loads(body)["state"] == "running", f"status {i}: {status}")
stop.set()
for thread in threads:
    thread.join()
for one in slow:
    one.close()
check(set(counts["leads"]) == {200}, f"lists: {counts['leads']}")
check(200 in counts["check"] and set(counts["check"]) <= {200, 503}, f"checks: {counts['check']}")

# ---- more connections from one address than it may have: refused with words or closed, and then it answers again

crowd = [socket.create_connection(admin.rsplit(":", 1)) for _ in range(100)]
for one in crowd:
    one.close()
until = time.monotonic() + 60
while True:
    try:
        if get("/healthz")[0] == 200:
            break
    except OSError:
        pass
    if time.monotonic() > until:
        check(False, "it answers after a crowd has left")
        break
    time.sleep(0.05)
for failure in failures:
    print("FAILED:", failure, file=sys.stderr)
print(f"ok: 12 leads and statuses while checks were {counts['check']} and lists {counts['leads']}")
sys.exit(bool(failures))

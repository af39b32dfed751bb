#!/usr/bin/env python3
"""What no well-behaved client sends, byte by byte, against a running leadrelayd.

    raw.py HOST:PORT ARCHIVE [CASE...]

Each case is one connection. Its bytes are followed by a harmless request that asks for the end of the connection (its answer is
404), then everything is read until the server closes. A case says which sequences of statuses are right, and which leads may exist
afterwards: every lead bears the name of the request that made it, and the file ARCHIVE, where leads are delivered to, holds exactly
those. A request inside the body of another is called "smuggled": no such lead may ever exist.
"""
import concurrent.futures
import json
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1].rsplit(":", 1)
ARCHIVE = sys.argv[2]
WANTED = sys.argv[3:]
JSON_TOKEN, FORM_TOKEN = "json-token-0123456789ab", "website-token-0123456789"
PATH = f"/in/partner/{JSON_TOKEN}"
END = b"GET /the-end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PATIENCE = 60  # seconds; nothing here is about speed

CASES = []


def lead(name):
    return json.dumps({"last_name": name, "campaign": "hostile"}).encode()


def head(*lines, path=PATH, method="POST", version="HTTP/1.1", host="Host: a\r\n"):
    text = f"{method} {path} {version}\r\n{host}" + "".join(line + "\r\n" for line in lines) + "\r\n"
    return text.encode("latin-1")


def post(body, *lines, **more):
    return head(f"Content-Length: {len(body)}", *lines, **more) + body


def chunked(*chunks, lines=(), end=b"0\r\n\r\n"):
    return head("Transfer-Encoding: chunked", *lines) + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + end


def case(name, data, *answers, leads=(), maybe=(), end=True, finish="read", values=None):
    """answers: the right sequences of statuses, without the 404 of END where it is reached ("..." in its place).
    leads: names that must exist afterwards; maybe: that may. finish: read, half-close or reset. values: NAME to a member of the
    delivered document's "extra" or "fields" that must be there exactly so."""
    CASES.append(dict(name=name, data=data, answers=[tuple(a) for a in answers], leads=set(leads), maybe=set(maybe), end=end,
                      finish=finish, values=values or {}))


SMUGGLED = post(lead("smuggled"))
CLOSED, BAD = (), (400,)

# ---- two lengths: the shorter one would leave a second request behind ----
body = lead("never")
case("CL then TE, a request behind the last chunk", head(f"Content-Length: {5 + len(SMUGGLED)}", "Transfer-Encoding: chunked") +
     b"0\r\n\r\n" + SMUGGLED, BAD)
case("TE then CL, a request inside a chunk", head("Transfer-Encoding: chunked", "Content-Length: 4") +
     b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), BAD)
case("two equal Content-Lengths", head(f"Content-Length: {len(body)}", f"Content-Length: {len(body)}") + body, BAD)
case("a list of equal lengths", head(f"Content-Length: {len(body)}, {len(body)}") + body, BAD)
case("two Content-Lengths, one in capitals", head("CONTENT-LENGTH: 0", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED, BAD)
# libmicrohttpd refuses these itself
for number in ("+5", "-1", "0x5", "5 5", "", "1e1", "5;q=1", "18446744073709551621", "99999999999999999999999", "5\x0b", "\x0c5"):
    case(f"Content-Length {number!r}", head(f"Content-Length: {number}") + b"hello", BAD, CLOSED, (413,))
case("a length with zeros before it", head(f"Content-Length: 000{len(lead('zeros'))}") + lead("zeros"), (202, ...), leads=["zeros"])
case("two Hosts, one empty", head("Host:", "Content-Length: 0"), BAD)
case("Host twice in another case", head("HOST: b", "Content-Length: 0"), BAD)

# ---- transfer codings that one reader knows and another does not ----
for coding in ("chunked, chunked", "chunked, identity", "gzip, chunked", "identity", "xchunked", "chunked;x=1", "\"chunked\"",
               "chunked\x0b", "\x0bchunked", "chunked,", ",chunked", ""):
    case(f"Transfer-Encoding {coding!r}", head(f"Transfer-Encoding: {coding}") + b"0\r\n\r\n" + SMUGGLED, BAD, CLOSED)
case("Transfer-Encoding twice", head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED, BAD)
case("Transfer-Encoding in HTTP/1.0", head("Transfer-Encoding: chunked", version="HTTP/1.0") + b"0\r\n\r\n" + SMUGGLED, BAD)
case("a blank before its colon", head("Transfer-Encoding : chunked", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED, BAD, CLOSED)
case("Content-Length with a blank before its colon", head("Content-Length : 5") + b"hello", BAD, CLOSED)
case("a tab before the colon", head("Content-Length\t: 5") + b"hello", BAD, CLOSED)
case("chunked in capitals", chunked(lead("capitals")).replace(b": chunked", b": CHUNKED"), (202,), leads=["capitals"])
case("an underscore for the dash", head("Content_Length: 5", "Transfer_Encoding: chunked", f"Content-Length: {len(lead('underscore'))}") +
     lead("underscore"), (202, ...), leads=["underscore"])

# ---- lines that one reader joins or cuts and another does not ----
case("a folded line", head("X: a", " b", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a fold that hides a length", head("X: a", " Content-Length: 0", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED, BAD, CLOSED)
case("a folded coding", head("Transfer-Encoding:", " chunked") + b"0\r\n\r\n" + SMUGGLED, BAD, CLOSED)
case("a first line that is folded", head(" X: a", "Content-Length: 0"), BAD, CLOSED)
case("line feeds only", post(lead("lf_only")).replace(b"\r\n", b"\n"), BAD, CLOSED)
case("one line ends in a line feed", head("X: a\nY: b", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("the head ends in a line feed", head(f"Content-Length: {len(body)}")[:-2] + b"\n" + body, BAD, CLOSED)
case("a header behind a lone line feed", head("X: a\nTransfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED, BAD, CLOSED)
case("a header behind a lone carriage return", head("X: a\rTransfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED, BAD, CLOSED)
case("a length behind a lone carriage return", head(f"X: a\rContent-Length: {len(lead('lone_cr'))}") + lead("lone_cr"), BAD, CLOSED)
case("two carriage returns", head("X: a\r", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a carriage return in a value", head("X: a\rb", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a NUL in a value", head("X: a\0b", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a NUL in a name", head("X\0: a", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a NUL hides a length", head("X: a\0", f"Content-Length: {len(body)}") + body, BAD, CLOSED)
case("a line without colon", head("nonsense", "Content-Length: 0"), BAD, CLOSED)
case("an empty name", head(": x", "Content-Length: 0"), BAD, CLOSED)
case("a control character", head("X: \x1b[31m", "Content-Length: 0"), BAD, CLOSED)
case("a name beyond ASCII", head("X\xe9: y", "Content-Length: 0"), BAD, CLOSED)
case("a value beyond ASCII", post(lead("latin"), "X: \xe9"), (202, ...), leads=["latin"])

# ---- chunks: behind them nothing more is read from the connection ----
case("chunks of one byte", chunked(*[bytes([b]) for b in lead("bytes")]), (202,), leads=["bytes"])
case("a chunk with an extension", chunked(end=b"%x;a=b;c=\"d\"\r\n%s\r\n0;x\r\n\r\n" % (len(lead("extension")), lead("extension"))),
     (202,), BAD, CLOSED, maybe=["extension"])
case("an extension with a line feed", chunked(end=b"5;a\nhello\r\n0\r\n\r\n") + SMUGGLED, BAD, CLOSED)
case("trailers", chunked(lead("trailers"), end=b"0\r\nX: y\r\nContent-Length: 5\r\n\r\n"), (202,), leads=["trailers"])
for size in (b"-5", b"+5", b"0x5", b"FFFFFFFFFFFFFFFFF", b"8000000000000000", b"7FFFFFFFFFFFFFFF", b"", b"g", b"5g", b" 5", b"\x005"):
    case(f"chunk size {size.decode('latin-1')!r}", chunked(end=size + b"\r\nhello\r\n0\r\n\r\n"), BAD, CLOSED, (408,), (413,))
case("a chunk longer than its size", chunked(end=b"3\r\nhello\r\n0\r\n\r\n") + SMUGGLED, BAD, CLOSED)
case("a chunk without its line end", chunked(end=b"5\r\nhello0\r\n\r\n") + SMUGGLED, BAD, CLOSED)
case("chunks with line feeds only", chunked(end=b"%x\n%s\n0\n\n" % (len(lead("lf_chunk")), lead("lf_chunk"))), BAD, CLOSED, (202,),
     maybe=["lf_chunk"])

# ---- request lines ----
case("absolute form", post(lead("absolute"), path=f"http://a{PATH}"), (202, ...), leads=["absolute"])
case("absolute form of another scheme", post(body, path=f"ftp://a{PATH}"), BAD)
case("CONNECT", head(method="CONNECT", path="mail.contoso.com:25"), BAD, (405,), CLOSED)
case("HTTP/0.9", b"GET " + PATH.encode() + b"\r\n", CLOSED, BAD, end=False)
case("HTTP/2 begins", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", CLOSED, BAD, (505,))
case("HTTP/1.2", post(body, version="HTTP/1.2"), CLOSED, BAD, (505,), (202, ...), maybe=["never"])
case("HTTP/3.0", post(body, version="HTTP/3.0"), CLOSED, BAD, (505,))
case("HTTP/1.10", post(body, version="HTTP/1.10"), CLOSED, BAD, (505,))
case("http/1.1 in small letters", post(body, version="http/1.1"), CLOSED, BAD, (505,))
case("h2c is not taken up", post(lead("h2c"), "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
     (202, ...), leads=["h2c"])
case("a small method", post(body, method="post"), (405, ...), (405,), BAD)
case("an odd method", post(body, method="P(ST"), BAD, CLOSED)
case("a very long method", post(body, method="P" * 4000), BAD, CLOSED, (405,))
case("two blanks", post(lead("two_blanks"), method="POST "), BAD, CLOSED, (202, ...), maybe=["two_blanks"])
case("tabs for blanks", post(body).replace(b" ", b"\t", 2), BAD, CLOSED)
case("a blank in the path", post(body, path="/in/par tner"), BAD, CLOSED)
case("a NUL in the path", post(body, path="/in/partner\0x"), BAD, CLOSED)
case("%00 in the path", post(body, path=f"/in/partner%00/{JSON_TOKEN}"), BAD)
case("a broken escape", post(body, path=f"/in/partner%4/{JSON_TOKEN}"), BAD)
case("dots in the path", post(body, path=f"/in/x/../partner/{JSON_TOKEN}"), (404, ...))
case("a fragment", post(body, path=PATH + "#x"), BAD)
case("empty lines before the request", b"\r\n\r\n" + post(lead("blank_lines")), (202, ...), leads=["blank_lines"])
case("a blank before the method", b" " + post(body), BAD, CLOSED)
case("only noise", bytes(range(256)) * 8 + b"\r\n\r\n", BAD, CLOSED)
case("a TLS hello", bytes.fromhex("16030100c8010000c40303") + b"\0" * 189, BAD, CLOSED, (408,))

# ---- connections ----
case("100-continue", post(lead("continued"), "Expect: 100-continue"), (100, 202, ...), (202, ...), leads=["continued"])
case("no 100 for a wrong token", head("Expect: 100-continue", "Content-Length: 5", path="/in/partner/wrong-token-0123456789"), (401,))
case("an unknown expectation", post(lead("expected"), "Expect: coffee"), (417,), (202, ...), maybe=["expected"])
case("three in one breath", post(lead("first")) + post(lead("second")) + post(lead("third")), (202, 202, 202, ...),
     leads=["first", "second", "third"])
case("goes on after a bad one", post(b"{") + post(lead("after_bad")), (400, 202, ...), leads=["after_bad"])
case("goes on after 404", post(lead("nowhere"), path="/in/nowhere") + post(lead("after_404")), (404, 202, ...), leads=["after_404"])
case("goes on after 422", post(b'{"note":1}') + chunked(lead("after_422")), (422, 202), leads=["after_422"])
case("a refused body is no request", post(SMUGGLED, path="/in/partner/wrong-token-0123456789"), (401, ...), (401,))
case("the body of a GET is no request", post(SMUGGLED, method="GET"), (405, ...), (405,))
case("a body beyond the limit is no request", post(SMUGGLED + b" " * 70000), (413,))
case("chunks beyond the limit are no request", chunked(b"x" * 40000, b"x" * 40000, SMUGGLED), (413,), (413, ...), CLOSED)
case("half-closed behind the body", post(lead("half_closed")), (202,), leads=["half_closed"], end=False, finish="half-close")
case("half-closed within the body", post(lead("cut"))[:-3], CLOSED, BAD, (408,), end=False, finish="half-close")
case("half-closed within a chunk", chunked(lead("cut"))[:-9], CLOSED, BAD, (408,), end=False, finish="half-close")
case("half-closed within the head", post(lead("cut"))[:40], CLOSED, BAD, (408,), end=False, finish="half-close")
case("reset behind the body", post(lead("reset")), maybe=["reset"], end=False, finish="reset")
case("reset within the body", post(lead("cut"))[:-3], end=False, finish="reset")
case("reset within a chunk", chunked(lead("cut"))[:-9], end=False, finish="reset")
case("a length that is never reached", head("Content-Length: 1000") + b"x", (408,), CLOSED, end=False)

# ---- sizes ----
case("a request line of 9 KB", post(body, path=PATH + "?" + "x" * 9000), (414,))
case("a header of 40 KB", post(body, "X: " + "x" * 40000), (431,), CLOSED)
case("101 headers", post(body, *[f"X-{i}: y" for i in range(99)]), (431,))
case("10,000 headers", post(body, *[f"X-{i}: y" for i in range(10000)]), (431,), CLOSED, (413,))
case("endless head", b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 60000, (431,), CLOSED, (413,), end=False)
case("JSON nested 33 deep", post(b'{"last_name":"deep","x":' + b"[" * 33 + b"]" * 33 + b"}"), (400, ...))
case("JSON nested 30,000 deep", post(b"[" * 30000), (400, ...))
case("1,001 leads", post(json.dumps([{"last_name": "many"}] * 1001).encode()), (413, ...), (400, ...), (422, ...))

# ---- what a body is ----
case("no length and no body", head(), (400, ...), (411, ...))
case("an empty body", head("Content-Length: 0"), (400, ...))
case("white space only", post(b" \r\n\t "), (400, ...))
case("a compressed body", post(b"\x1f\x8b\x08" + b"\0" * 30, "Content-Encoding: gzip"), (415, ...), (415,))
case("a body compressed twice", post(b"x", "Content-Encoding: identity", "Content-Encoding: br"), (415, ...), (415,), (400, ...))
FORM = f"/in/website/{FORM_TOKEN}"
case("JSON to a form", post(b'{"last_name":"x"}', "Content-Type: application/json", path=FORM), (415, ...))
case("a form without type", post(b"last_name=x", path=FORM), (415, ...))
case("a form that is none", post(b"\x00\xff\xfe", "Content-Type: application/x-www-form-urlencoded", path=FORM), (400, ...))
case("a multipart that is none", post(b"hello", "Content-Type: multipart/form-data; boundary=X", path=FORM), (400, ...))
case("a multipart without boundary", post(b"--X\r\n", "Content-Type: multipart/form-data", path=FORM), (400, ...))
case("a multipart cut off", post(b'--X\r\nContent-Disposition: form-data; name="last_name"\r\n\r\ncut', "Content-Type: multipart/form-data; boundary=X",
                                 path=FORM), (400, ...))
case("JSON that is none", post(b"last_name=x", "Content-Type: application/json"), (400, ...))

# ---- texts and numbers: exactly, or not at all ----
for name, bad in (("invalid UTF-8", b'{"last_name":"\xff\xfe"}'), ("an overlong form", b'{"last_name":"\xc0\xaf"}'),
                  ("a surrogate in UTF-8", b'{"last_name":"\xed\xa0\x80"}'), ("a lone surrogate", b'{"last_name":"\\ud800"}'),
                  ("surrogates the wrong way round", b'{"last_name":"\\udc00\\ud800"}'), ("U+0000", b'{"last_name":"a\\u0000b"}'),
                  ("a NUL byte", b'{"last_name":"a\0b"}'), ("U+0000 in a name", b'{"last_name":"x","a\\u0000":1}'),
                  ("a name twice", b'{"last_name":"a","last_name":"b"}'), ("a name twice, escaped", b'{"last_name":"a","last\\u005fname":"b"}'),
                  ("UTF-16", '{"last_name":"x"}'.encode("utf-16")), ("two values", b'{"last_name":"a"}{"last_name":"b"}'),
                  ("a comma at the end", b'{"last_name":"a",}'), ("NaN", b'{"last_name":"a","x":NaN}'), ("01", b'{"last_name":"a","x":01}')):
    case(name, post(bad), (400, ...), (422, ...))
case("numbers travel as they are", post(b'{"last_name":"numbers","a":1e400,"b":-0,"c":9223372036854775808,"d":0.1000,"e":123456789012345678901234567890}'),
     (202, ...), leads=["numbers"], values={"numbers": ('"a":1e400', '"b":-0,', '"c":9223372036854775808', '"d":0.1000', '"e":123456789012345678901234567890')})
case("texts travel as they are", post('\ufeff{"last_name":"texts","first_name":"Zo\u00eb \U0001f600","x":"\\ud83d\\ude00\\u2028\\ufeff"}'.encode()),
     (202, ...), leads=["texts"], values={"texts": ("Zo\u00eb \U0001f600", "\U0001f600\u2028\ufeff")})
case("a number is taken as its text", post(b'{"last_name":"phone","phone":1e400}'), (202, ...), leads=["phone"], values={"phone": ('"phone":"1e400"',)})
case("a long number is not", post(b'{"last_name":"x","phone":9223372036854775808}'), (422, ...))


def connect():
    s = socket.create_connection((HOST, int(PORT)), timeout=PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def send_all(s, data):
    """As much as the other side takes: it may answer and close before it has read everything."""
    try:
        s.sendall(data)
        return True
    except OSError:
        return False


def read_all(s):
    got = b""
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return got
            got += piece
    except ConnectionError:
        return got


def statuses(got):
    """The statuses of the answers, and their bodies; a body is as long as its Content-Length says."""
    found, bodies = [], []
    while got:
        top, mark, rest = got.partition(b"\r\n\r\n")
        if rest.startswith(top):  # libmicrohttpd 0.9.75 writes the head of its own refusals twice at times
            rest = rest[len(top) + 4:]
        if not mark or not top.startswith(b"HTTP/1."):
            raise ValueError(f"not an answer: {got[:200]!r}")
        status = int(top.split()[1])
        length = 0
        for line in top.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        found.append(status)
        bodies.append(rest[:length])
        got = rest[length:]
    return tuple(found), bodies


def right(found, answers):
    for answer in answers:
        wanted = tuple(404 if a is ... else a for a in answer)
        if found == wanted or (answer and answer[-1] is ... and found == wanted[:-1]):
            return True
    return False


def run(c):
    s = connect()
    try:
        if c["finish"] == "reset":
            s.sendall(c["data"])
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        send_all(s, c["data"] + (END if c["end"] else b""))
        if c["finish"] == "half-close":
            s.shutdown(socket.SHUT_WR)
        found, bodies = statuses(read_all(s))
        if not right(found, c["answers"]):
            return f"{c['name']}: answered {found}, right is {c['answers']}"
        c["ids"] = [json.loads(b)["id"] for f, b in zip(found, bodies) if f == 202]
        return None
    except (socket.timeout, ValueError) as error:
        return f"{c['name']}: {error!r}"
    finally:
        s.close()


def healthy(n):
    s = connect()
    s.sendall(post(lead(f"healthy{n}"), "Connection: close"))
    found, _ = statuses(read_all(s))
    s.close()
    return None if found == (202,) else f"a healthy client got {found}"


def archive():
    with open(ARCHIVE, encoding="utf-8") as file:
        return [(line, json.loads(line)) for line in file if line.endswith("\n")]


def judge(wanted_health):
    """Every lead that must be there, once; none that must not."""
    must = {n for c in CASES for n in c["leads"]} | {f"healthy{n}" for n in range(wanted_health)}
    may = must | {n for c in CASES for n in c["maybe"]}
    until = time.monotonic() + PATIENCE
    while True:
        lines = archive()
        names = [doc["fields"]["last_name"] for _, doc in lines]
        if must <= set(names) or time.monotonic() > until:
            break
        time.sleep(0.1)
    problems = [f"lead {n!r} is missing" for n in sorted(must - set(names))]
    problems += [f"lead {n!r} must not exist" for n in sorted(set(names) - may)]
    problems += [f"lead {n!r} exists {names.count(n)} times" for n in sorted(set(names)) if names.count(n) > 1]
    by_id = {doc["id"]: doc["fields"]["last_name"] for _, doc in lines}
    for c in CASES:
        order = [by_id.get(i) for i in c.get("ids", [])]
        known = [n for n in order if n in c["leads"] or n in c["maybe"]]
        if len(known) != len(order):
            problems.append(f"{c['name']}: its answers name the leads {order}")
        if len(order) > 1 and order != ["first", "second", "third"]:
            problems.append(f"{c['name']}: answered in the order {order}")
        for name, parts in c["values"].items():
            text = next((line for line, doc in lines if doc["fields"]["last_name"] == name), "")
            problems += [f"{c['name']}: {part!r} is not in {text}" for part in parts if part not in text]
    return problems


def main():
    global CASES
    if WANTED:
        CASES = [c for c in CASES if c["name"] in WANTED]
    problems = []
    health = 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = []
        for i, c in enumerate(CASES):
            futures.append(pool.submit(run, c))
            if i % 10 == 9:
                futures.append(pool.submit(healthy, health))
                health += 1
        problems += [f.result() for f in futures if f.result()]
    problems += filter(None, [healthy(health)])
    problems += judge(health + 1)
    for problem in problems:
        print("FAILED:", problem)
    print(f"{len(CASES)} hostile connections, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()

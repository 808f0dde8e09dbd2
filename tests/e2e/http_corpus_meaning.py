"""Requests: what an intermediary must do with what it understood. Connection, Via, Max-Forwards, Expect, Upgrade, paths, who the client is,
and clients that leave in the middle."""
import re

from http_corpus_lines import maker
from http_judge import HALF, PAUSE, RESET, WAIT, Request, ask

ROWS = []
ok, bad, free = maker(ROWS)


def row(name, send, want, rfc, **more):
    ROWS.append(Request(name, send if isinstance(send, tuple) else (send,), want, rfc, **more))


# --- 9110 7.6.1: Connection and the fields of one hop ---
HOP = "9110 7.6.1"
ok("a field that Connection names", ask("GET / HTTP/1.1", "Connection: X-Hop", "X-Hop: 1", "X-End: 2"), HOP, rb"X-End: 2", never=(rb"X-Hop",))
ok("Connection names in another case", ask("GET / HTTP/1.1", "connection: x-HOP", "X-Hop: 1"), HOP, never=(rb"X-Hop:",))
ok("Connection behind the field that it names", ask("GET / HTTP/1.1", "X-Hop: 1", "Connection: X-Hop"), HOP, never=(rb"X-Hop:",))
ok("a field that Connection names, twice there", ask("GET / HTTP/1.1", "X-Hop: 1", "Connection: X-Hop", "X-Hop: 2"), HOP, never=(rb"X-Hop:",))
ok("two Connection lines", ask("GET / HTTP/1.1", "Connection: X-A", "Connection: X-B", "X-A: 1", "X-B: 2"), HOP, never=(rb"X-A:", rb"X-B:"))
ok("Connection with empty members", ask("GET / HTTP/1.1", "Connection: ,, X-A ,", "X-A: 1"), "9110 5.6.1", never=(rb"X-A:",))
ok("an empty Connection", ask("GET / HTTP/1.1", "Connection:"), HOP)
ok("Connection with fifty options", ask("GET / HTTP/1.1", "Connection: " + ", ".join(f"X-{n}" for n in range(50)), "X-0: 1", "X-49: 1"), HOP, never=(rb"X-0:", rb"X-49:"))
ok("a name that only begins like the one named", ask("GET / HTTP/1.1", "Connection: X-A", "X-AB: 1", "AX-A: 2"), HOP, rb"X-AB: 1", rb"AX-A: 2")
ok("Connection names Host, which must stay", ask("GET / HTTP/1.1", "Connection: Host"), HOP)
ok("Connection names Cache-Control, a request to us all the same", ask("GET / HTTP/1.1", "Connection: Cache-Control", "Cache-Control: no-cache"), HOP, never=(rb"(?i)no-cache",))
ok("Connection names X-Forwarded-For, which we write", ask("GET / HTTP/1.1", "Connection: X-Forwarded-For", "X-Forwarded-For: 192.0.2.1"), HOP, rb"X-Forwarded-For: [^\r]*127\.64\.")
ok("Connection names X-Forwarded-Proto, which we write", ask("GET / HTTP/1.1", "Connection: X-Forwarded-Proto"), HOP, rb"X-Forwarded-Proto: http\r\n")
ok("Connection names Forwarded, which we write", ask("GET / HTTP/1.1", "Connection: Forwarded"), HOP, rb"Forwarded: [^\r]*127\.64\.")
ok("Connection names Via, which we write", ask("GET / HTTP/1.1", "Connection: Via", "Via: 1.1 other"), HOP, rb"Via: [^\r]*1\.1 genkan")
ok("Connection names Authorization", ask("GET / HTTP/1.1", "Connection: Authorization", "Authorization: Basic eDp5"), HOP, never=(rb"eDp5",))
ok("Connection names Cookie", ask("GET / HTTP/1.1", "Connection: Cookie", "Cookie: a=b"), HOP, never=(rb"a=b",))
ok("Connection names Connection", ask("GET / HTTP/1.1", "Connection: Connection"), HOP)
free("Connection with what is no token", ask("GET / HTTP/1.1", 'Connection: "X-A", (b)', "X-A: 1"), HOP)
ok("Keep-Alive", ask("GET / HTTP/1.1", "Connection: keep-alive", "Keep-Alive: timeout=5"), HOP, never=(rb"(?i)keep-alive: ",))
ok("Keep-Alive that Connection does not name", ask("GET / HTTP/1.1", "Keep-Alive: timeout=5"), HOP, never=(rb"(?i)keep-alive: ",))
ok("Proxy-Connection", ask("GET / HTTP/1.1", "Proxy-Connection: keep-alive"), HOP, never=(rb"(?i)proxy-connection",))
ok("Proxy-Connection: close does not close", ask("GET / HTTP/1.1", "Proxy-Connection: close"), "9112 C.2.2", level="SHOULD")
ok("TE that Connection names", ask("GET / HTTP/1.1", "Connection: TE", "TE: trailers, gzip;q=0.5"), "9110 10.1.4", never=(rb"gzip",))
ok("TE that Connection does not name", ask("GET / HTTP/1.1", "TE: gzip"), "9110 10.1.4", never=(rb"gzip",))
ok("Upgrade to what we do not know", ask("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: foo/2"), "9110 7.8", never=(rb"(?i)upgrade",))
ok("Upgrade that Connection does not name", ask("GET / HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), "9110 7.8", never=(rb"(?i)upgrade: ",))
ok("Upgrade to h2c", ask("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"), "9113 3.1", never=(rb"(?i)upgrade", rb"(?i)http2-settings"))
ok("Upgrade to h2c with a space", ask("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade:  h2c ", "HTTP2-Settings: AAMAAABk"), "9113 3.1", never=(rb"(?i)h2c", rb"(?i)http2-settings"))
ok("Upgrade in HTTP/1.0", ask("GET / HTTP/1.0", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), "9110 7.8", closed=True, never=(rb"(?i)upgrade: ",))
ok("Upgrade of POST with content that is a request", ask("POST / HTTP/1.1", "Connection: Upgrade", "Upgrade: foo", "Content-Length: 18", content="GET /hidden HTTP/1"), "9110 7.8", rb"<body>GET /hidden HTTP/1</body>")
row("a WebSocket that the backend does not want: the connection stays in step",
    ask("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), (200,), "9110 7.8")
row("what follows a WebSocket that the backend does not want, sent before its answer",
    ask("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13") + ask("GET /second HTTP/1.1"), (200,), "9110 7.8", reaches=(1, 2))
ok("Trailer may be passed on", ask("GET / HTTP/1.1", "Trailer: X-T"), "9110 6.6.2")
ok("Proxy-Authorization is not for a backend's eyes, or is", ask("GET / HTTP/1.1", "Proxy-Authorization: Basic eDp5"), "9110 11.7.1", level="MAY")

# --- 9110 7.6.3, 7.6.2 ---
ok("Via", ask("GET / HTTP/1.1"), "9110 7.6.3", rb"Via: 1\.1 genkan\r\n", sees=(rb"(?i)\r\nvia: 1\.1 genkan\r\n",))
ok("Via of HTTP/1.0", ask("GET / HTTP/1.0"), "9110 7.6.3", rb"Via: 1\.0 genkan\r\n", closed=True)
ok("Via is added behind what is there", ask("GET / HTTP/1.1", "Via: 1.0 fred, 1.1 p.example"), "9110 7.6.3", rb"(?is)via: 1\.0 fred, 1\.1 p\.example.*1\.1 genkan")
ok("two Via lines stay in order", ask("GET / HTTP/1.1", "Via: 1.0 a", "Via: 1.1 b"), "9110 7.6.3", rb"(?is)1\.0 a.*1\.1 b.*1\.1 genkan")
for method in ("OPTIONS", "TRACE"):
    row(f"{method} that may not be forwarded", ask(f"{method} / HTTP/1.1", "Max-Forwards: 0"), ((200, 204, 405, 501),), "9110 7.6.2", reaches=0)
    row(f"{method} with Max-Forwards of many zeros", ask(f"{method} / HTTP/1.1", "Max-Forwards: 000"), ((200, 204, 400, 405, 501),), "9110 7.6.2", reaches=0)
row("OPTIONS * that may not be forwarded", ask("OPTIONS * HTTP/1.1", "Max-Forwards: 0"), ((200, 204),), "9110 7.6.2", reaches=0)
row("OPTIONS that may not be forwarded, with content", ask("OPTIONS / HTTP/1.1", "Max-Forwards: 0", "Content-Length: 35", content="GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n   "), ((200, 204, 400),), "9110 7.6.2", reaches=0, never=(b"hidden",))
ok("OPTIONS counts down", ask("OPTIONS / HTTP/1.1", "Max-Forwards: 1"), "9110 7.6.2", rb"Max-Forwards: 0\r\n", never=(rb"Max-Forwards: 1\r\n",))
ok("OPTIONS counts down from ten", ask("OPTIONS / HTTP/1.1", "Max-Forwards: 10"), "9110 7.6.2", rb"Max-Forwards: 9\r\n")
ok("OPTIONS counts down from 100", ask("OPTIONS / HTTP/1.1", "max-forwards:100"), "9110 7.6.2", rb"(?i)max-forwards: ?99\r\n")
row("TRACE counts down, or is not allowed", ask("TRACE / HTTP/1.1", "Max-Forwards: 5"), ((200, 405, 501),), "9110 7.6.2", reaches=(0, 1), never=(rb"Max-Forwards: 5\r\n",))
ok("GET does not count", ask("GET / HTTP/1.1", "Max-Forwards: 0"), "9110 7.6.2", level="MAY")
for value in ("x", "-1", "1.5", "", "1 2", "0x1", "+1"):
    free(f"OPTIONS with Max-Forwards {value!r}", ask("OPTIONS / HTTP/1.1", f"Max-Forwards: {value}"), "9110 7.6.2", want=(200, 204, 400))
free("OPTIONS with Max-Forwards beyond all numbers", ask("OPTIONS / HTTP/1.1", "Max-Forwards: 99999999999999999999999"), "9110 7.6.2", want=(200, 204, 400))
free("OPTIONS with two Max-Forwards", ask("OPTIONS / HTTP/1.1", "Max-Forwards: 0", "Max-Forwards: 5"), "9110 7.6.2", want=(200, 204, 400), never=(rb"Max-Forwards: 5\r\n",))
free("TRACE with content", ask("TRACE / HTTP/1.1", "Content-Length: 5", content="hello"), "9110 9.3.8", want=(200, 400, 405, 501), never=(rb"hello",))
free("TRACE with chunks", ask("TRACE / HTTP/1.1", "Transfer-Encoding: chunked", content="5\r\nhello\r\n0\r\n\r\n"), "9110 9.3.8", want=(200, 400, 405, 501), never=(rb"hello",))

# --- 9110 10.1.1: Expect ---
EXPECT = "9110 10.1.1"
row("100-continue, content behind the 100", (ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"), WAIT, b"hello"), (200,), EXPECT, closed=False, gets=(rb"<body>hello</body>",), sees=(rb"^HTTP/1\.1 100 ",))
row("100-continue, chunks behind the 100", (ask("POST / HTTP/1.1", "Expect: 100-continue", "Transfer-Encoding: chunked"), WAIT, b"5\r\nhello\r\n0\r\n\r\n"), (200,), EXPECT, closed=False,
    gets=(rb"<body>hello</body>",), sees=(rb"^HTTP/1\.1 100 ",))
row("100-continue in capitals", (ask("POST / HTTP/1.1", "EXPECT: 100-CONTINUE", "Content-Length: 5"), WAIT, b"hello"), (200,), EXPECT, closed=False, gets=(rb"<body>hello</body>",), sees=(rb"^HTTP/1\.1 100 ",))
ok("100-continue, content at once", ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", content="hello"), EXPECT, rb"<body>hello</body>")
ok("100-continue without content", ask("GET / HTTP/1.1", "Expect: 100-continue"), EXPECT)
ok("100-continue with length 0", ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 0"), EXPECT)
ok("100-continue in HTTP/1.0 means nothing", ask("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 5", content="hello"), EXPECT, rb"<body>hello</body>", closed=True)
row("100-continue, the backend refuses before the content", (ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"), WAIT), (403,), EXPECT, reaches=(0, 1), partial=True,
    answer=b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", unseen=(rb"HTTP/1\.1 100",))
row("100-continue, too large: refused before the content", ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 2000000"), (413,), EXPECT, closed=True, reaches=0, unseen=(rb"HTTP/1\.1 100",))
row("100-continue of what is refused", ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", "Content-Length: 6"), (400,), EXPECT, closed=True, reaches=0, unseen=(rb"HTTP/1\.1 100",))
for value in ("foo", "200-ok", "100-continue-x", "100", "100-continue, foo", "100-continue=yes", '"100-continue"'):
    free(f"expectation {value!r}", ask("GET / HTTP/1.1", f"Expect: {value}"), EXPECT, want=(200, 417))
    row(f"expectation {value!r} with content: in step or closed", ask("POST / HTTP/1.1", f"Expect: {value}", "Content-Length: 35", content="GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n   "), ((200, 417),), EXPECT, reaches=(0, 1),
        never=(rb"^GET /hidden",), level="MAY")
free("two Expect lines", ask("POST / HTTP/1.1", "Expect: 100-continue", "Expect: 100-continue", "Content-Length: 5", content="hello"), EXPECT, want=(200, 400, 417))

# --- 3986 6.2: paths. The backend gets what the rules saw ---
PATH = "3986 5.2.4"
for given, got in (("/a/../b", "/b"), ("/a/./b", "/a/b"), ("/./a", "/a"), ("/a/b/../../c", "/c"), ("/a/..", "/"), ("/a/.", "/a/"), ("/.", "/"), ("/a/%2e%2e/b", "/b"), ("/a/%2E%2e/b", "/b"), ("/a/.%2e/b", "/b"),
                   ("/a/%2e/b", "/a/b"), ("/a/..?q", "/?q"), ("//a", "/a"), ("/a//b", "/a/b"), ("///", "/"), ("/a//../b", "/b"), ("/%61", "/a"), ("/%7Eu", "/~u"), ("/%7eu", "/~u"), ("/a/...", "/a/..."),
                   ("/a/..b", "/a/..b"), ("/a/b..", "/a/b.."), ("/.a", "/.a")):
    ok(f"path {given}", ask(f"GET {given} HTTP/1.1"), PATH, b"^GET " + re.escape(got.encode()) + b" HTTP", level="SHOULD")
for given in ("/a;p=1/b", "/a?b?c", "/a?../x", "/a?b=/../c", "/?", "/a%20b", "/~u", "/a'b", "/:80", "/a@b", "/a:b", "/a!$&'()*+,;=b", "/a%2Fb", "/%3F", "/%23", "/a?x=%20",
              "/x:y", "/a?a=1&b=2;c", "/a?&&", "/a??", "/%E2%82%AC", "/a-b_c.d", "/a=b"):
    ok(f"path {given} stays", ask(f"GET {given} HTTP/1.1"), "3986 6.2.2", b"^GET " + re.escape(given.encode()) + b" HTTP")
for given in ("/..", "/../a", "/a/../../b", "/%2e%2e/a", "/%2e%2e", "/.%2e/a", "/a/..%2f..%2fb", "/a/..%2Fb", "/a%2f..%2fb", "/..%5ca", "/a/..;/b", "/a/..;x=y/b", "/%00", "/a%00b", "/a%", "/a%2", "/a%zz", "/%", "/%c0%ae%c0%ae/a",
              "/a/%c0%af..", "/a/..%c0%afb", "/a\\..\\..\\b", "/\\..\\a", "/..\\a", "/a/%2e%2e%2fb"):
    free(f"path {given}, a climb or no path", ask(f"GET {given} HTTP/1.1"), PATH, want=(400, 403, 404), reaches=0, level="SHOULD")
free("a path that is percent-encoded twice", ask("GET /a/%252e%252e/b HTTP/1.1"), PATH, gets=(rb"^GET /a/%252[eE]%252[eE]/b ",))
free("a NUL in the query, encoded", ask("GET /a?%00 HTTP/1.1"), PATH)
free("bad %XX in the query", ask("GET /a?%zz HTTP/1.1"), PATH)
free("a path of 3,000 segments", ask("GET " + "/a" * 3000 + " HTTP/1.1"), PATH)
free("a path of 3,000 climbs", ask("GET " + "/a/.." * 1500 + "/b HTTP/1.1"), PATH, gets=(rb"^GET /b HTTP",))

# --- 7239, and the fields of custom: nobody claims to be another ---
WHO = "7239 7.4"
ok("X-Forwarded-For is added", ask("GET / HTTP/1.1"), WHO, rb"X-Forwarded-For: 127\.64\.\d+\.\d+\r\n", rb"Forwarded: for=\"?127\.64\.", rb"X-Forwarded-Proto: http\r\n", rb"X-Forwarded-Host: a\r\n")
ok("X-Forwarded-For that came: ours is the last", ask("GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2"), WHO, rb"(?s)192\.0\.2\.2.*127\.64\.\d+\.\d+\r\n")
ok("X-Forwarded-For twice: ours is the last", ask("GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"), WHO, rb"(?s)X-Forwarded-For: [^\r]*127\.64\.\d+\.\d+\r\n(?!.*X-Forwarded-For:)")
ok("X-Forwarded-Proto that came does not count", ask("GET / HTTP/1.1", "X-Forwarded-Proto: https"), WHO, rb"X-Forwarded-Proto: http\r\n", never=(rb"(?i)x-forwarded-proto: *https",))
ok("X-Forwarded-Proto in another case does not count", ask("GET / HTTP/1.1", "x-FORWARDED-proto: https"), WHO, never=(rb"(?i)x-forwarded-proto: *https",))
ok("X-Forwarded-Host that came does not count", ask("GET / HTTP/1.1", "X-Forwarded-Host: evil.example"), WHO, rb"X-Forwarded-Host: a\r\n", never=(rb"evil\.example",))
ok("Forwarded that came: ours is the last", ask("GET / HTTP/1.1", "Forwarded: for=192.0.2.1;proto=https"), WHO, rb"(?s)for=192\.0\.2\.1;proto=https.*for=\"?127\.64\.")
ok("Forwarded with an open quote does not swallow ours", ask("GET / HTTP/1.1", 'Forwarded: for="'), WHO, rb"for=\"?127\.64\.", never=(rb'for=", ?for',), level="SHOULD")
ok("Forwarded with an open quote and a backslash does not swallow ours", ask("GET / HTTP/1.1", 'Forwarded: for="x\\'), WHO, rb"for=\"?127\.64\.", never=(rb'for="x\\, ?for',), level="SHOULD")
ok("a Host with quotes' company is quoted in Forwarded", ask(host="Host: a:81"), WHO, rb'Forwarded: [^\r]*host="a:81"')
ok("an IPv6 Host is quoted in Forwarded", ask(host="Host: [::1]:81"), WHO, rb'Forwarded: [^\r]*host="\[::1\]:81"')

# --- clients that leave, or say no more ---
LEAVE = "9112 9.6"
row("half-closed behind a whole request", (ask("GET /1 HTTP/1.1"), HALF), (200,), LEAVE, closed=None)
row("half-closed behind two whole requests", (ask("GET /1 HTTP/1.1") + ask("GET /2 HTTP/1.1"), HALF), (200, 200), LEAVE, closed=None)
row("half-closed behind content", (ask("POST /1 HTTP/1.1", "Content-Length: 5", content="hello"), HALF), (200,), LEAVE, gets=(rb"<body>hello</body>",))
row("half-closed at once", (HALF,), (), LEAVE, closed=True, reaches=0)
row("half-closed behind an empty line", (b"\r\n", HALF), (), LEAVE, closed=True, reaches=0)
for name, octets in (("in the method", b"GE"), ("in the target", b"GET /hid"), ("in the version", b"GET / HTTP/1."), ("behind the line", b"GET / HTTP/1.1\r\n"), ("in a field", b"GET / HTTP/1.1\r\nHos"),
                     ("behind Host", b"GET / HTTP/1.1\r\nHost: a\r\n"), ("before the last LF", b"GET / HTTP/1.1\r\nHost: a\r\n\r")):
    row(f"reset {name}", (octets, PAUSE, RESET), (), "9112 8", reaches=0)
    # 9112 8: "a server that receives an incomplete request message ... MAY send an error response prior to closing".
    row(f"half-closed {name}", (octets, HALF, WAIT, RESET), (), "9112 8", reaches=0)
row("reset in the content", (ask("POST / HTTP/1.1", "Content-Length: 50", content="GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"), PAUSE, RESET), (), "9112 8", reaches=0, partial=True)
row("reset in a chunk", (ask("POST / HTTP/1.1", "Transfer-Encoding: chunked", content="32\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"), PAUSE, RESET), (), "9112 8", reaches=0, partial=True)
row("reset before the last chunk", (ask("POST / HTTP/1.1", "Transfer-Encoding: chunked", content="5\r\nhello\r\n"), PAUSE, RESET), (), "9112 8", reaches=0, partial=True)
row("reset in the trailers", (ask("POST / HTTP/1.1", "Transfer-Encoding: chunked", content="5\r\nhello\r\n0\r\nX-T: 1\r\n"), PAUSE, RESET), (), "9112 8", reaches=0, partial=True)
row("reset behind 100-continue", (ask("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"), WAIT, RESET), (), "9112 8", reaches=0, partial=True)

# --- answers of our own ---
row("HEAD of what is refused has no content", ask("HEAD /../x HTTP/1.1"), (400,), "9110 9.3.2", closed=True, reaches=0)
row("HTTP/1.0 that is refused", ask("GET /../x HTTP/1.0"), (400,), "9110 15.5.1", closed=True, reaches=0, unseen=(rb"(?i)transfer-encoding",))
row("405 names what is allowed", ask("CONNECT a:80 HTTP/1.1"), ((405, 501),), "9110 15.5.6", closed=True, reaches=0)

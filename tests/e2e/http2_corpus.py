"""Requests of HTTP/2 as a backend of HTTP/1.1 sees them: nothing that HTTP/2 carries becomes a line, a length or a request of its own."""
from h2wire import DATA, END_HEADERS, END_STREAM, HEADERS, frame
from http_judge import Request

ROWS = []
RST = "reset"  # the stream, or the connection


def fields(path="/p", method="GET", scheme="http", authority="a", more=(), drop=(), before=()):
    every = [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority)]
    return [*before, *[one for one in every if one[0] not in drop], *more]


def row(name, want, rfc, send=None, content=None, trailers=None, **more):
    """content: None: the head ends the request. Else octets, or several of them for DATA frames of their own."""
    head = send if send is not None else fields(**{k: more.pop(k) for k in list(more) if k in ("path", "method", "scheme", "authority", "more", "drop", "before")})
    ROWS.append((Request(name, (), (want,), rfc, **more), head, content, trailers))


def ok(name, rfc, *gets, **more):
    row(name, 200, rfc, gets=gets, **more)


def bad(name, rfc, **more):
    """400 and its like, or a reset: nothing of it at the backend."""
    row(name, more.pop("want", (RST, 400, 405, 501)), rfc, reaches=0, **more)


def free(name, rfc, want=(200, RST, 400), **more):
    row(name, want, rfc, reaches=(0, 1), level="MAY", **more)


# --- 9113 8.3: the line and Host ---
ok("plain", "9113 8.3.1", rb"^GET /p HTTP/1\.1\r\nHost: a\r\n", rb"Via: 2\.0 genkan\r\n", rb"X-Forwarded-Proto: http\r\n")
ok("a query", "9113 8.3.1", rb"^GET /p\?a=b HTTP", path="/p?a=b")
ok("OPTIONS *", "9113 8.3.1", rb"^OPTIONS \* HTTP", path="*", method="OPTIONS")
ok("HEAD", "9113 8.3.1", rb"^HEAD /p HTTP", method="HEAD")
ok("an unknown method", "9113 8.3.1", rb"^FOO /p HTTP", method="FOO")
ok("a port in :authority", "9113 8.3.1", rb"\r\nHost: a:81\r\n", authority="a:81")
ok("an IPv6 :authority", "9113 8.3.1", rb"\r\nHost: \[::1\]:81\r\n", authority="[::1]:81")
ok("Host and no :authority", "9113 8.3.1", rb"(?i)\r\nhost: h\r\n", drop=(":authority",), more=[("host", "h")])
ok("Host that says the same", "9113 8.3.1", rb"(?i)\r\nhost: a\r\n", more=[("host", "a")])
ok("dot segments", "3986 5.2.4", rb"^GET /b HTTP", path="/a/../b")
bad("Host that says something else", "9113 8.3.1", more=[("host", "b")])
bad("two Host", "9112 3.2", more=[("host", "a"), ("host", "a")])
bad("two Host and no :authority", "9112 3.2", drop=(":authority",), more=[("host", "a"), ("host", "b")])
bad("neither Host nor :authority", "9113 8.3.1", drop=(":authority",))
bad("an empty :authority and no Host", "9113 8.3.1", authority="")
for authority in ("u@a", "u:p@a", "a b", "a/b", "a?b", "a#b", "a,\x00", "a\r\nX: y", "a\nX: y", "a:x", "a:99999", "[::1", "::1", "a\\b", "a%00", " a", "a ", "\xe9", "a\t"):
    bad(f":authority {authority!r}", "9113 8.3.1", authority=authority)
    bad(f"Host {authority!r}", "9113 8.3.1", drop=(":authority",), more=[("host", authority)])
for path in ("", "a", "?q", "#f", "*", "/a b", "/a\tb", "/a\r\nX: y", "/a\nX: y", "/a\rX: y", "/a\x00", "/a\x7f", "/a#b", "/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /hidden", "/a HTTP/1.1", "http://b/x", "//", "/../a", "/a/../../b", "/%2e%2e/a", "/%00", "/a%zz", "/..\\a", "a:80", " /a", "/a ",
             "/\xe9", "/" + "a" * 9000):
    if path == "//":
        ok("path //", "3986 6.2.2", rb"^GET / HTTP", path=path)
    else:
        bad(f"path {path[:60]!r}", "9113 8.3.1", want=(RST, 400, 414), path=path)
for method in ("", "G ET", "GET ", " GET", "GET /hidden HTTP/1.1\r\nHost: evil\r\n\r\nGET", "G\r\nET", "G\x00", "G(", "G\xe9", "G:T"):
    bad(f"method {method[:30]!r}", "9113 8.3.1", method=method)
for scheme in ("", "ftp", "http://a/?", "ht tp", "http\r\n", "file", "http:"):
    bad(f"scheme {scheme!r}", "9113 8.3.1", scheme=scheme)
bad("CONNECT", "9113 8.5", method="CONNECT", drop=(":path", ":scheme"), authority="a:80")
bad("CONNECT with a path", "9113 8.5", method="CONNECT")
bad("CONNECT without :authority", "9113 8.5", method="CONNECT", drop=(":path", ":scheme", ":authority"))
bad("CONNECT of an unknown protocol", "8441 4", method="CONNECT", before=[(":protocol", "foo")])
bad(":protocol without CONNECT", "8441 4", before=[(":protocol", "websocket")])
bad("CONNECT of websocket\\r\\n", "8441 4", method="CONNECT", before=[(":protocol", "websocket\r\nX: y")])
for name in (":method", ":scheme", ":path"):
    bad(f"no {name}", "9113 8.3.1", drop=(name,))
    bad(f"two {name}", "9113 8.3.1", before=[(name, {":method": "GET", ":scheme": "http", ":path": "/p"}[name])])
bad("two :authority", "9113 8.3.1", before=[(":authority", "a")])
bad("a pseudo-field behind others", "9113 8.3", before=[("x", "y")])
bad("an unknown pseudo-field", "9113 8.3", before=[(":x", "y")])
bad(":status in a request", "9113 8.3", before=[(":status", "200")])
bad("a pseudo-field with CRLF", "9113 8.3", before=[(":x", "y\r\nz: w")])

# --- 9113 8.2: fields ---
ok("cookies are joined", "9113 8.2.3", rb"(?i)\r\ncookie: a=1; b=2; c=3\r\n", more=[("cookie", "a=1"), ("cookie", "b=2"), ("x", "y"), ("cookie", "c=3")])
ok("TE: trailers is named in Connection", "9110 10.1.4", more=[("te", "trailers")])
ok("8-bit octets in a value", "9110 5.5", rb"\r\nx: \xe9\xff\r\n", more=[("x", "\xe9\xff")])
ok("an empty value", "9110 5.5", rb"\r\nx: ?\r\n", more=[("x", "")])
ok("every character of a token", "9110 5.6.2", rb"\r\n!#\$%&'\*\+-\.\^_`\|~09az: v\r\n", more=[("!#$%&'*+-.^_`|~09az", "v")])
ok("Via is added behind what is there", "9110 7.6.3", rb"(?is)via: 1\.1 x.*2\.0 genkan", more=[("via", "1.1 x")])
ok("X-Forwarded-For: ours is the last", "7239 7.4", rb"(?is)192\.0\.2\.1.*127\.64\.", more=[("x-forwarded-for", "192.0.2.1")])
ok("X-Forwarded-Proto that came does not count", "7239 7.4", never=(rb"(?i)proto: https",), more=[("x-forwarded-proto", "https")])
ok("Forwarded with an open quote", "7239 4", never=(rb'for=", ?for',), more=[("forwarded", 'for="')])
for name, value in (("connection", "close"), ("connection", "x"), ("connection", ""), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("upgrade", "websocket"), ("upgrade", "h2c"), ("te", "gzip"),
                    ("te", "trailers, gzip"), ("te", "trailers\r\nx: y")):
    bad(f"{name}: {value!r}", "9113 8.2.2", more=[(name, value)])
for name in ("X", "xY", "Host", "Transfer-Encoding", "x y", "x:y", "x\r\ny", "x\n", "x\x00", "\xe9", "", "x(", "x\t", " x", "x ", "x\x7f", "transfer-encoding:"):
    bad(f"name {name!r}", "9113 8.2.1", more=[(name, "v")])
for value in ("a\r\nTransfer-Encoding: chunked", "a\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a", "a\nb", "a\rb", "a\x00b", " a", "a ", "\ta", "a\t", "\r\n", "a\x00"):
    bad(f"value {value[:40]!r}", "9113 8.2.1", more=[("x", value)])
    bad(f"cookie {value[:40]!r}", "9113 8.2.1", more=[("cookie", "a=1"), ("cookie", value)])
for value in ("a\x01b", "a\x0bb", "a\x7fb"):
    bad(f"value {value!r}", "9110 5.5", more=[("x", value)])
bad("150 fields", "9110 5.4", want=(431, RST), more=[(f"x{n}", "y") for n in range(150)])
bad("a value of 40,000 octets", "9110 5.4", want=(431, RST), more=[("x", "y" * 15000), ("z", "y" * 15000), ("w", "y" * 10000)])
row("OPTIONS that may not be forwarded", (200, 204), "9110 7.6.2", reaches=0, method="OPTIONS", more=[("max-forwards", "0")])
ok("OPTIONS counts down", "9110 7.6.2", rb"(?i)max-forwards: 4\r\n", method="OPTIONS", more=[("max-forwards", "5")])
free("an unknown expectation", "9110 10.1.1", want=(200, 417), more=[("expect", "foo")])
ok("100-continue without content", "9110 10.1.1", more=[("expect", "100-continue")])

# --- 9113 8.1.1: content ---
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
ok("content with a length", "9113 8.1.1", rb"<body>hello</body>", method="POST", more=[("content-length", "5")], content=b"hello")
ok("content without a length", "9113 8.1.1", rb"<body>hello</body>", method="POST", content=b"hello")
ok("content in pieces without a length", "9113 8.1.1", rb"<body>hello</body>", method="POST", content=[b"he", b"", b"llo", b""])
ok("content of GET", "9113 8.1.1", rb"<body>hello</body>", content=b"hello")
ok("no content, said by an empty DATA", "9113 8.1.1", rb"<body></body>", method="POST", content=b"")
ok("length 0", "9113 8.1.1", rb"<body></body>", method="POST", more=[("content-length", "0")])
ok("content that is a request", "9113 10.3", rb"<body>GET /hidden HTTP/1\.1\r\nHost: a\r\n\r\n</body>", method="POST", content=HIDDEN)
ok("content that is a request, of GET", "9113 10.3", rb"<body>GET /hidden HTTP/1\.1\r\nHost: a\r\n\r\n</body>", content=HIDDEN)
ok("content that is a last chunk and a request", "9113 10.3", rb"<body>0\r\n\r\nGET /hidden HTTP/1\.1\r\nHost: a\r\n\r\n</body>", method="POST", content=[b"0\r\n\r\n", HIDDEN])
ok("100-continue with content", "9110 10.1.1", rb"<body>hello</body>", method="POST", more=[("expect", "100-continue"), ("content-length", "5")], content=b"hello")
ok("Content-Encoding: chunked is no framing", "9110 8.4", rb"<body>0\r\n\r\n</body>", method="POST", more=[("content-encoding", "chunked")], content=b"0\r\n\r\n")
for name, length, content in (("less", "3", b"hello"), ("more", "9", b"hello"), ("zero", "0", HIDDEN), ("less, in pieces", "3", [b"he", b"llo"]), ("more, in pieces", "9", [b"he", b"llo"]), ("more, and none comes", "5", None), ("zero, in pieces", "0", [b"he", b"llo"])):
    bad(f"a length that is {name}", "9113 8.1.1", method="POST", more=[("content-length", length)], content=content, partial=True)
for value in ("5, 5", "+5", "-5", "5 ", " 5", "0x5", "x", "", "5\r\nx: y", "99999999999999999999", "05x"):
    bad(f"length {value!r}", "9110 8.6", method="POST", more=[("content-length", value)], content=b"hello", partial=True)
bad("two lengths", "9110 8.6", method="POST", more=[("content-length", "5"), ("content-length", "5")], content=b"hello", partial=True)
bad("two lengths that differ", "9110 8.6", method="POST", more=[("content-length", "5"), ("content-length", "0")], content=b"hello", partial=True)
bad("too much content", "9110 15.5.14", want=(413, RST), method="POST", more=[("content-length", "2000000")], content=b"x")
ok("trailers", "9113 8.1", rb"<body>hello</body>", rb"<x-t=1>", method="POST", content=b"hello", trailers=[("x-t", "1")])
ok("trailers behind a length", "9113 8.1", rb"<body>hello</body>", method="POST", more=[("content-length", "5")], content=b"hello", trailers=[("x-t", "1")])
for name in ("content-length", "host", "authorization", "cookie", "content-type", "max-forwards", "expect", "range", "x-forwarded-for", "forwarded", "via", "trailer"):
    free(f"a trailer {name}", "9110 6.5.1", method="POST", content=b"hello", trailers=[(name, "3" if name == "content-length" else "evil")], never=(rb"<" + name.encode() + rb"=", b"evil"), partial=True)
for name, field in (("a pseudo-field", (":path", "/x")), ("transfer-encoding", ("transfer-encoding", "chunked")), ("connection", ("connection", "x")), ("a name in capitals", ("X", "y")), ("CRLF in a value", ("x", "y\r\nz: w")), ("CRLF in a name", ("x\r\ny", "z")), ("NUL", ("x", "\x00"))):
    bad(f"a trailer with {name}", "9113 8.1", method="POST", content=b"hello", trailers=[field], partial=True)


def frames(c, stream, head, content, trailers):
    """The request as frames."""
    out = frame(HEADERS, END_HEADERS | (END_STREAM if content is None and not trailers else 0), stream, c.block(head))
    parts = content if isinstance(content, list) else [] if content is None else [content]
    for place, part in enumerate(parts):
        out += frame(DATA, END_STREAM if place == len(parts) - 1 and not trailers else 0, stream, part)
    return out + (frame(HEADERS, END_HEADERS | END_STREAM, stream, c.block(trailers)) if trailers else b"")

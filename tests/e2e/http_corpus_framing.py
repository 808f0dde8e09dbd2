"""Requests: where the content ends. Content-Length, Transfer-Encoding, chunks, trailers, pipelining and what would be smuggled."""
from http_corpus_lines import maker
from http_judge import HALF, PAUSE, Request, ask

ROWS = []
ok, bad, free = maker(ROWS)
HELLO = b"hello"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def post(*fields, content=HELLO, line="POST /p HTTP/1.1", host="Host: a"):
    return ask(line, *fields, host=host, content=content)


def chunked(content, *fields, **more):
    return post("Transfer-Encoding: chunked", *fields, content=content, **more)


def row(name, send, want, rfc, **more):
    ROWS.append(Request(name, send if isinstance(send, tuple) else (send,), want, rfc, **more))


# --- 9112 6.2, 9110 8.6: Content-Length ---
LENGTH = "9110 8.6"
ok("a length", post("Content-Length: 5"), LENGTH, rb"<body>hello</body>")
ok("length 0", post("Content-Length: 0", content=b""), LENGTH, rb"<body></body>")
ok("POST without a length has no content", post(content=b""), "9112 6.3", rb"<body></body>")
ok("a length with a zero in front", post("Content-Length: 05"), LENGTH, rb"<body>hello</body>")
ok("a length with spaces around", post("Content-Length: \t 5 \t"), LENGTH, rb"<body>hello</body>")
ok("a length without a space", post("Content-Length:5"), LENGTH, rb"<body>hello</body>")
ok("a length in small letters", post("content-length: 5"), LENGTH, rb"<body>hello</body>")
ok("content in three segments", (post("Content-Length: 5", content=b"he"), PAUSE, b"l", PAUSE, b"lo"), LENGTH, rb"<body>hello</body>")
ok("content with every octet", post("Content-Length: 256", content=bytes(range(256))), LENGTH, rb"\x00\x01.*\xfe\xff")
ok("content of 300,000 octets", post("Content-Length: 300000", content=b"x" * 300000), LENGTH, rb"<body>x{300000}</body>")
for method in ("GET", "DELETE", "OPTIONS", "PROPFIND", "FOO"):
    ok(f"{method} with content", post("Content-Length: 5", line=f"{method} /p HTTP/1.1"), "9110 9.3", rb"<body>hello</body>")
ok("HEAD with content", post("Content-Length: 5", line="HEAD /p HTTP/1.1"), "9110 9.3.2", rb"<body>hello</body>")
bad("lengths that differ", post("Content-Length: 5", "Content-Length: 6"), "9112 6.3")
bad("lengths that differ, zero first", post("Content-Length: 0", "Content-Length: 35", content=HIDDEN), "9112 6.3")
bad("lengths that differ, zero last", post("Content-Length: 35", "Content-Length: 0", content=HIDDEN), "9112 6.3")
bad("lengths that differ in a list", post("Content-Length: 5, 6"), "9112 6.3")
# Equal lengths may be taken for one (9110 8.6) or refused; all peers that we know of but Apache refuse them.
free("equal lengths", post("Content-Length: 5", "Content-Length: 5"), LENGTH)
free("equal lengths in a list", post("Content-Length: 5, 5"), LENGTH)
free("equal lengths, one with a zero in front", post("Content-Length: 5", "Content-Length: 05"), LENGTH)
for value in ("+5", "-5", "-0", "5 5", "0x5", "5x", "x5", "5.0", "5e0", "five", "5;", "5,", ",5", ",", "", '"5"', "5\x0b", "\x0b5", "5\x00", "5\x0c", "\xa05", "5\xa0", "\xb2",
              "\xd9\xa5", "0b101", "0o5", "1_0", "1'0", "5\r6", "(5)", "5=5", "NaN", "Infinity", "null", "5 ,", "5/1", "*"):
    bad(f"length {value!r}", post(f"Content-Length: {value}"), LENGTH)
for value in ("18446744073709551616", "18446744073709551621", "18446744073709551615", "9223372036854775808", "99999999999999999999999999", "-1", "4294967296",
              "4294967301", "9223372036854775807", "1048577", "9" * 1000):
    bad(f"length {value[:30]}", post(f"Content-Length: {value}"), LENGTH, want=(400, 413))
bad("a length with a space before the colon", post("Content-Length : 5"), "9112 5.1")
bad("a length with a NUL in its name", post("Content-Length\x00: 5"), "9110 5.6.2")
bad("a length behind a bare CR", post("A: b\rContent-Length: 5"), "9112 2.2")
bad("a length behind a bare LF", post("A: b\nContent-Length: 5"), "9112 2.2")
bad("a length on a folded line", post("Content-Length:", " 5"), "9112 5.2")
bad("a length continued on a folded line", post("Content-Length: 5", " 0"), "9112 5.2")
row("content that ends early", (post("Content-Length: 9"), HALF), ((400, 408),), "9112 8", closed=True, reaches=0, partial=True)
row("content that ends early, before its begin", (post("Content-Length: 9", content=b""), HALF), ((400, 408),), "9112 8", closed=True, reaches=0, partial=True)

# --- 9112 6.1: Transfer-Encoding ---
CODING = "9112 6.1"
ONE = b"5\r\nhello\r\n0\r\n\r\n"
ok("chunked", chunked(ONE), CODING, rb"<body>hello</body>")
for value in ("Chunked", "CHUNKED", "chunked ", "\tchunked", "  chunked\t "):
    ok(f"coding {value!r}", post(f"Transfer-Encoding: {value}", content=ONE), CODING, rb"<body>hello</body>")
ok("chunked in small letters", post("transfer-encoding: chunked", content=ONE), CODING, rb"<body>hello</body>")
ok("chunked without a space", post("Transfer-Encoding:chunked", content=ONE), CODING, rb"<body>hello</body>")
ok("GET with chunks", chunked(ONE, line="GET /p HTTP/1.1"), "9110 9.3.1", rb"<body>hello</body>")
bad("chunked twice", post("Transfer-Encoding: chunked, chunked", content=ONE), CODING)
bad("chunked twice on two lines", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", content=ONE), CODING)
bad("chunked before another coding", post("Transfer-Encoding: chunked, gzip", content=ONE), "9112 6.3", want=(400, 501))
bad("chunked before identity", post("Transfer-Encoding: chunked, identity", content=ONE), "9112 6.3", want=(400, 501))
bad("chunked, then identity on a second line", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", content=ONE), "9112 6.3", want=(400, 501))
bad("identity on a first line, then chunked", post("Transfer-Encoding: identity", "Transfer-Encoding: chunked", content=ONE), CODING, want=(400, 501))
free("an empty member behind chunked", post("Transfer-Encoding: chunked,", content=ONE), "9110 5.6.1", want=(200, 400, 501))
free("an empty member before chunked", post("Transfer-Encoding: , chunked", content=ONE), "9110 5.6.1", want=(200, 400, 501))
for value in ("gzip, chunked", "deflate, chunked", "identity", "identity, chunked", "gzip", "xchunked", "chunkedx", "x-chunked", "chunked;q=1", "chunked; a=b", "chunked-", '"chunked"',
              "'chunked'", "chu nked", "chunked chunked", "chunked\x0b", "\x0bchunked", "\x0cchunked", "chunked\x00", "\x00chunked", "chunked\xa0", "\xa0chunked", "ch\xfcnked", "",
              " ", ",", "chunk", "cow", "chunked, cow", "cow, chunked", "chunked/1", "[chunked]", "(x)chunked", "chunked(x)", "tchunked", "CHUNKED,gzip", "\\chunked", "chunked\rx",
              "trailers", "chunked:"):
    bad(f"coding {value!r}", post(f"Transfer-Encoding: {value}", content=ONE), CODING, want=(400, 501))
bad("a coding with a space before the colon", post("Transfer-Encoding : chunked", content=ONE), "9112 5.1")
bad("a coding with a tab before the colon", post("Transfer-Encoding\t: chunked", content=ONE), "9112 5.1")
bad("a coding with a NUL in its name", post("Transfer-Encoding\x00: chunked", content=ONE), "9110 5.6.2")
bad("a coding on a folded line", post("Transfer-Encoding:", " chunked", content=ONE), "9112 5.2")
bad("a coding as a folded line", post("A: b", " Transfer-Encoding: chunked", content=ONE), "9112 5.2")
bad("a coding behind a bare LF", post("A: b\nTransfer-Encoding: chunked", content=ONE), "9112 2.2")
bad("a coding behind a bare CR", post("A: b\rTransfer-Encoding: chunked", content=ONE), "9112 2.2")
bad("chunked in HTTP/1.0", chunked(ONE, line="POST /p HTTP/1.0"), CODING)
bad("chunked in HTTP/1.0 that is to be kept", chunked(ONE, "Connection: keep-alive", line="POST /p HTTP/1.0"), CODING)
for name, fields in (("length first", ("Content-Length: 5", "Transfer-Encoding: chunked")), ("coding first", ("Transfer-Encoding: chunked", "Content-Length: 5")),
                     ("length 0", ("Content-Length: 0", "Transfer-Encoding: chunked")), ("coding in capitals", ("Content-Length: 5", "TRANSFER-ENCODING: CHUNKED")),
                     ("a length that is none", ("Content-Length: x", "Transfer-Encoding: chunked")), ("a coding that is none", ("Content-Length: 5", "Transfer-Encoding: x")),
                     ("identity", ("Content-Length: 5", "Transfer-Encoding: identity")), ("an empty coding", ("Content-Length: 5", "Transfer-Encoding:")),
                     ("GET", ("Content-Length: 5", "Transfer-Encoding: chunked"))):
    bad(f"length and coding: {name}", post(*fields, content=ONE, line="GET /p HTTP/1.1" if name == "GET" else "POST /p HTTP/1.1"), "9112 6.3", want=(400, 501))
ok("Content-Encoding is no framing", post("Content-Encoding: chunked", "Content-Length: 5"), "9110 8.4", rb"Content-Encoding: chunked\r\n", rb"<body>hello</body>")
ok("Transfer_Encoding is no framing", post("Transfer_Encoding: chunked", "Content-Length: 5"), CODING, rb"<body>hello</body>")
ok("Xtransfer-Encoding is no framing", post("XTransfer-Encoding: chunked", "Content-Length: 5"), CODING, rb"<body>hello</body>")

# --- 9112 7.1: chunks ---
CHUNK = "9112 7.1"
for name, content in (
        ("two chunks", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), ("a size with zeros in front", b"005\r\nhello\r\n0\r\n\r\n"),
        ("a size of 16 digits", b"0000000000000005\r\nhello\r\n0\r\n\r\n"), ("a last chunk of several zeros", b"5\r\nhello\r\n0000\r\n\r\n"),
        ("an extension", b"5;a\r\nhello\r\n0\r\n\r\n"), ("an extension with a value", b"5;a=b\r\nhello\r\n0\r\n\r\n"),
        ("an extension with a quoted value", b"5;a=\"b;c\\\"d\"\r\nhello\r\n0\r\n\r\n"), ("two extensions", b"5;a;b=c\r\nhello\r\n0\r\n\r\n"),
        ("an extension of the last chunk", b"5\r\nhello\r\n0;a=b\r\n\r\n"), ("8-bit octets in a quoted value", b"5;a=\"\xe9\"\r\nhello\r\n0\r\n\r\n")):
    ok(name, chunked(content), CHUNK, rb"<body>hello</body>")
ok("a size in hex, small", chunked(b"a\r\n0123456789\r\n0\r\n\r\n"), CHUNK, rb"<body>0123456789</body>")
ok("a size in hex, capital", chunked(b"0A\r\n0123456789\r\n0\r\n\r\n"), CHUNK, rb"<body>0123456789</body>")
ok("no chunk but the last", chunked(b"0\r\n\r\n"), CHUNK, rb"<body></body>")
ok("chunk data that looks like a last chunk", chunked(b"9\r\n\r\n0\r\n\r\nab\r\n0\r\n\r\n"), CHUNK, rb"<body>\r\n0\r\n\r\nab</body>")
ok("chunk data with every octet", chunked(b"100\r\n" + bytes(range(256)) + b"\r\n0\r\n\r\n"), CHUNK, rb"\x00\x01.*\xfe\xff")
ok("500 chunks of one octet", chunked(b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"), CHUNK, rb"<body>x{500}</body>")
ok("chunks in segments", (chunked(b"5\r"), PAUSE, b"\nhel", PAUSE, b"lo\r", PAUSE, b"\n0", PAUSE, b"\r\n\r", PAUSE, b"\n"), CHUNK, rb"<body>hello</body>")
for name, content in (
        ("a space before an extension", b"5 ;a\r\nhello\r\n0\r\n\r\n"), ("a space behind the semicolon", b"5; a=b\r\nhello\r\n0\r\n\r\n"), ("spaces around the =", b"5;a = b\r\nhello\r\n0\r\n\r\n"),
        ("a space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"), ("a space behind the last size", b"5\r\nhello\r\n0 \r\n\r\n"), ("a semicolon without an extension", b"5;\r\nhello\r\n0\r\n\r\n"),
        ("an extension without a name", b"5;=b\r\nhello\r\n0\r\n\r\n"), ("an extension without a value", b"5;a=\r\nhello\r\n0\r\n\r\n"), ("two semicolons", b"5;;a\r\nhello\r\n0\r\n\r\n"),
        ("an open quoted value", b"5;a=\"b\r\nhello\r\n0\r\n\r\n"), ("an extension that is no token", b"5;a/b\r\nhello\r\n0\r\n\r\n"), ("a size of 17 digits", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("a size of 40 digits", b"0" * 39 + b"5\r\nhello\r\n0\r\n\r\n"), ("an extension of 3,000 octets", b"5;" + b"a" * 3000 + b"\r\nhello\r\n0\r\n\r\n"),
        ("8-bit octets in an extension", b"5;\xe9\r\nhello\r\n0\r\n\r\n")):
    ROWS.append(Request(name, (chunked(content),), ((200, 400, 413),), CHUNK, gets=(), never=(rb"hello.*hello", rb"hello\r\n0"), reaches=(0, 1), partial=True, level="MAY"))


def broken(name, content, rfc=CHUNK, want=400, fields=(), **more):
    """Content that breaks: the backend may have its begin, but never its end."""
    ROWS.append(Request(name, (chunked(content, *fields), *more.pop("then", ())), (want,), rfc, closed=True, reaches=0, partial=True, **more))


for size in (b"", b" ", b"x", b"+5", b"-5", b"-0", b"0x5", b"5h", b"5x", b"5.", b"5,", b"5 5", b" 5", b"\t5", b"5\x00", b"\x005", b"5\x0b", b"\x0c5", b"5\xa0", b"\xb25", b"5'", b"\"5\"",
             b"5_0", b"5=a", b"5:a", b"5/a", b"5\ra", b"5\r", b"5;a\rb", b"5;a\x00b", b"5;a\x01", b"5;a\x7f", b"5;a=\"\x00\"", b"5\r\r", b"#5", b";a", b"\n5", b"5\t6"):
    broken(f"size {size!r}", size + b"\r\nhello\r\n0\r\n\r\n")
for size in (b"10000000000000005", b"100000000000000005", b"ffffffffffffffff", b"8000000000000005", b"7fffffffffffffff", b"fffffffffffffffb", b"100000005", b"ffffffff", b"80000005", b"100001",
             b"f" * 40):
    broken(f"size {size.decode()}", size + b"\r\nhello\r\n0\r\n\r\n", want=(400, 413))
for name, content in (
        ("a size line that ends with LF", b"5\nhello\r\n0\r\n\r\n"), ("a size line that ends with CR", b"5\rhello\r\n0\r\n\r\n"), ("a size line that ends with LF CR", b"5\n\rhello\r\n0\r\n\r\n"),
        ("data without CRLF", b"5\r\nhello0\r\n\r\n"), ("data with LF", b"5\r\nhello\n0\r\n\r\n"), ("data with CR", b"5\r\nhello\r0\r\n\r\n"), ("data with CR CR LF", b"5\r\nhello\r\r\n0\r\n\r\n"),
        ("two octets where CRLF should be", b"5\r\nhelloXX0\r\n\r\n"), ("data that is longer than its size", b"5\r\nhello!\r\n0\r\n\r\n"), ("data that is shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
        ("an LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"), ("LF behind an extension", b"5;a\nhello\r\n0\r\n\r\n"),
        ("LF in a quoted value", b"5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n"), ("an escaped LF in a quoted value", b"5;a=\"\\\nc\"\r\nhello\r\n0\r\n\r\n"), ("the last chunk ends with LF", b"5\r\nhello\r\n0\n\r\n"),
        ("the last chunk ends with LF LF", b"5\r\nhello\r\n0\n\n"), ("the trailers end with LF", b"5\r\nhello\r\n0\r\n\n"), ("the trailers end with CR", b"5\r\nhello\r\n0\r\n\rX\r\n\r\n"),
        ("the last chunk ends with CR", b"5\r\nhello\r\n0\r\r\n"), ("an empty line for a size", b"5\r\nhello\r\n\r\n0\r\n\r\n"), ("data behind the last chunk", b"5\r\nhello\r\n0\r\nhello\r\n\r\n"),
        ("no chunk at all, but text", b"hello\r\n\r\n")):
    broken(name, content)
broken("an extension of 40,000 octets", b"5;" + b"a" * 40000 + b"\r\nhello\r\n0\r\n\r\n", want=(400, 413, 431))
broken("an extension of 300,000 octets", b"5;" + b"a" * 300000 + b"\r\nhello\r\n0\r\n\r\n", want=(400, 413, 431))
ROWS.append(Request("1,000 chunks with extensions of 200 octets", (chunked((b"1;" + b"a" * 200 + b"\r\nx\r\n") * 1000 + b"0\r\n\r\n"),), ((200, 400, 413),), "9112 7.1.1", reaches=(0, 1), partial=True, level="MAY"))
for name, content in (("in the size", b"5"), ("behind the size", b"5\r\n"), ("in the data", b"5\r\nhel"), ("behind the data", b"5\r\nhello"), ("in the CRLF", b"5\r\nhello\r"), ("before the last chunk", b"5\r\nhello\r\n"),
                      ("behind the last size", b"5\r\nhello\r\n0"), ("behind the last chunk", b"5\r\nhello\r\n0\r\n"), ("in the trailers", b"5\r\nhello\r\n0\r\nX-T: 1\r\n"),
                      ("before the last octet", b"5\r\nhello\r\n0\r\n\r")):
    broken(f"chunks that end {name}", content, "9112 8", want=(400, 408), then=(HALF,))

# --- 9112 7.1.2, 9110 6.5: trailers ---
TRAILER = "9110 6.5.1"
ok("a trailer", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "Trailer: X-T"), "9112 7.1.2", rb"<body>hello</body>", rb"<X-T=1>")
ok("a trailer that was not announced", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"), "9112 7.1.2", rb"<body>hello</body>")
ok("a trailer behind no content", chunked(b"0\r\nX-T: 1\r\n\r\n"), "9112 7.1.2", rb"<body></body>")
for name in ("Content-Length", "Transfer-Encoding", "Host", "Authorization", "Proxy-Authorization", "Cookie", "Connection", "Expect", "TE", "Content-Type", "Content-Encoding", "Content-Range", "Max-Forwards", "Range",
             "If-Match", "If-None-Match", "If-Modified-Since", "Cache-Control", "Trailer", "Set-Cookie", "Upgrade", "Keep-Alive", "Proxy-Connection", "X-Forwarded-For", "Forwarded", "Via"):
    value = {"Content-Length": "3", "Transfer-Encoding": "chunked", "Connection": "close", "Max-Forwards": "0"}.get(name, "evil")
    ROWS.append(Request(f"a trailer {name}", (chunked(f"5\r\nhello\r\n0\r\n{name}: {value}\r\nX-T: 1\r\n\r\n".encode()),), ((200, 400),), TRAILER, gets=(), never=(b"<" + name.encode() + b"=", b"evil"),
                        reaches=(0, 1), partial=True))
for name, line in (("without a colon", b"X"), ("with a space before the colon", b"X : 1"), ("without a name", b": 1"), ("folded", b"X: 1\r\n 2"), ("folded first", b" X: 1"), ("with a NUL", b"X: \x00"),
                   ("with a bare CR", b"X: a\rb"), ("with a bare LF", b"X: a\nY: b"), ("with a bad name", b"X(: 1"), ("with a control character", b"X: \x01"), ("with an 8-bit name", b"\xe9: 1"),
                   ("that is a request line", b"GET / HTTP/1.1"), ("with a bare CR at its end", b"X: 1\r")):
    broken(f"a trailer {name}", b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n", "9112 5")
broken("a trailer of 60,000 octets", b"5\r\nhello\r\n0\r\nX: " + b"a" * 60000 + b"\r\n\r\n", "9110 5.4", want=(400, 413, 431))
broken("2,000 trailers", b"5\r\nhello\r\n0\r\n" + b"X: a\r\n" * 2000 + b"\r\n", "9110 5.4", want=(400, 413, 431))

# --- 9112 9.3: persistence and pipelining ---
KEEP = "9112 9.3"
row("two requests at once", ask("GET /1 HTTP/1.1") + ask("GET /2 HTTP/1.1"), (200, 200), KEEP, closed=False, sees=(rb"#1 GET /1.*#2 GET /2",))
row("forty requests at once", b"".join(ask(f"GET /{n} HTTP/1.1") for n in range(40)), (200,) * 40, KEEP, closed=False, sees=(rb"#1 GET /0 .*#40 GET /39 ",))
row("POST, then GET", post("Content-Length: 5") + ask("GET /2 HTTP/1.1"), (200, 200), KEEP, closed=False, gets=(rb"<body>hello</body>",))
row("chunks, then GET", chunked(ONE) + ask("GET /2 HTTP/1.1"), (200, 200), KEEP, closed=False, gets=(rb"<body>hello</body>",))
row("trailers, then GET", chunked(b"0\r\nX-T: 1\r\n\r\n") + ask("GET /2 HTTP/1.1"), (200, 200), KEEP, closed=False)
row("HEAD, then GET", ask("HEAD /1 HTTP/1.1") + ask("GET /2 HTTP/1.1"), (200, 200), KEEP, closed=False)
row("an empty line between two requests", ask("GET /1 HTTP/1.1") + b"\r\n" + ask("GET /2 HTTP/1.1"), (200, 200), "9112 2.2", closed=False, level="SHOULD")
row("an empty line behind content, as old browsers send it", post("Content-Length: 5") + b"\r\n" + ask("GET /2 HTTP/1.1"), (200, 200), "9112 2.2", closed=False, level="SHOULD")
row("content one octet longer than its length", post("Content-Length: 5", content=b"hello!") + ask("GET /2 HTTP/1.1"), (200, (400, 200)), "9112 6.3", reaches=(1, 2), level="MAY")  # !GET is a method
row("content two octets longer, no token", post("Content-Length: 5", content=b"hello(!") + ask("GET /2 HTTP/1.1"), (200, 400), "9112 6.3", closed=True)
row("good, bad, good", ask("GET /1 HTTP/1.1") + ask("GET /2 HTTP/1.1", "A : b") + ask("GET /3 HTTP/1.1"), (200, 400), "9112 9.3", closed=True, reaches=1, never=(b"/2", b"/3"))
row("bad, good", ask("GET /1 HTTP/1.1", host=None) + ask("GET /2 HTTP/1.1"), (400,), "9112 9.3", closed=True, reaches=0)
row("length and coding, then a good one", post("Content-Length: 5", "Transfer-Encoding: chunked", content=ONE) + ask("GET /2 HTTP/1.1"), (400,), "9112 6.3", closed=True, reaches=0)
row("too large, then a good one", post("Content-Length: 2000000") + ask("GET /2 HTTP/1.1"), (413,), "9110 15.5.14", closed=True, reaches=0)
row("refused with its content at hand: the content is no request", post("Content-Length: 35", content=HIDDEN, line="POST /../x HTTP/1.1"), (400,), KEEP, reaches=0, never=(b"hidden",))
row("CONNECT with content: the content is no request", post("Content-Length: 35", content=HIDDEN, line="CONNECT a:80 HTTP/1.1"), ((400, 405, 501),), KEEP, reaches=0, never=(b"hidden",))
row("close: what follows is not served", ask("GET /1 HTTP/1.1", "Connection: close") + ask("GET /2 HTTP/1.1"), (200,), "9112 9.6", closed=True, never=(b"/2",))
row("close among other options", ask("GET /1 HTTP/1.1", "Connection: x, Close ,y") + ask("GET /2 HTTP/1.1"), (200,), "9112 9.6", closed=True, never=(b"/2",))
row("close on a second Connection line", ask("GET /1 HTTP/1.1", "Connection: keep-alive", "Connection: close"), (200,), "9112 9.6", closed=True)
row("HTTP/1.0 closes", ask("GET /1 HTTP/1.0") + ask("GET /2 HTTP/1.0"), (200,), KEEP, closed=True, never=(b"/2",))
row("HTTP/1.0 that is to be kept", ask("GET /1 HTTP/1.0", "Connection: keep-alive"), (200,), KEEP, level="MAY")
row("HTTP/1.0, kept and to be closed", ask("GET /1 HTTP/1.0", "Connection: keep-alive, close"), (200,), KEEP, closed=True)
row("HTTP/1.0, Proxy-Connection keeps nothing", ask("GET /1 HTTP/1.0", "Proxy-Connection: keep-alive"), (200,), "9112 C.2.2", closed=True)
row("HTTP/1.0 with a length", post("Content-Length: 5", line="POST /p HTTP/1.0"), (200,), "9112 6.3", closed=True, gets=(rb"<body>hello</body>",))
row("HTTP/1.0 without a length has no content", post(line="POST /p HTTP/1.0"), (200,), "9112 6.3", closed=True, gets=(rb"<body></body>",))
row("a request in the segments of three", (b"GET /1 HT", PAUSE, b"TP/1.1\r\nHo", PAUSE, b"st: a\r", PAUSE, b"\n\r", PAUSE, b"\n"), (200,), KEEP, closed=False)

# --- smuggling: content that is a request must arrive as content, or not at all ---
HIDE = "9112 11.2"
ok("content that is a request", post("Content-Length: %d" % len(HIDDEN), content=HIDDEN), HIDE, rb"<body>GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n</body>")
ok("content of GET that is a request", post("Content-Length: %d" % len(HIDDEN), content=HIDDEN, line="GET /p HTTP/1.1"), HIDE, rb"<body>GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n</body>")
ok("content of HEAD that is a request", post("Content-Length: %d" % len(HIDDEN), content=HIDDEN, line="HEAD /p HTTP/1.1"), HIDE, rb"<body>GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n</body>")
ok("content of OPTIONS * that is a request", post("Content-Length: %d" % len(HIDDEN), content=HIDDEN, line="OPTIONS * HTTP/1.1"), HIDE, rb"<body>GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n</body>")
ok("a chunk that is a request", chunked(b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"), HIDE, rb"<body>GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n</body>")
row("length 0: what follows is a request of its own", post("Content-Length: 0", content=HIDDEN), (200, 200), HIDE, closed=False)
row("no length: what follows is a request of its own", post(content=HIDDEN), (200, 200), HIDE, closed=False)
bad("CL.TE", post("Content-Length: 6", "Transfer-Encoding: chunked", content=b"0\r\n\r\nG" + HIDDEN), HIDE)
bad("TE.CL", post("Content-Length: 4", "Transfer-Encoding: chunked", content=b"28\r\n" + HIDDEN + b"\r\n0\r\n\r\n"), HIDE)
bad("TE.TE, the second is odd", post("Transfer-Encoding: chunked", "Transfer-Encoding: cow", content=b"0\r\n\r\n" + HIDDEN), HIDE, want=(400, 501))
bad("TE.TE, the first is odd", post("Transfer-Encoding: cow", "Transfer-Encoding: chunked", content=b"0\r\n\r\n" + HIDDEN), HIDE, want=(400, 501))
bad("TE.TE, one behind a space", post("Transfer-Encoding: chunked", " Transfer-Encoding: x", content=b"0\r\n\r\n" + HIDDEN), HIDE)
bad("a length in a list whose first is zero", post("Content-Length: 0, %d" % len(HIDDEN), content=HIDDEN), HIDE)
bad("a chunk size that wraps around 2^64", chunked(b"1000000000000000a\r\n0123456789\r\n0\r\n\r\n" + HIDDEN), HIDE, want=(400, 413), partial=True)
bad("a chunk size that wraps around 2^32", chunked(b"10000000a\r\n0123456789\r\n0\r\n\r\n" + HIDDEN), HIDE, want=(400, 413), partial=True)
bad("an extension ended by LF hides a request", chunked(b"1;\nxx\r\n28\r\nx\r\n0\r\n\r\n" + HIDDEN), HIDE, partial=True)
bad("a chunk that is ended by two other octets", chunked(b"5\r\nAAAAAXX2d\r\n0\r\n\r\n" + HIDDEN), HIDE, partial=True)
free("Connection names Content-Length", post("Connection: Content-Length", "Content-Length: %d" % len(HIDDEN), content=HIDDEN), HIDE, never=(rb"^GET /hidden",))
free("Connection names Transfer-Encoding", chunked(b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n", "Connection: Transfer-Encoding"), HIDE, never=(rb"^GET /hidden",))

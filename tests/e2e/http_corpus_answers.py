"""Answers of a backend: nothing malformed reaches the client, what is cut off never ends cleanly, what is out of step is not used again."""
from http_judge import CLOSE, PAUSE, RESET, Answer

ROWS = []
HELLO = b"hello"
ONE = b"5\r\nhello\r\n0\r\n\r\n"
OLD = b"GET /bad HTTP/1.0\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /bad HTTP/1.1\r\nHost: a\r\n\r\n"
SOCKET = (b"GET /bad HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          b"Sec-WebSocket-Version: 13\r\n\r\n")
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


def octets(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def reply(*fields, line="HTTP/1.1 200 OK", content=b""):
    return b"\r\n".join([octets(line), *map(octets, fields)]) + b"\r\n\r\n" + octets(content)


def add(name, send, want, rfc, **more):
    ROWS.append(Answer(name, send if isinstance(send, tuple) else (send,), want, rfc, **more))


def good(name, send, rfc, body=HELLO, status=200, **more):
    more.setdefault("reused", True)
    add(name, send, status, rfc, body=body, **more)


def bad(name, send, rfc, **more):
    """502, and the connection is thrown away."""
    more.setdefault("reused", False)
    add(name, send, 502, rfc, **more)


def free(name, send, rfc, want=(200, 502), **more):
    add(name, send, want, rfc, level="MAY", **more)


def cut(name, send, rfc="9112 8", **more):
    add(name, send, "cut", rfc, reused=False, **more)


def length(*fields, **more):
    return reply("Content-Length: 5", *fields, content=more.pop("content", HELLO), **more)


def chunked(content, *fields, **more):
    return reply("Transfer-Encoding: chunked", *fields, content=content, **more)


# --- 9112 4: the status line ---
LINE = "9112 4"
good("plain", length(), LINE, framing="length")
good("an empty reason", length(line="HTTP/1.1 200 "), LINE)
good("a reason with 8-bit octets", length(line="HTTP/1.1 200 \xe9t\xe9"), LINE)
good("a reason with a tab", length(line="HTTP/1.1 200 O\tK"), LINE)
good("a reason of 500 octets", length(line="HTTP/1.1 200 " + "r" * 500), LINE)
free("no reason and no space", length(line="HTTP/1.1 200"), LINE)
good("HTTP/1.0", length(line="HTTP/1.0 200 OK"), "9110 2.5", reused=False, sees=(rb"^HTTP/1\.1 200 ",))
good("HTTP/1.0, kept", length("Connection: keep-alive", line="HTTP/1.0 200 OK"), "9112 C.2.2", reused=None, sees=(rb"^HTTP/1\.1 200 ",), unseen=(rb"(?i)keep-alive",))
free("HTTP/1.2", length(line="HTTP/1.2 200 OK"), "9110 2.5")
for line in ("HTTP/2.0 200 OK", "HTTP/0.9 200 OK", "HTTP/3.0 200 OK", "http/1.1 200 OK", "ICY 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 X", "HTTP/1.1 000 X", "HTTP/1.1 abc OK", "HTTP/1.1 -20 OK",
             "HTTP/1.1 +20 OK", "HTTP/1.1 2 0 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", " HTTP/1.1 200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1200 OK", "HTTP1.1 200 OK", "HTTP/1.1 0x0 OK", "200 OK", "HTTP/1.1", "HTTP/1.1 ",
             "HTTP/1.1 OK 200", "GET / HTTP/1.1", "<html>", "HTTP/1.1 20\xb2 OK", "HTTP/1.10 200 OK", "HTTP/1.a 200 OK", "HTTP /1.1 200 OK", "HTTP/1.1 200OK", "HTTP/1.1 200;OK", "HTTP/1.1\x00200 OK", "SSH-2.0-OpenSSH_9.2",
             "220 mx ESMTP", "+OK", "HTTP/1.1 2,0 OK", "HTTP/1.1 1000 X"):
    bad(f"status line {line!r}", length(line=line), LINE)
for line in ("HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 \x1b[31m"):
    free(f"status line {line!r}", length(line=line), LINE)
for status in (600, 700, 999):
    # 9110 15: outside 100..599 a client treats it as a 5xx. As a gateway that is 502: what such an answer means nobody could say.
    bad(f"status {status}", length(line=f"HTTP/1.1 {status} X"), "9110 15", level="SHOULD")
for status in (201, 202, 203, 206, 207, 226, 299, 300, 301, 302, 303, 307, 308, 399, 400, 401, 402, 403, 404, 407, 410, 416, 418, 421, 426, 428, 429, 451, 499, 500, 501, 503, 505, 507, 511, 599):
    more = ("Upgrade: x", "Connection: Upgrade") if status == 426 else ()
    good(f"status {status}", length(*more, line=f"HTTP/1.1 {status} X"), "9110 15", status=status, reused=None)
free("an empty line before the status line", b"\r\n" + length(), LINE)
bad("octets before the status line", b"x" + length(), LINE)
bad("text without a head", (b"hello\r\n\r\n", CLOSE), LINE)
bad("HTTP/0.9", (b"<html>hello</html>", CLOSE), LINE)
bad("binary", (bytes(range(128, 256)) + b"\r\n\r\n", CLOSE), LINE)
bad("a reason of 300,000 octets", length(line="HTTP/1.1 200 " + "r" * 300000), LINE)
bad("nothing", (CLOSE,), "9112 8")
bad("a reset", (RESET,), "9112 8")

# --- 9110 15.2: interim answers ---
INTERIM = "9110 15.2"
EARLY = reply("Link: </a.css>; rel=preload", line="HTTP/1.1 103 Early Hints")
good("100 that nobody asked for", (reply(line="HTTP/1.1 100 Continue"), length()), INTERIM)
good("102", (reply(line="HTTP/1.1 102 Processing"), length()), INTERIM, interim=(102,))
good("103", (EARLY, length()), INTERIM, interim=(103,), sees=(rb"103 [^\r]*\r\nLink: </a\.css>",))
good("103 in a segment of its own", (EARLY, PAUSE, length()), INTERIM, interim=(103,))
good("three interim answers", (EARLY * 3, PAUSE, length()), INTERIM, interim=(103, 103, 103))
good("199", (reply(line="HTTP/1.1 199 X"), length()), INTERIM)
good("103 to HTTP/1.0", (EARLY, length()), INTERIM, request=OLD, reused=None, interim=())
good("103 with fields of one hop", (reply("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 5", line="HTTP/1.1 103 X"), length()), INTERIM, unseen=(rb"(?i)x-hop: ", rb"(?i)keep-alive:"))
good("103, then an answer to HEAD", (EARLY, reply("Content-Length: 5")), INTERIM, body=b"", request=HEAD, interim=(103,))
free("1,000 interim answers", (EARLY * 1000, length()), INTERIM)
free("100,000 interim answers", (EARLY * 100000, length()), INTERIM)
free("103 with a length", (reply("Content-Length: 5", line="HTTP/1.1 103 X"), length()), "9110 8.6")
free("103 with a coding", (reply("Transfer-Encoding: chunked", line="HTTP/1.1 103 X"), length()), "9112 6.1")
bad("103 that is malformed", (reply("A b: c", line="HTTP/1.1 103 X"), length()), INTERIM)
bad("103, then nothing", (EARLY, CLOSE), "9112 8")
bad("103, then a malformed answer", (EARLY, b"x" * 50 + b"\r\n\r\n"), "9112 8")
bad("100, then a reset", (reply(line="HTTP/1.1 100 Continue"), RESET), "9112 8")
bad("101 that nobody asked for", (reply("Upgrade: websocket", "Connection: Upgrade", line="HTTP/1.1 101 X"), EVIL), "9110 15.2.2")
bad("101 without fields that nobody asked for", (reply(line="HTTP/1.1 101 X"), EVIL), "9110 15.2.2")
bad("101 to HTTP/1.0", (reply("Upgrade: websocket", "Connection: Upgrade", line="HTTP/1.1 101 X"), EVIL), "9110 7.8",
    request=SOCKET.replace(b"HTTP/1.1", b"HTTP/1.0"))
bad("101 to another protocol", (reply("Upgrade: foo", "Connection: Upgrade", line="HTTP/1.1 101 X"), EVIL), "9110 7.8", request=SOCKET)
bad("101 without Upgrade", (reply("Connection: Upgrade", line="HTTP/1.1 101 X"), EVIL), "9110 7.8", request=SOCKET)
add("101 that was asked for", (reply("Upgrade: websocket", "Connection: Upgrade", line="HTTP/1.1 101 X"), CLOSE), 101, "9110 7.8", request=SOCKET)
good("200 where 101 was asked for", length(), "9110 7.8", request=SOCKET, reused=None)
good("426 where 101 was asked for", length("Upgrade: h2c", "Connection: Upgrade", line="HTTP/1.1 426 X"), "9110 15.5.22", request=SOCKET, status=426, reused=None)

# --- 9112 6.3: answers without content ---
NONE = "9112 6.3"
for status in (204, 304):
    line = f"HTTP/1.1 {status} X"
    good(f"{status}", reply(line=line), NONE, body=b"", status=status)
    good(f"{status} with a length of 0", reply("Content-Length: 0", line=line), "9110 8.6", body=b"", status=status, reused=None)
    good(f"{status} with content", reply(line=line, content=EVIL), NONE, body=b"", status=status, reused=False, unseen=(b"EVIL",))
    good(f"{status} with a length and content", reply("Content-Length: 5", line=line, content=HELLO), NONE, body=b"", status=status, reused=False, unseen=(HELLO,))
    good(f"{status} with a length and content that comes later", (reply("Content-Length: 5", line=line), PAUSE, HELLO), NONE, body=b"", status=status, reused=None, unseen=(HELLO,))
    good(f"{status} with chunks", chunked(ONE, line=line), NONE, body=b"", status=status, reused=False, unseen=(HELLO, rb"(?i)transfer-encoding"))
    good(f"{status} that closes", (reply("Connection: close", line=line), CLOSE), NONE, body=b"", status=status, reused=False)
good("304 with a length, which is that of 200", reply("Content-Length: 5", line="HTTP/1.1 304 X"), "9110 8.6", body=b"", status=304)
good("304 keeps its validators", reply('ETag: "a"', "Expires: Thu, 01 Jan 2026 00:00:00 GMT", "Vary: A", line="HTTP/1.1 304 X"), "9110 15.4.5", body=b"", status=304, sees=(rb'ETag: "a"', rb"Vary: A"))
good("204 with a length that is none", reply("Content-Length: x", line="HTTP/1.1 204 X"), NONE, body=None, status=(204, 502), reused=False)
good("204 with lengths that differ", reply("Content-Length: 1", "Content-Length: 2", line="HTTP/1.1 204 X"), NONE, body=None, status=(204, 502), reused=False)
good("205", reply("Content-Length: 0", line="HTTP/1.1 205 X"), "9110 15.3.6", body=b"", status=205)
good("HEAD", reply("Content-Length: 5"), NONE, body=b"", request=HEAD, sees=(rb"Content-Length: 5\r\n",))
good("HEAD, no length", reply(), NONE, body=b"", request=HEAD, reused=None)
good("HEAD, chunked", reply("Transfer-Encoding: chunked"), NONE, body=b"", request=HEAD, reused=None)
good("HEAD with content", length(), NONE, body=b"", request=HEAD, reused=False, unseen=(HELLO,))
good("HEAD with content that comes later", (reply("Content-Length: 5"), PAUSE, HELLO), NONE, body=b"", request=HEAD, reused=None, unseen=(HELLO,))
good("HEAD with chunks", chunked(ONE), NONE, body=b"", request=HEAD, reused=False, unseen=(HELLO,))
good("HEAD with an answer more", reply("Content-Length: 0") + EVIL, NONE, body=b"", request=HEAD, reused=False, unseen=(b"EVIL",))
good("HEAD with a length beyond all memory", reply("Content-Length: 999999999999"), NONE, body=b"", request=HEAD, sees=(rb"Content-Length: 999999999999\r\n",))
good("HEAD to HTTP/1.0", reply("Content-Length: 5"), NONE, body=b"", request=HEAD.replace(b"1.1", b"1.0"), reused=None)
bad("HEAD with a length that is none", reply("Content-Length: x"), "9112 6.3", request=HEAD)

# --- Content-Length ---
LENGTH = "9112 6.3"
good("length 0", reply("Content-Length: 0"), LENGTH, body=b"")
good("a length with a zero in front", reply("Content-Length: 05", content=HELLO), "9110 8.6")
good("a length in small letters", reply("content-length:5", content=HELLO), "9110 8.6")
good("content with every octet", reply("Content-Length: 256", content=bytes(range(256))), LENGTH, body=bytes(range(256)))
good("content of 300,000 octets", reply("Content-Length: 300000", content=b"x" * 300000), LENGTH, body=b"x" * 300000)
good("content in segments", (reply("Content-Length: 5"), PAUSE, b"he", PAUSE, b"llo"), LENGTH)
good("a head in segments", (b"HTTP/1.1 2", PAUSE, b"00 OK\r\nContent-Le", PAUSE, b"ngth: 5\r", PAUSE, b"\n\r", PAUSE, b"\nhello"), LENGTH)
good("a length to HTTP/1.0", length(), LENGTH, request=OLD, reused=None, framing="length")
free("equal lengths", reply("Content-Length: 5", "Content-Length: 5", content=HELLO), "9110 8.6")
free("equal lengths in a list", reply("Content-Length: 5, 5", content=HELLO), "9110 8.6")
bad("lengths that differ", reply("Content-Length: 5", "Content-Length: 6", content=HELLO), LENGTH)
bad("lengths that differ, the first 0", reply("Content-Length: 0", "Content-Length: 5", content=HELLO), LENGTH)
bad("lengths that differ in a list", reply("Content-Length: 5, 6", content=HELLO), LENGTH)
for value in ("-1", "+5", "", "x", "5x", "0x5", "5 5", "5.0", '"5"', ",", "5;", "99999999999999999999", "18446744073709551621", "9223372036854775808", "\x0b5", "5\x00", "\xb2", "1_0"):
    bad(f"length {value!r}", reply(f"Content-Length: {value}", content=HELLO), LENGTH)
free("a length with a space before the colon", (reply("Content-Length : 5", content=HELLO), CLOSE), "9112 5.1")

# --- Transfer-Encoding ---
CODING = "9112 6.1"
good("chunked", chunked(ONE), CODING)
good("chunked in capitals", reply("TRANSFER-ENCODING: CHUNKED", content=ONE), CODING)
good("chunked to HTTP/1.0", chunked(ONE), CODING, request=OLD, reused=None, unseen=(rb"(?i)transfer-encoding",))
good("no chunk but the last", chunked(b"0\r\n\r\n"), CODING, body=b"")
good("two chunks in segments", (chunked(b"2\r"), PAUSE, b"\nhe\r", PAUSE, b"\n3\r\nllo\r\n0\r\n", PAUSE, b"\r\n"), CODING)
good("extensions", chunked(b"5;a=\"b;c\"\r\nhello\r\n0;d\r\n\r\n"), "9112 7.1.1")
good("chunks of 300,000 octets", chunked(b"493e0\r\n" + b"x" * 300000 + b"\r\n0\r\n\r\n"), CODING, body=b"x" * 300000)
good("1,000 chunks of one octet", chunked(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"), CODING, body=b"x" * 1000)
good("a coding in an answer of HTTP/1.0", chunked(ONE, line="HTTP/1.0 200 OK"), CODING, status=(200, 502), body=None, reused=False)
for name, fields in (("length first", ("Content-Length: 3", "Transfer-Encoding: chunked")), ("coding first", ("Transfer-Encoding: chunked", "Content-Length: 3")), ("length 0", ("Content-Length: 0", "Transfer-Encoding: chunked")),
                     ("a length that fits", ("Content-Length: 15", "Transfer-Encoding: chunked"))):
    free(f"length and coding: {name}", (reply(*fields, content=ONE), CLOSE), LENGTH, unseen=(rb"(?i)content-length: (3|0|15)\r\n.*hello",))
for value in ("gzip", "identity", "xchunked", "chunked, chunked", "chunked, gzip", "gzip, chunked", "chunked, identity", "identity, chunked", "chunked;q=1", '"chunked"', "chunked\x0b", "\x0bchunked", "chu nked", "", ",", "cow", "chunked\x00",
              "chunked\xa0", "x-gzip, chunked"):
    bad(f"coding {value!r}", (reply(f"Transfer-Encoding: {value}", content=ONE), CLOSE), CODING)
bad("coding twice on two lines", (reply("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", content=ONE), CLOSE), CODING)
bad("coding, and another on a second line", (reply("Transfer-Encoding: chunked", "Transfer-Encoding: identity", content=ONE), CLOSE), CODING)
for size in (b"x", b"-5", b"+5", b"0x5", b"5x", b" 5", b"5 5", b"", b"5\x00", b"10000000000000005", b"ffffffffffffffffff", b"5\ra", b"5;a\rb", b"5;\x00", b"5,", b"g", b"5\r"):
    cut(f"size {size!r}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), "9112 7.1")
for name, content in (("a size line that ends with LF", b"5\nhello\r\n0\r\n\r\n"), ("data without CRLF", b"5\r\nhello0\r\n\r\n"), ("data with LF", b"5\r\nhello\n0\r\n\r\n"), ("data longer than its size", b"5\r\nhello!\r\n0\r\n\r\n"),
                      ("two octets for CRLF", b"5\r\nhelloXX0\r\n\r\n"), ("an LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"), ("the last chunk ends with LF", b"5\r\nhello\r\n0\n\r\n"),
                      ("data behind the last chunk", b"5\r\nhello\r\n0\r\nhello\r\n\r\n"), ("an empty size line", b"5\r\nhello\r\n\r\n0\r\n\r\n"), ("a broken second chunk", b"5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n")):
    cut(f"chunks: {name}", chunked(content), "9112 7.1")
cut("an extension of 300,000 octets", chunked(b"5;" + b"a" * 300000 + b"\r\nhello\r\n0\r\n\r\n"), "9112 7.1.1")
cut("a broken chunk to HTTP/1.0: only a reset can tell", chunked(b"5\r\nhello\r\nzz\r\n"), "9112 8", request=OLD)

# --- until the end of the connection ---
good("content until the end", (reply(content=HELLO), CLOSE), "9112 6.3", reused=False, framing="chunked")
good("content until the end, which closes", (reply("Connection: close", content=HELLO), CLOSE), "9112 6.3", reused=False)
good("content until the end, in segments", (reply(), PAUSE, b"he", PAUSE, b"llo", PAUSE, CLOSE), "9112 6.3", reused=False)
good("content until the end, to HTTP/1.0", (reply(content=HELLO), CLOSE), "9112 6.3", request=OLD, reused=False, framing="close")
good("no content until the end", (reply(), CLOSE), "9112 6.3", body=b"", reused=False)
good("HTTP/1.0 until the end", (reply(line="HTTP/1.0 200 OK", content=HELLO), CLOSE), "9112 6.3", reused=False)
cut("content until a reset", (reply(), b"hello", PAUSE, RESET))
cut("content until a reset, to HTTP/1.0", (reply(), b"hello", PAUSE, RESET), request=OLD)

# --- cut off at each place ---
for name, octets_ in (("in the version", b"HTTP/1"), ("in the status", b"HTTP/1.1 20"), ("behind the status line", b"HTTP/1.1 200 OK\r\n"), ("in a field", b"HTTP/1.1 200 OK\r\nContent-Le"), ("behind a field", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
                      ("before the last LF", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r")):
    bad(f"cut off {name}", (octets_, CLOSE), "9112 8")
    bad(f"reset {name}", (octets_, PAUSE, RESET), "9112 8")
for request, to in ((None, ""), (OLD, ", to HTTP/1.0")):
    more = {"request": request} if request else {}
    for name, octets_ in (("before the content", reply("Content-Length: 5")), ("in the content", reply("Content-Length: 5", content=b"hel")), ("before the last octet of much", reply("Content-Length: 300000", content=b"x" * 299999)),
                          ("before the first chunk", chunked(b"")), ("in a size", chunked(b"5")), ("behind a size", chunked(b"5\r\n")), ("in a chunk", chunked(b"5\r\nhel")), ("behind a chunk", chunked(b"5\r\nhello")),
                          ("behind a chunk's CRLF", chunked(b"5\r\nhello\r\n")), ("in the last size", chunked(b"5\r\nhello\r\n0")), ("behind the last size", chunked(b"5\r\nhello\r\n0\r\n")), ("in the trailers", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n")),
                          ("before the last LF of chunks", chunked(b"5\r\nhello\r\n0\r\n\r"))):
        cut(f"cut off {name}{to}", (octets_, CLOSE), **more)
    cut(f"reset in the content{to}", (reply("Content-Length: 5", content=b"hel"), PAUSE, RESET), **more)
    cut(f"reset in a chunk{to}", (chunked(b"5\r\nhel"), PAUSE, RESET), **more)

# --- more than was asked for ---
MORE = "9112 9.2"
good("an answer more", length() + EVIL, MORE, reused=False)
good("an answer more behind chunks", chunked(ONE) + EVIL, MORE, reused=False)
good("an answer more, later", (length(), PAUSE, PAUSE, EVIL), MORE, reused=None)
good("CRLF behind the content", length() + b"\r\n", MORE, reused=None)
good("one octet more than the length", length(content=b"hello!"), MORE, reused=False)
good("octets behind the last chunk", chunked(ONE + b"x"), MORE, reused=False)
good("an interim answer behind the answer", length() + EARLY, MORE, reused=False)
good("an answer that closes, and more", (length("Connection: close") + EVIL, CLOSE), "9112 9.6", reused=False)
good("an answer that closes", (length("Connection: close"), CLOSE), "9112 9.6", reused=False, unseen=(rb"(?i)connection: close.*hello",))
good("an answer that closes, among other options", (length("Connection: x, CLOSE"), CLOSE), "9112 9.6", reused=False)
good("an answer that says close and stays open", length("Connection: close"), "9112 9.6", reused=False)
good("a backend that leaves behind its answer", (length(), PAUSE, CLOSE), "9112 9.5", reused=None)
good("a backend that resets behind its answer", (length(), PAUSE, RESET), "9112 9.5", reused=None)

# --- fields ---
FIELD = "9112 5"
good("spaces around a value", length("A:  \t b \t "), FIELD, sees=(rb"\r\nA:[ \t]*b[ \t]*\r\n",))
good("an empty value", length("A:"), FIELD, sees=(rb"\r\nA: ?\r\n",))
good("8-bit octets in a value", length("A: \xe9\xff"), "9110 5.5", sees=(rb"A: \xe9\xff\r\n",))
good("a tab in a value", length("A: b\tc"), "9110 5.5", sees=(rb"A: b\tc\r\n",))
good("thirty Set-Cookie, in order and apart", length(*[f"Set-Cookie: c{n}=1" for n in range(30)]), "9110 5.3", sees=(b".*".join(b"Set-Cookie: c%d=1\r\n" % n for n in range(30)),))
good("a value of 10,000 octets", length("A: " + "b" * 10000), "9110 5.4", sees=(rb"b{10000}\r\n",))
good("ninety fields", length(*[f"A{n}: b" for n in range(90)]), "9110 5.4", sees=(rb"A89: b\r\n",))
free("300 fields", length(*[f"A{n}: b" for n in range(300)]), "9110 5.4")
bad("20,000 fields", length(*["A: bcdefgh"] * 20000), "9110 5.4")
bad("a value of 2,000,000 octets", length("A: " + "b" * 2000000), "9110 5.4")
bad("fields without an end", (b"HTTP/1.1 200 OK\r\n" + b"A: bcdefgh\r\n" * 200000), "9110 5.4")
# 9112 5.2: folds become spaces, or the answer 502, as here. 5.1: whitespace before the colon is taken out.
for name, fields in (("a space before a colon", ("A : b",)), ("a tab before a colon", ("A\t: b",)), ("a folded line", ("A: b", " c")), ("a line folded with a tab", ("A: b", "\tc")), ("a folded line of spaces", ("A: b", "  ")),
                     ("an octet 1 in a value", ("A: b\x01c",)), ("an octet 127 in a value", ("A: b\x7fc",)), ("a vertical tab in a value", ("A: b\x0bc",))):
    free(name, length(*fields), "9112 5")
good("a space before a colon is taken out", length("A : b"), "9112 5.1", sees=(rb"\r\nA: b\r\n",), reused=None)
for name, fields in (("a line without a colon", ("A",)), ("a field without a name", (": b",)), ("a colon", (":",)), ("a name of two words", ("A b: c",)), ("a bad name", ("A(: b",)), ("an 8-bit name", ("\xe9: b",)), ("a NUL in a name", ("A\x00: b",)),
                     ("a NUL in a value", ("A: b\x00c",)), ("a bare CR in a value", ("A: b\rc",)), ("a bare CR, and what would be a field", ("A: b\rSet-Cookie: x=y",))):
    bad(name, length(*fields), FIELD)
bad("a folded line, first", reply(" A: b", "Content-Length: 5", content=HELLO), "9112 2.2")
free("a bare LF behind a field", length("A: b\nC: d"), "9112 2.2")
free("LF throughout", length().replace(b"\r\n", b"\n"), "9112 2.2")
free("a folded length", (reply("Content-Length:", " 5", content=HELLO), CLOSE), "9112 5.2")
free("a folded coding", (reply("Transfer-Encoding:", " chunked", content=ONE), CLOSE), "9112 5.2", unseen=(rb"0\r\n\r\n.*0\r\n\r\n",))
HOP = "9110 7.6.1"
good("a field that Connection names", length("Connection: X-Hop", "X-Hop: 1", "X-End: 2"), HOP, sees=(rb"X-End: 2",), unseen=(rb"X-Hop:",), reused=None)
good("Keep-Alive", length("Connection: keep-alive", "Keep-Alive: timeout=5"), HOP, unseen=(rb"(?i)keep-alive",))
good("Proxy-Connection", length("Proxy-Connection: keep-alive"), HOP, unseen=(rb"(?i)proxy-connection",))
good("Upgrade that nobody asked for", length("Connection: Upgrade", "Upgrade: h2c"), HOP, unseen=(rb"(?i)upgrade:",), reused=None)
good("Connection names Content-Length", length("Connection: Content-Length"), HOP, status=(200, 502), body=None, reused=None)
good("Connection names Date, which is written anew", length("Connection: Date", "Date: Thu, 01 Jan 2026 00:00:00 GMT"), HOP, reused=None)
good("Connection names Via, which we write", length("Connection: Via", "Via: 1.1 x"), HOP, sees=(rb"(?i)via: [^\r]*1\.1 genkan",), reused=None)
good("Via", length(), "9110 7.6.3", sees=(rb"(?i)\r\nvia: 1\.1 genkan\r\n",))
good("Via of HTTP/1.0", length(line="HTTP/1.0 200 OK"), "9110 7.6.3", sees=(rb"(?i)\r\nvia: 1\.0 genkan\r\n",), reused=None)
good("Via is added behind what is there", length("Via: 1.0 x"), "9110 7.6.3", sees=(rb"(?is)via: 1\.0 x.*1\.1 genkan",))
good("Date stays", length("Date: Thu, 01 Jan 2026 00:00:00 GMT"), "9110 6.6.1", sees=(rb"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n",))
good("Server stays", length("Server: x/1"), "9110 10.2.4", sees=(rb"Server: x/1\r\n",))
good("fields that are unknown stay, in order", length("X-B: 1", "X-A: 2"), "9110 5.3", sees=(rb"X-B: 1\r\n.*X-A: 2\r\n",))
good("Trailer and WWW-Authenticate stay", length("WWW-Authenticate: Basic realm=x", line="HTTP/1.1 401 X"), "9110 11.6.1", status=401, sees=(rb"WWW-Authenticate: Basic realm=x",))

# --- trailers ---
TRAILER = "9110 6.5.1"
good("a trailer", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "Trailer: X-T"), "9112 7.1.2", sees=(rb"0\r\nX-T: 1\r\n\r\n",))
good("a trailer to HTTP/1.0", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"), "9112 7.1.2", request=OLD, reused=None, unseen=(rb"X-T",))
for name in ("Content-Length", "Transfer-Encoding", "Set-Cookie", "Connection", "Content-Encoding", "Content-Type", "Content-Range", "Trailer", "Location", "Cache-Control", "Keep-Alive", "WWW-Authenticate", "Age", "Vary"):
    value = {"Content-Length": "3", "Transfer-Encoding": "chunked", "Connection": "close"}.get(name, "evil")
    add(f"a trailer {name}", chunked(f"5\r\nhello\r\n0\r\n{name}: {value}\r\n\r\n".encode()), (200,), TRAILER, body=HELLO, unseen=(b"0\r\n" + name.encode() + b":",))
for name, line in (("without a colon", b"X"), ("with a bad name", b"X(: 1"), ("with a NUL", b"X: \x00"), ("with a bare CR", b"X: a\rb"), ("without a name", b": 1"), ("that is a status line", b"HTTP/1.1 200 OK")):
    cut(f"a trailer {name}", chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), FIELD)
for name, line in (("folded", b"X: 1\r\n 2"), ("with a space before the colon", b"X : 1"), ("with a bare LF", b"X: a\nY: b")):
    add(f"a trailer {name}", chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), "cut", "9112 5", level="SHOULD")
cut("a trailer of 300,000 octets", chunked(b"5\r\nhello\r\n0\r\nX: " + b"a" * 300000 + b"\r\n\r\n"), "9110 5.4")

# --- answers before the request is whole ---
PART = b"POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nGET /hidden HTTP/1.1\r\n"
CHUNKS = b"POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
for name, request in (("a length", PART), ("chunks", CHUNKS)):
    good(f"early: 200 in the middle of {name}", length(), "9112 9.5", request=request, reused=False)
    good(f"early: 413 in the middle of {name}, closed", (length("Connection: close", line="HTTP/1.1 413 X"), CLOSE), "9112 9.5", request=request, reused=False, status=413)
    good(f"early: 401 in the middle of {name}", length("WWW-Authenticate: x", line="HTTP/1.1 401 X"), "9112 9.5", request=request, reused=False, status=401)
    cut(f"early: cut off in the middle of {name}", (reply("Content-Length: 5", content=b"hel"), CLOSE), "9112 8", request=request)

"""Answers that are Genkan's own (fixed, redirects, files, refusals): whatever content a request brings, the connection stays in step or ends."""
from http_corpus_lines import maker
from http_judge import HALF, PAUSE, WAIT, Request, ask

ROWS = []
ok, bad, free = maker(ROWS)
HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n"


def row(name, send, want, rfc="9112 9.3", **more):
    """/probe is answered by a backend, so that one knows whose answer it is."""
    ROWS.append(Request(name, send if isinstance(send, tuple) else (send,), (want,), rfc, reaches=0, never=(rb"hidden",), **more))


OWN = (("/fixed", 203), ("/moved", 302), ("/files/a.txt", (200, 405)), ("/files/none", (404, 405)), ("/denied", 403), ("/closed", 503), ("/password", 401), ("/unrouted", 404))
for path, want in OWN:
    row(f"{path}: GET", ask(f"GET {path} HTTP/1.1"), want, closed=False)
    row(f"{path}: HEAD", ask(f"HEAD {path} HTTP/1.1"), want, "9110 9.3.2", closed=False)
    row(f"{path}: HTTP/1.0", ask(f"GET {path} HTTP/1.0"), want, closed=True, unseen=(rb"(?i)transfer-encoding",))
    row(f"{path}: close", ask(f"GET {path} HTTP/1.1", "Connection: close"), want, "9112 9.6", closed=True)
    row(f"{path}: GET with content that is a request", ask(f"GET {path} HTTP/1.1", f"Content-Length: {len(HIDDEN)}", content=HIDDEN), want, "9110 9.3.1", closed=False)
    row(f"{path}: POST with content that is a request", ask(f"POST {path} HTTP/1.1", f"Content-Length: {len(HIDDEN)}", content=HIDDEN), want, closed=False)
    row(f"{path}: POST with content in segments", (ask(f"POST {path} HTTP/1.1", f"Content-Length: {len(HIDDEN)}"), PAUSE, HIDDEN[:9].encode(), PAUSE, HIDDEN[9:].encode()), want, closed=False)
    row(f"{path}: POST with chunks that are a request", ask(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked", content=CHUNKED), want)
    row(f"{path}: POST with chunks that come later", (ask(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked"), PAUSE, CHUNKED.encode()), want)
    row(f"{path}: POST with much content", ask(f"POST {path} HTTP/1.1", "Content-Length: 900000", content="x" * 900000), want)
    row(f"{path}: POST with broken chunks", ask(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked", content="5\r\nhelloXX" + HIDDEN), (*(want if isinstance(want, tuple) else (want,)), 400), closed=True)
    row(f"{path}: HEAD with content that is a request", ask(f"HEAD {path} HTTP/1.1", f"Content-Length: {len(HIDDEN)}", content=HIDDEN), want, closed=False)
    row(f"{path}: POST, half-closed in its content", (ask(f"POST {path} HTTP/1.1", "Content-Length: 50", content="hello"), HALF), (*(want if isinstance(want, tuple) else (want,)), 400))
    # 10.1.1: a final answer instead of 100; the content need not come, and what comes is either content or nothing.
    row(f"{path}: 100-continue, and no content", (ask(f"POST {path} HTTP/1.1", "Expect: 100-continue", "Content-Length: 50"), WAIT), want, "9110 10.1.1", closed=True, unseen=(rb"HTTP/1\.1 100",))
    row(f"{path}: 100-continue, content at once", ask(f"POST {path} HTTP/1.1", "Expect: 100-continue", f"Content-Length: {len(HIDDEN)}", content=HIDDEN), want, "9110 10.1.1")
    row(f"{path}: length and coding", ask(f"POST {path} HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked", content=CHUNKED), 400, "9112 6.3", closed=True)
    row(f"{path}: Upgrade", ask(f"GET {path} HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), want, "9110 7.8")
    row(f"{path}: an unknown method", ask(f"FOO {path} HTTP/1.1"), (*(want if isinstance(want, tuple) else (want,)), 405, 501), "9110 9.1")
    row(f"{path}: DELETE", ask(f"DELETE {path} HTTP/1.1"), (*(want if isinstance(want, tuple) else (want,)), 405), "9110 9.1", closed=False)
for value, want in (("bytes=0-1", 206), ("bytes=-2", 206), ("bytes=2-", 206), ("bytes=0-999", 206), ("bytes=99-", 416), ("bytes=-0", 416), ("bytes=5-2", (200, 416)), ("bytes=a-b", (200, 416)), ("bytes=", (200, 416)), ("lines=0-1", 200), ("bytes=0-0,2-2", (200, 206)), ("bytes=" + "0-0," * 500 + "1-1", (200, 206, 416)),
                    ("bytes=99999999999999999999-", (200, 416)), ("bytes 0-1", 200), ("bytes=0-1,", (200, 206))):
    row(f"a range: {value[:30]}", ask("GET /files/a.txt HTTP/1.1", f"Range: {value}"), want, "9110 14.2", closed=False, level="MAY" if isinstance(want, tuple) else "MUST")
row("a range of HEAD", ask("HEAD /files/a.txt HTTP/1.1", "Range: bytes=0-1"), (200, 206), "9110 14.2", closed=False)
for fields, want in ((("If-None-Match: *",), 304), (('If-None-Match: "x"',), 200), (("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",), (200, 304)), (("If-Modified-Since: x",), 200), (("If-Match: *",), 200), (('If-Match: "x"',), 412), (('If-Match: W/"x", "y"',), 412), (('If-Match: "x"', "If-None-Match: *"), 412), (("If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT",), 200), (("If-Unmodified-Since: x",), 200), (("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT",), 412),
                     (('If-Range: "x"', "Range: bytes=0-1"), 200)):
    row(f"a condition: {fields}", ask("GET /files/a.txt HTTP/1.1", *fields), want, "9110 13", closed=False)
for path in ("/files/..%2fsecret", "/files/a.txt/", "/files/a.txt%00", "/files/.", "/files", "/files//a.txt/.."):
    row(f"a file by {path}", ask(f"GET {path} HTTP/1.1"), (301, 302, 308, 400, 403, 404), "3986 5.2.4", unseen=(b"secret text",), level="SHOULD")
row("OPTIONS", ask("OPTIONS /fixed HTTP/1.1"), (203, 204, 405), "9110 9.3.7", closed=False)
row("TRACE of what is no backend's", ask("TRACE /fixed HTTP/1.1", "Cookie: secret"), (203, 405, 501), "9110 9.3.8", unseen=(b"secret",))

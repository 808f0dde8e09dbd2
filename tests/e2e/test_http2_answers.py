"""Backends of HTTP/2: what is malformed in their answers reaches no client, and what HTTP/1.1 clients send arrives as RFC 9113 8.2 and 8.3 want it."""
import re

import http_corpus_framing
import http_corpus_lines
import http_corpus_meaning
from h2wire import ACK, CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL, NO_ERROR, PING, PREFACE, PUSH, RST, SETTINGS, WINDOW, CONTINUATION, frame, u32
from harness import free_port
from hpack import Decoder, Encoder
from http_judge import Answer, Backends, Judge, Malformed, Message, Request, site

ALL = END_HEADERS | END_STREAM
FOLD = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+\Z")


class Backends2(Backends):
    """The rows' backends speak HTTP/2. Answer.send is function(block, stream) -> octets."""

    def serve(self, connection, number, which):
        try:
            with connection:
                connection.settimeout(60)
                self.talk(connection, number, which)
        except Malformed as fault:
            self.faults[number].append(f"the backend gets what is malformed: {fault}")
        except OSError:
            pass

    def talk(self, connection, number, which):
        row, encoder, decoder = self.rows[number], Encoder(), Decoder()
        reader = connection.makefile("rb")
        if reader.read(len(PREFACE)) != PREFACE:
            return
        connection.sendall(frame(SETTINGS))
        streams = {}

        def block(fields):
            return encoder.encode([(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields], huffman=False)
        while len(head := reader.read(9)) == 9:
            size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
            payload = reader.read(size)
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK))
            elif kind == PING and not flags & ACK:
                connection.sendall(frame(PING, ACK, 0, payload))
            elif kind == HEADERS and stream not in streams:
                assert flags & END_HEADERS
                message = streams[stream] = self.request(decoder.decode(payload, raw=True))
                message.connection = which
                if b"100-continue" in message.items(b"expect"):
                    connection.sendall(frame(HEADERS, END_HEADERS, stream, block([(":status", "100")])))
            elif kind == HEADERS:
                streams[stream].trailers = decoder.decode(payload, raw=True)
            elif kind == DATA:
                streams[stream].body += payload
                if size:
                    connection.sendall(frame(WINDOW, 0, 0, u32(size)) + frame(WINDOW, 0, stream, u32(size)))
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                message = streams[stream]
                with self.lock:
                    self.got[number].append(message)
                    place = len(self.got[number])
                if isinstance(row, Answer) and b" /bad" in message.first:
                    out = row.send(block, stream)
                    connection.sendall(out)
                else:
                    content = b"#%d " % place + message.first + b"\n"
                    head = block([(":status", "200"), ("content-length", str(len(content)))])
                    none = message.first.startswith(b"HEAD")
                    connection.sendall(frame(HEADERS, END_HEADERS | (END_STREAM if none else 0), stream, head) + (b"" if none else frame(DATA, END_STREAM, stream, content)))

    @staticmethod
    def request(fields):
        """As strict as RFC 9113 8.2 and 8.3."""
        pseudo = {}
        rest = []
        for name, value in fields:
            if re.search(rb"[\x00\r\n]", value) or value != value.strip(b" \t"):
                raise Malformed(f"{name!r}: {value!r}")
            if name.startswith(b":"):
                if rest or name in pseudo or name not in (b":method", b":scheme", b":path", b":authority"):
                    raise Malformed(f"pseudo-field {name!r}")
                pseudo[name] = value
            else:
                if not FOLD.match(name) or name in (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade") or (name == b"te" and value != b"trailers"):
                    raise Malformed(f"field {name!r}: {value!r}")
                rest.append((name, value))
        if not pseudo.get(b":method") or not pseudo.get(b":path", b"").startswith((b"/", b"*")) or pseudo.get(b":scheme") not in (b"http", b"https"):
            raise Malformed(f"{pseudo}")
        hosts = [value for name, value in rest if name == b"host"]
        if len(hosts) > 1 or (hosts and hosts[0] != pseudo.get(b":authority")) or not pseudo.get(b":authority"):
            raise Malformed(f"Host {hosts} and {pseudo.get(b':authority')}")
        if re.search(rb"[^\x21-\x7e]|#", pseudo[b":path"]):
            raise Malformed(f"path {pseudo[b':path']!r}")
        return Message(pseudo[b":method"] + b" " + pseudo[b":path"] + b" HTTP/1.1", rest)


class Judge2(Judge):
    def __init__(self, rows, port):
        super().__init__([], port)
        self.backends.stop()
        self.rows, self.backends = rows, Backends2(rows)
        self.faults, self.talks = [[] for _ in rows], [b"" for _ in rows]


def run(genkan, rows):
    port = free_port()
    judge = Judge2(rows, port)
    genkan(site(port, judge.backends.ports).replace('name = "p', 'protocol = "h2"\nname = "p'), workers=1)
    faults = judge.run()
    assert not faults, f"{len(faults)} deviations in {len(rows)} rows:\n" + "\n".join(faults)


def test_requests_of_http1_arrive_as_http2_wants_them(genkan):
    """Every request that is served, with no look at the text of HTTP/1.1 that its row wants of a backend; and those refused."""
    rows = []
    for row in http_corpus_lines.ROWS + http_corpus_framing.ROWS + http_corpus_meaning.ROWS:
        if row.answer is None and "WebSocket" not in row.name:  # such a pool takes none
            body = tuple(pattern for pattern in row.gets if pattern.startswith(rb"<body>"))
            rows.append(Request(**{**row.__dict__, "gets": body, "never": (), "sees": tuple(p for p in row.sees if p.startswith(rb"#1")), "unseen": ()}))
    assert len(rows) > 800
    run(genkan, rows)


HELLO = b"hello"
ROWS = []


def add(name, send, want, rfc, **more):
    more.setdefault("reused", None)
    ROWS.append(Answer(name, send, want, rfc, **more))


def fields(*more, status="200", drop=False):
    return ([] if drop else [(":status", status)]) + list(more)


def answer(*more, content=(HELLO,), end=True, trailers=None, **kinds):
    """function(block, stream) of a head, DATA frames and trailers."""
    def make(block, stream):
        parts = list(content)
        out = frame(HEADERS, END_HEADERS | (END_STREAM if end and not parts and not trailers else 0), stream, block(fields(*more, **kinds)))
        for place, part in enumerate(parts):
            out += frame(DATA, END_STREAM if end and place == len(parts) - 1 and not trailers else 0, stream, part)
        return out + (frame(HEADERS, ALL if end else END_HEADERS, stream, block(trailers)) if trailers else b"")
    return make


def then(make, *frames):
    return lambda block, stream: make(block, stream) + b"".join(one(block, stream) for one in frames)


def reset(code):
    return lambda block, stream: frame(RST, 0, stream, u32(code))


ok = {"body": HELLO, "want": 200}
add("plain", answer(("content-length", "5")), rfc="9113 8.3.2", reused=True, unseen=(rb":status",), sees=(rb"Via: 2\.0 genkan",), **ok)
add("no length", answer(), rfc="9113 8.1", reused=True, **ok)
add("content in pieces, some of them empty", answer(content=(b"", b"he", b"", b"llo", b"")), rfc="9113 8.1", reused=True, **ok)
add("no content", answer(content=()), 200, "9113 8.1", body=b"", reused=True)
add("trailers", answer(trailers=[("x-t", "1")]), rfc="9113 8.1", sees=(rb"0\r\nx-t: 1\r\n\r\n",), **ok)
add("103, then the answer", then(lambda block, stream: frame(HEADERS, END_HEADERS, stream, block([(":status", "103"), ("link", "</a>")])), answer()), rfc="9110 15.2", interim=(103,), **ok)
add("204", answer(content=(), status="204"), 204, "9110 15.3.5", body=b"")
add("304 with a length", answer(("content-length", "5"), content=(), status="304"), 304, "9110 8.6", body=b"")
add("thirty set-cookie", answer(*[("set-cookie", f"c{n}=1") for n in range(30)]), rfc="9110 5.3", sees=(b".*".join(b"set-cookie: c%d=1\r\n" % n for n in range(30)),), **ok)
for name, more, kinds in (
        ("no :status", (), {"drop": True}), ("two :status", ((":status", "200"),), {}), (":status of letters", (), {"status": "abc"}), (":status of two digits", (), {"status": "20"}), (":status of four digits", (), {"status": "2000"}), (":status 0", (), {"status": "000"}),
        (":status 600", (), {"status": "600"}), (":status with CRLF", (), {"status": "200\r\nx: y"}), (":status empty", (), {"status": ""}), (":status -20", (), {"status": "-20"}), (":status behind a field", (("x", "y"), (":status", "200")), {"drop": True}), ("an unknown pseudo-field", ((":x", "y"),), {}),
        (":path in an answer", ((":path", "/"),), {}), ("connection", (("connection", "close"),), {}), ("transfer-encoding", (("transfer-encoding", "chunked"),), {}), ("keep-alive", (("keep-alive", "5"),), {}), ("upgrade", (("upgrade", "h2c"),), {}), ("proxy-connection", (("proxy-connection", "x"),), {}),
        ("a name in capitals", (("X-A", "b"),), {}), ("a space in a name", (("x y", "z"),), {}), ("CRLF in a name", (("x\r\ny", "z"),), {}), ("a colon in a name", (("x:y", "z"),), {}), ("NUL in a name", (("x\0", "z"),), {}), ("an empty name", (("", "z"),), {}), ("CRLF in a value", (("x", "y\r\nset-cookie: z"),), {}),
        ("LF in a value", (("x", "y\nz"),), {}), ("CR in a value", (("x", "y\rz"),), {}), ("NUL in a value", (("x", "y\0z"),), {}), ("two answers in a value", (("x", "y\r\n\r\nHTTP/1.1 200 OK"),), {}), ("a length of letters", (("content-length", "x"),), {}), ("a negative length", (("content-length", "-5"),), {}),
        ("two lengths", (("content-length", "5"), ("content-length", "5")), {}), ("two lengths that differ", (("content-length", "5"), ("content-length", "6")), {}), ("a length in a list", (("content-length", "5, 5"),), {}), ("a length beyond all numbers", (("content-length", "99999999999999999999"),), {}), ("101", (), {"status": "101"})):
    add(f"malformed: {name}", answer(*more, **kinds), "cut", "9113 8.1.1")
for name, length, content in (("shorter than its length", "9", (HELLO,)), ("longer than its length", "3", (HELLO,)), ("longer in pieces", "3", (b"he", b"llo")), ("none where there is a length", "5", ()), ("some where the length is 0", "0", (HELLO,))):
    # A length of 0 is believed when the head comes: what follows it reaches nobody.
    add(f"content {name}", answer(("content-length", length), content=content), "cut" if length != "0" else (200, 502), "9113 8.1.1", unseen=(HELLO,) if length == "0" else ())
for code in (NO_ERROR, INTERNAL, CANCEL):
    add(f"reset {code} in the content", then(answer(end=False), reset(code)), "cut", "9113 8.1")
    add(f"reset {code} behind the head", then(answer(content=(), end=False), reset(code)), "cut", "9113 8.1")
    add(f"reset {code} before the head", reset(code), "cut", "9113 8.1")
add("reset before the last octet", then(answer(("content-length", "5"), content=(b"hell",), end=False), reset(INTERNAL)), "cut", "9113 8.1")
add("DATA before the head", lambda block, stream: frame(DATA, 0, stream, HELLO), "cut", "9113 8.1")
add("103 that ends the stream", lambda block, stream: frame(HEADERS, ALL, stream, block([(":status", "103")])), "cut", "9113 8.1")
add("103, then DATA", lambda block, stream: frame(HEADERS, END_HEADERS, stream, block([(":status", "103")])) + frame(DATA, END_STREAM, stream, HELLO), "cut", "9113 8.1")
add("two heads", then(answer(content=(), end=False), answer()), "cut", "9113 8.1")
add("trailers that do not end the stream", then(answer(end=False), lambda block, stream: frame(HEADERS, END_HEADERS, stream, block([("x", "y")]))), "cut", "9113 8.1")
for name, field in (("a pseudo-field", (":status", "200")), ("connection", ("connection", "x")), ("capitals", ("X", "y")), ("CRLF", ("x", "y\r\nz: w")), ("NUL", ("x", "\0"))):
    add(f"trailers with {name}", answer(trailers=[field]), "cut", "9113 8.1")
for name in ("content-length", "set-cookie", "content-type", "location"):
    add(f"a trailer {name}", answer(trailers=[(name, "5" if name == "content-length" else "evil")]), (200, 502), "9110 6.5.1", unseen=(b"0\r\n" + name.encode(),))
add("a promise that nobody allowed", lambda block, stream: frame(PUSH, END_HEADERS, stream, u32(2) + block([(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a")])), "cut", "9113 6.6")
add("a header block that cannot be read", lambda block, stream: frame(HEADERS, ALL, stream, b"\x40\x01"), "cut", "9113 4.3")
add("CONTINUATION of another stream", lambda block, stream: frame(HEADERS, 0, stream, block([(":status", "200")])) + frame(CONTINUATION, END_HEADERS, stream + 2, b""), "cut", "9113 6.10")
add("a head of 15,000 octets", lambda block, stream: frame(HEADERS, END_HEADERS, stream, block([(":status", "200"), *[("x", "y" * 3000)] * 5])) + frame(DATA, END_STREAM, stream, HELLO), (200, 502), "9113 10.5.1")
add("DATA behind the end", then(answer(), lambda block, stream: frame(DATA, END_STREAM, stream, b"EVIL")), 200, "9113 5.1", body=HELLO, unseen=(b"EVIL",))
add("a second answer behind the end", then(answer(), answer(content=(b"EVIL",))), 200, "9113 5.1", body=HELLO, unseen=(b"EVIL",))
add("an answer on a stream that nobody opened", lambda block, stream: answer(content=(b"EVIL",))(block, stream + 2), "cut", "9113 5.1.1", unseen=(b"EVIL",))
add("a frame that is too large", lambda block, stream: frame(DATA, 0, stream, bytes((1 << 14) + 1)), "cut", "9113 4.2")
add("more than the window", then(answer(content=(), end=False), lambda block, stream: b"".join(frame(DATA, 0, stream, bytes(1 << 14)) for _ in range(200))), "cut", "9113 6.9.1")


def test_answers_of_http2_backends(genkan):
    assert len({row.name for row in ROWS}) == len(ROWS)
    run(genkan, ROWS)

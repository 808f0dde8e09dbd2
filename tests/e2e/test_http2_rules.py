"""The rules of RFC 9113 (and 7541) that a server must hold, one row each, in the order of the sections: what is sent, and what
must come. The list follows the one that conformance tools for HTTP/2 share. In clear and over TLS.

A row's `then`: connection(code, ...) GOAWAY with one of the codes, or the end; stream(code, ...) the same or RST_STREAM;
`ok` the server still answers a PING; answered(stream) a response with 200 comes.
"""
import pytest
from h2wire import (ACK, CANCEL, COMPRESSION, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW, FRAME_SIZE, GOAWAY,
                    H2, HAS_PRIORITY, HEADERS, PADDED, PING, PRIORITY, PROTOCOL, PUSH, REFUSED, RST, SETTINGS, STREAM_CLOSED,
                    WINDOW, frame, setting, u32)
from harness import free_port

ALL = END_HEADERS | END_STREAM


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    import harness
    clear, tls = free_port(), free_port()
    g = harness.Genkan(tmp_path_factory.mktemp("h2"), f'''
        [[certificate]]
        names = ["localhost"]
        self_signed = true
        [[listen]]
        address = ["127.0.0.1:{clear}"]
        protocols = ["h2"]
        [[listen]]
        address = ["127.0.0.1:{tls}"]
        tls = true
        [[route]]
        status = 200
        body = "hello hello hello hello"
    ''').start()
    yield {"clear": clear, "tls": tls}
    g.stop()


def connection(*codes):
    def judge(c):
        one = c.until(lambda f: f.kind == GOAWAY)
        assert one is None or one.code in codes, f"{one}: {one.code}"
    return judge


def stream(*codes):
    def judge(c):
        one = c.until(lambda f: f.kind in (GOAWAY, RST))
        assert one is None or one.code in codes, f"{one}: {one.code}"
    return judge


def ok(c):
    assert c.ping()


def calm_end(c):
    """A client that leaves is neither answered with an error nor cut off before it has read what is due."""
    c.send(frame(PING, 0, 0, bytes(8)))
    one = c.until(lambda f: f.kind in (GOAWAY, PING))
    assert one is None or one.kind == PING or one.code == 0


def answered(on=1):
    def judge(c):
        got = c.answer(on)
        assert got["status"] == 200 and got["reset"] is None, got
    return judge


def head(c, **more):
    return c.block(c.get(**more))


def get(c, on=1, flags=ALL, **more):
    return frame(HEADERS, flags, on, head(c, **more))


def post(c, on=1, more=()):
    return frame(HEADERS, END_HEADERS, on, head(c, method="POST", more=more))


def done(c, on=1):
    """A stream that has ended both ways."""
    c.send(get(c, on))
    answered(on)(c)
    return b""


def block(c, fields):
    return frame(HEADERS, ALL, 1, c.block(fields))


def without(c, name):
    return block(c, [f for f in c.get() if f[0] != name])


def doubled(c, name):
    return block(c, [f for f in c.get() for _ in range(2 if f[0] == name else 1)])


HELD = [("x-filler", "y" * 3000)]
RAW = {  # RFC 7541 6: representations by hand, after :method GET, :scheme http, :path /, :authority a
    "start": b"\x82\x86\x84\x41\x01a",
}


def raw(c, tail, flags=ALL):
    return frame(HEADERS, flags, 1, RAW["start"] + tail)


ROWS = [
    # what is right must work
    ("preface", lambda c: b"", ok),
    ("2 PRIORITY on an idle stream", lambda c: frame(PRIORITY, 0, 1, u32(0) + b"\x10") + get(c), answered()),
    ("2 WINDOW_UPDATE when half closed", lambda c: get(c) + frame(WINDOW, 0, 1, u32(1)), answered()),
    ("2 PRIORITY when half closed", lambda c: get(c) + frame(PRIORITY, 0, 1, u32(0) + b"\x10"), answered()),
    ("2 RST_STREAM when half closed", lambda c: get(c) + frame(RST, 0, 1, u32(CANCEL)), ok),
    ("2 PRIORITY when closed", lambda c: done(c) + frame(PRIORITY, 0, 1, u32(0) + b"\x10"), ok),
    ("2 WINDOW_UPDATE and RST_STREAM when closed", lambda c: done(c) + frame(WINDOW, 0, 1, u32(9)) + frame(RST, 0, 1, u32(CANCEL)), ok),
    ("3.1 DATA", lambda c: post(c) + frame(DATA, END_STREAM, 1, b"test"), answered()),
    ("3.1 DATA twice", lambda c: post(c) + frame(DATA, 0, 1, b"te") + frame(DATA, END_STREAM, 1, b"st"), answered()),
    ("3.1 DATA with padding", lambda c: post(c) + frame(DATA, END_STREAM | PADDED, 1, b"\x06test" + bytes(6)), answered()),
    ("3.2 HEADERS with padding", lambda c: frame(HEADERS, ALL | PADDED, 1, b"\x04" + head(c) + bytes(4)), answered()),
    ("3.2 HEADERS with priority", lambda c: frame(HEADERS, ALL | HAS_PRIORITY, 1, u32(0) + b"\xff" + head(c)), answered()),
    ("3.3 PRIORITY weight 1", lambda c: frame(PRIORITY, 0, 1, u32(0) + b"\x00") + get(c), answered()),
    ("3.3 PRIORITY weight 256", lambda c: frame(PRIORITY, 0, 1, u32(0) + b"\xff") + get(c), answered()),
    ("3.3 PRIORITY depends on another", lambda c: frame(PRIORITY, 0, 1, u32(3) + b"\x0f") + get(c), answered()),
    ("3.3 PRIORITY exclusive", lambda c: frame(PRIORITY, 0, 1, u32(0x80000003) + b"\x0f") + get(c), answered()),
    ("3.3 PRIORITY of a higher stream, then a lower one opens", lambda c: frame(PRIORITY, 0, 5, u32(0) + b"\x0f") + get(c, 3), answered(3)),
    ("3.4 RST_STREAM", lambda c: post(c) + frame(RST, 0, 1, u32(CANCEL)), ok),
    ("3.5 SETTINGS", lambda c: frame(SETTINGS, payload=setting((3, 100))), ok),
    ("3.7 PING", lambda c: b"", ok),
    ("3.8 GOAWAY", lambda c: frame(GOAWAY, payload=u32(0) + u32(0)), calm_end),
    ("3.9 WINDOW_UPDATE of the connection", lambda c: frame(WINDOW, payload=u32(1)), ok),
    ("3.9 WINDOW_UPDATE of a stream", lambda c: post(c) + frame(WINDOW, 0, 1, u32(1)) + frame(DATA, END_STREAM, 1), answered()),
    ("3.10 CONTINUATION", lambda c: get(c, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 1, c.block(HELD)), answered()),
    ("3.10 CONTINUATION twice", lambda c: get(c, flags=END_STREAM) + frame(CONTINUATION, 0, 1, c.block(HELD)) +
     frame(CONTINUATION, END_HEADERS, 1, c.block(HELD)), answered()),
    ("4 HEAD", lambda c: get(c, method="HEAD"), answered()),
    ("4 POST with trailers", lambda c: post(c) + frame(DATA, 0, 1, b"test") + frame(HEADERS, ALL, 1, c.block([("x-test", "ok")])), answered()),
    # HPACK, what is right
    ("hpack indexed", lambda c: raw(c, b"\x90"), answered()),
    ("hpack incremental, indexed name", lambda c: raw(c, b"\x7a\x01b"), answered()),
    ("hpack incremental, indexed name, huffman", lambda c: raw(c, b"\x7a\x81\x8f"), answered()),
    ("hpack incremental, new name", lambda c: raw(c, b"\x40\x01x\x01b"), answered()),
    ("hpack incremental, new name, huffman", lambda c: raw(c, b"\x40\x83\xf2\xb4\xa7\x01b"), answered()),
    ("hpack without indexing, indexed name", lambda c: raw(c, b"\x0f\x2b\x01b"), answered()),
    ("hpack without indexing, new name", lambda c: raw(c, b"\x00\x01x\x01b"), answered()),
    ("hpack never indexed, indexed name", lambda c: raw(c, b"\x1f\x2b\x01b"), answered()),
    ("hpack never indexed, new name", lambda c: raw(c, b"\x10\x01x\x01b"), answered()),
    ("hpack table size update", lambda c: frame(HEADERS, ALL, 1, b"\x20" + RAW["start"]), answered()),
    ("hpack table size updates", lambda c: frame(HEADERS, ALL, 1, b"\x20\x3f\xe1\x1f" + RAW["start"]), answered()),
    # 4: frames
    ("4.1 an unknown type", lambda c: frame(0x16, 0, 0, bytes(8)), ok),
    ("4.1 an undefined flag", lambda c: frame(PING, 0x16, 0, b"abcdefgh"), ok),
    ("4.1 the reserved bit", lambda c: frame(PING, 0, 0x80000000, b"abcdefgh"), ok),
    ("4.2 DATA of 2^14", lambda c: post(c) + frame(DATA, END_STREAM, 1, bytes(1 << 14)), answered()),
    ("4.2 DATA too large", lambda c: post(c) + frame(DATA, END_STREAM, 1, bytes((1 << 14) + 1)), stream(FRAME_SIZE)),
    ("4.2 HEADERS too large", lambda c: frame(HEADERS, ALL, 1, RAW["start"] + c.block([("x", "y" * 17000)])), connection(FRAME_SIZE)),
    ("4.3 an invalid header block", lambda c: frame(HEADERS, ALL, 1, b"\x40\x01"), connection(COMPRESSION)),
    ("4.3 PRIORITY within a header block", lambda c: get(c, flags=END_STREAM) + frame(PRIORITY, 0, 1, u32(0) + b"\xff"), connection(PROTOCOL)),
    ("4.3 HEADERS of another within a header block", lambda c: get(c, flags=END_STREAM) + get(c, 3), connection(PROTOCOL)),
    # 5: states
    ("5.1 idle: DATA", lambda c: frame(DATA, END_STREAM, 1, b"test"), connection(PROTOCOL)),
    ("5.1 idle: RST_STREAM", lambda c: frame(RST, 0, 1, u32(CANCEL)), connection(PROTOCOL)),
    ("5.1 idle: WINDOW_UPDATE", lambda c: frame(WINDOW, 0, 1, u32(100)), connection(PROTOCOL)),
    ("5.1 idle: CONTINUATION", lambda c: frame(CONTINUATION, END_HEADERS, 1, head(c)), connection(PROTOCOL)),
    ("5.1 half closed: DATA", lambda c: get(c) + frame(DATA, END_STREAM, 1, b"test"), stream(STREAM_CLOSED)),
    ("5.1 half closed: HEADERS", lambda c: get(c) + get(c), stream(STREAM_CLOSED)),
    ("5.1 half closed: CONTINUATION", lambda c: get(c) + frame(CONTINUATION, END_HEADERS, 1, head(c)), stream(STREAM_CLOSED, PROTOCOL)),
    ("5.1 reset by the client: DATA", lambda c: post(c) + frame(RST, 0, 1, u32(CANCEL)) + frame(DATA, END_STREAM, 1, b"test"), stream(STREAM_CLOSED)),
    ("5.1 reset by the client: HEADERS", lambda c: post(c) + frame(RST, 0, 1, u32(CANCEL)) + get(c), stream(STREAM_CLOSED)),
    ("5.1 reset by the client: CONTINUATION", lambda c: post(c) + frame(RST, 0, 1, u32(CANCEL)) + frame(CONTINUATION, END_HEADERS, 1, head(c)),
     stream(STREAM_CLOSED, PROTOCOL)),
    ("5.1 closed: DATA", lambda c: done(c) + frame(DATA, END_STREAM, 1, b"test"), stream(STREAM_CLOSED)),
    ("5.1 closed: HEADERS", lambda c: done(c) + get(c), connection(STREAM_CLOSED)),
    ("5.1 closed: CONTINUATION", lambda c: done(c) + frame(CONTINUATION, END_HEADERS, 1, head(c)), connection(STREAM_CLOSED, PROTOCOL)),
    ("5.1.1 an even stream", lambda c: get(c, 2), connection(PROTOCOL)),
    ("5.1.1 a lower stream than before", lambda c: get(c, 5) + get(c, 3), connection(PROTOCOL)),
    ("5.1.2 too many streams", lambda c: b"".join(post(c, 2 * i + 1) for i in range(101)), stream(PROTOCOL, REFUSED)),
    ("5.3.1 HEADERS depends on itself", lambda c: frame(HEADERS, ALL | HAS_PRIORITY, 1, u32(1) + b"\xff" + head(c)), stream(PROTOCOL)),
    ("5.3.1 PRIORITY depends on itself", lambda c: frame(PRIORITY, 0, 2, u32(2) + b"\xff"), stream(PROTOCOL)),
    ("5.4.1 an error closes the connection", lambda c: frame(PING, 0, 0, bytes(6)), connection(FRAME_SIZE)),
    ("5.5 an unknown extension", lambda c: frame(0xff, 0, 0, b"unknown"), ok),
    ("5.5 an unknown extension within a header block", lambda c: get(c, flags=END_STREAM) + frame(0xff, 0, 0, b"unknown"), connection(PROTOCOL)),
    # 6: frames
    ("6.1 DATA on stream 0", lambda c: frame(DATA, END_STREAM, 0, b"test"), connection(PROTOCOL)),
    ("6.1 DATA on a closed stream", lambda c: done(c) + frame(DATA, END_STREAM, 1, b"x"), stream(STREAM_CLOSED)),
    ("6.1 DATA padded beyond its end", lambda c: post(c) + frame(DATA, END_STREAM | PADDED, 1, b"\x05test"), connection(PROTOCOL)),
    ("6.2 HEADERS open, then PRIORITY", lambda c: get(c, flags=0) + frame(PRIORITY, 0, 1, u32(0) + b"\xff"), connection(PROTOCOL)),
    ("6.2 HEADERS open, then HEADERS", lambda c: get(c, flags=0) + get(c, 3), connection(PROTOCOL)),
    ("6.2 HEADERS on stream 0", lambda c: get(c, 0), connection(PROTOCOL)),
    ("6.2 HEADERS padded beyond its end", lambda c: frame(HEADERS, ALL | PADDED, 1, b"\xff" + head(c)), connection(PROTOCOL)),
    ("6.3 PRIORITY on stream 0", lambda c: frame(PRIORITY, 0, 0, u32(0) + b"\xff"), connection(PROTOCOL)),
    ("6.3 PRIORITY of a wrong length", lambda c: post(c) + frame(PRIORITY, 0, 1, bytes(4)), stream(FRAME_SIZE)),
    ("6.4 RST_STREAM on stream 0", lambda c: frame(RST, 0, 0, u32(CANCEL)), connection(PROTOCOL)),
    ("6.4 RST_STREAM on an idle stream", lambda c: frame(RST, 0, 1, u32(CANCEL)), connection(PROTOCOL)),
    ("6.4 RST_STREAM of a wrong length", lambda c: post(c) + frame(RST, 0, 1, bytes(3)), connection(FRAME_SIZE)),
    ("6.5 SETTINGS ACK with content", lambda c: frame(SETTINGS, ACK, 0, b"\x00"), connection(FRAME_SIZE)),
    ("6.5 SETTINGS on a stream", lambda c: frame(SETTINGS, 0, 1, setting((3, 100))), connection(PROTOCOL)),
    ("6.5 SETTINGS of a wrong length", lambda c: frame(SETTINGS, 0, 0, bytes(3)), connection(FRAME_SIZE)),
    ("6.5.2 ENABLE_PUSH of 2", lambda c: frame(SETTINGS, payload=setting((2, 2))), connection(PROTOCOL)),
    ("6.5.2 INITIAL_WINDOW_SIZE of 2^31", lambda c: frame(SETTINGS, payload=setting((4, 1 << 31))), connection(FLOW)),
    ("6.5.2 MAX_FRAME_SIZE of 2^14-1", lambda c: frame(SETTINGS, payload=setting((5, (1 << 14) - 1))), connection(PROTOCOL)),
    ("6.5.2 MAX_FRAME_SIZE of 2^24", lambda c: frame(SETTINGS, payload=setting((5, 1 << 24))), connection(PROTOCOL)),
    ("6.5.2 an unknown setting", lambda c: frame(SETTINGS, payload=setting((0xff, 1))), ok),
    ("6.5.2 ENABLE_CONNECT_PROTOCOL of 2", lambda c: frame(SETTINGS, payload=setting((8, 2))), connection(PROTOCOL)),
    ("6.7 PING with ACK", lambda c: frame(PING, ACK, 0, b"not-ours"), ok),
    ("6.7 PING on a stream", lambda c: frame(PING, 0, 1, bytes(8)), connection(PROTOCOL)),
    ("6.7 PING of a wrong length", lambda c: frame(PING, 0, 0, bytes(6)), connection(FRAME_SIZE)),
    ("6.8 GOAWAY on a stream", lambda c: frame(GOAWAY, 0, 1, u32(0) + u32(0)), connection(PROTOCOL)),
    ("6.9 WINDOW_UPDATE of 0", lambda c: frame(WINDOW, payload=u32(0)), connection(PROTOCOL)),
    ("6.9 WINDOW_UPDATE of 0 on a stream", lambda c: post(c) + frame(WINDOW, 0, 1, u32(0)), stream(PROTOCOL)),
    ("6.9 WINDOW_UPDATE of a wrong length", lambda c: frame(WINDOW, payload=bytes(3)), connection(FRAME_SIZE)),
    ("6.9.1 WINDOW_UPDATE above 2^31-1", lambda c: frame(WINDOW, payload=u32((1 << 31) - 1)) * 2, connection(FLOW)),
    ("6.9.1 WINDOW_UPDATE above 2^31-1 on a stream", lambda c: post(c) + frame(WINDOW, 0, 1, u32((1 << 31) - 1)) * 2, stream(FLOW)),
    ("6.9.2 INITIAL_WINDOW_SIZE above the most", lambda c: frame(SETTINGS, payload=setting((4, 0xffffffff))), connection(FLOW)),
    ("6.10 CONTINUATION, then another frame", lambda c: get(c, flags=END_STREAM) + frame(CONTINUATION, 0, 1, c.block(HELD)) + frame(DATA, END_STREAM, 1, b"t"),
     connection(PROTOCOL)),
    ("6.10 CONTINUATION on stream 0", lambda c: get(c, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 0, c.block(HELD)), connection(PROTOCOL)),
    ("6.10 CONTINUATION after the end of a block", lambda c: get(c, flags=END_HEADERS) + frame(CONTINUATION, END_HEADERS, 1, c.block(HELD)),
     connection(PROTOCOL)),
    ("6.10 CONTINUATION after the end of a CONTINUATION", lambda c: get(c, flags=0) + frame(CONTINUATION, END_HEADERS, 1, c.block(HELD)) * 2,
     connection(PROTOCOL)),
    ("6.10 CONTINUATION after DATA", lambda c: post(c) + frame(DATA, 0, 1, b"test") + frame(CONTINUATION, END_HEADERS, 1, c.block(HELD)), connection(PROTOCOL)),
    ("7 an unknown code in GOAWAY", lambda c: frame(GOAWAY, payload=u32(0) + u32(0xff)), calm_end),
    ("7 an unknown code in RST_STREAM", lambda c: post(c) + frame(RST, 0, 1, u32(0xff)), ok),
    # 8: messages
    ("8.1 trailers without END_STREAM", lambda c: post(c) + frame(DATA, 0, 1, b"test") + frame(HEADERS, END_HEADERS, 1, c.block([("x-test", "ok")])),
     stream(PROTOCOL)),
    ("8.2 a name in capitals", lambda c: raw(c, b"\x00\x06X-TEST\x02ok"), stream(PROTOCOL)),
    ("8.2.1 a space in a name", lambda c: raw(c, b"\x00\x03x y\x02ok"), stream(PROTOCOL)),
    ("8.2.1 CR in a value", lambda c: raw(c, b"\x00\x01x\x03o\rk"), stream(PROTOCOL)),
    ("8.2.1 LF in a value", lambda c: raw(c, b"\x00\x01x\x03o\nk"), stream(PROTOCOL)),
    ("8.2.1 NUL in a value", lambda c: raw(c, b"\x00\x01x\x03o\x00k"), stream(PROTOCOL)),
    ("8.2.1 a value that begins with a space", lambda c: raw(c, b"\x00\x01x\x03 ok"), stream(PROTOCOL)),
    ("8.3 an unknown pseudo-field", lambda c: block(c, [(":test", "ok"), *c.get()]), stream(PROTOCOL)),
    ("8.3 :status in a request", lambda c: block(c, [(":status", "200"), *c.get()]), stream(PROTOCOL)),
    ("8.3 a pseudo-field in trailers", lambda c: post(c) + frame(DATA, 0, 1, b"test") + frame(HEADERS, ALL, 1, c.block([(":method", "POST")])),
     stream(PROTOCOL)),
    ("8.3 a pseudo-field after others", lambda c: block(c, [("x-test", "ok"), *c.get()]), stream(PROTOCOL)),
    *[(f"8.2.2 {name}", lambda c, name=name, value=value: get(c, more=[(name, value)]), stream(PROTOCOL))
      for name, value in (("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("proxy-connection", "close"),
                          ("transfer-encoding", "chunked"), ("upgrade", "websocket"))],
    ("8.2.2 TE other than trailers", lambda c: get(c, more=[("te", "trailers, deflate;q=0.5")]), stream(PROTOCOL)),
    ("8.2.2 TE: trailers", lambda c: get(c, more=[("te", "trailers")]), answered()),
    ("8.3.1 an empty :path", lambda c: get(c, path=""), stream(PROTOCOL)),
    *[(f"8.3.1 no {name}", lambda c, name=name: without(c, name), stream(PROTOCOL)) for name in (":method", ":scheme", ":path")],
    *[(f"8.3.1 two {name}", lambda c, name=name: doubled(c, name), stream(PROTOCOL)) for name in (":method", ":scheme", ":path", ":authority")],
    ("8.1.1 content-length of one DATA", lambda c: post(c, more=[("content-length", "1")]) + frame(DATA, END_STREAM, 1, b"test"), stream(PROTOCOL)),
    ("8.1.1 content-length of many DATA", lambda c: post(c, more=[("content-length", "1")]) + frame(DATA, 0, 1, b"te") + frame(DATA, END_STREAM, 1, b"st"),
     stream(PROTOCOL)),
    ("8.1.1 content-length without content", lambda c: get(c, method="POST", more=[("content-length", "1")]), stream(PROTOCOL)),
    ("8.1.1 content-length twice", lambda c: post(c, more=[("content-length", "4"), ("content-length", "4")]), stream(PROTOCOL)),
    ("8.4 PUSH_PROMISE", lambda c: get(c) + frame(PUSH, END_HEADERS, 1, u32(2) + head(c)), connection(PROTOCOL)),
    # HPACK, what is wrong
    ("hpack an index beyond the table", lambda c: raw(c, b"\xc6"), connection(COMPRESSION)),
    ("hpack a name index beyond the table", lambda c: raw(c, b"\x7f\x31\x05empty"), connection(COMPRESSION)),
    ("hpack a size update at the end of a block", lambda c: raw(c, b"\x21"), connection(COMPRESSION)),
    ("hpack huffman padding over 7 bits", lambda c: raw(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), connection(COMPRESSION)),
    ("hpack huffman padded by zero", lambda c: raw(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), connection(COMPRESSION)),
    ("hpack huffman with EOS", lambda c: raw(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x88\x49\x51\xff\xff\xff\xff\xfa\x7f"), connection(COMPRESSION)),
    ("hpack index 0", lambda c: raw(c, b"\x80"), connection(COMPRESSION)),
    ("hpack a table size above the setting", lambda c: frame(HEADERS, ALL, 1, b"\x3f\xe1\x3f" + RAW["start"]), connection(COMPRESSION)),
]


@pytest.mark.parametrize("over", ["clear", "tls"])
@pytest.mark.parametrize("name, sent, then", ROWS, ids=[row[0] for row in ROWS])
def test_rule(site, over, name, sent, then):
    with H2(site[over], tls=over == "tls") as c:
        c.until(lambda f: f.kind == SETTINGS and f.flags & ACK)  # ours is taken: what follows counts
        c.send(sent(c))
        then(c)


@pytest.mark.parametrize("over", ["clear", "tls"])
def test_a_wrong_preface_ends_the_connection(site, over):
    with H2(site[over], tls=over == "tls", start=False) as c:
        c.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        connection(PROTOCOL)(c)


def test_windows_of_the_client_are_kept_to_the_byte(site):
    """RFC 9113 6.9.1 and 6.9.2: one byte at a time, a window made larger and smaller on the way, and below zero."""
    with H2(site["clear"], settings=setting((4, 1))) as c:
        one = c.open()
        first = c.until(lambda f: f.kind == DATA)
        assert len(first.payload) == 1
        c.send(frame(SETTINGS, payload=setting((4, 3))))
        more = c.until(lambda f: f.kind == DATA)
        assert len(more.payload) == 2
        c.send(frame(SETTINGS, payload=setting((4, 1))) + frame(WINDOW, 0, one, u32(1)))  # the window is -2, then -1
        assert c.ping() and sum(f.kind == DATA for f in c.frames) == 2
        c.send(frame(WINDOW, 0, one, u32(3)))
        last = c.until(lambda f: f.kind == DATA)
        assert len(last.payload) == 2


def test_settings_are_acknowledged_in_order_and_the_last_value_counts(site):
    with H2(site["clear"], settings=setting((4, 100), (4, 1))) as c:
        assert c.until(lambda f: f.kind == SETTINGS and f.flags & ACK)
        c.open()
        assert len(c.until(lambda f: f.kind == DATA).payload) == 1



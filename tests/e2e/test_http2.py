"""HTTP/2 from clients to HTTP/1.1 backends: what a browser, curl or nghttp2 sees, over TLS and in clear."""
import subprocess
import threading

import pytest
from h2wire import (CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, NO_ERROR, PING, REFUSED, RST, SETTINGS, WINDOW, frame, room,
                    setting, u32)
from harness import free_port, swallow, wait_until
from wire import raw_http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def front(port, origin_port, more="", listen=""):
    return (f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{listen}\n[http]\nbody_timeout = "5s"\n{more}\n'
            f'[[pool]]\nname = "o"\nretries = 0\n[pool.health]\nenabled = false\n'
            f'[[pool.backend]]\naddress = "127.0.0.1:{origin_port}"\n[[route]]\npath = "/here"\nstatus = 200\nbody = "here"\n[[route]]\npool = "o"\n')


@pytest.fixture
def through(genkan, origin):
    """through(handler) -> port, origin, genkan: Genkan in front of a raw origin."""
    def start(handler, more="", listen=""):
        o = origin(handler)
        port = free_port()
        return port, o, genkan(front(port, o.port, more, listen))
    return start


def curl(*args):
    return subprocess.run(["curl", "-sk", "--max-time", "20", *args], capture_output=True, check=True).stdout


def body_of(connection, data, size):
    body = data.partition(b"\r\n\r\n")[2]
    while len(body) < size:
        body += connection.recv(1 << 20)
    return body


def test_alpn_and_prior_knowledge_and_http_1_on_the_same_ports(genkan, nginx):
    web = nginx("one")
    clear, tls, old = free_port(), free_port(), free_port()
    genkan(f'''
        [[certificate]]
        names = ["localhost"]
        self_signed = true
        [[listen]]
        address = ["127.0.0.1:{clear}"]
        [[listen]]
        address = ["127.0.0.1:{tls}"]
        tls = true
        [[listen]]
        address = ["127.0.0.1:{old}"]
        tls = true
        protocols = ["http/1.1"]
        [[pool]]
        name = "web"
        [pool.health]
        enabled = false
        [[pool.backend]]
        address = "127.0.0.1:{web.port}"
        [[route]]
        pool = "web"
    ''')
    said = "%{http_version} %{http_code}"
    assert curl("--http2", "-w", said, f"https://127.0.0.1:{tls}/a") == b"one GET /a\n2 200"
    assert curl("--http1.1", "-w", said, f"https://127.0.0.1:{tls}/b") == b"one GET /b\n1.1 200"
    assert curl("--http2", "-w", said, f"https://127.0.0.1:{old}/c") == b"one GET /c\n1.1 200"
    assert curl("--http2-prior-knowledge", "-w", said, f"http://127.0.0.1:{clear}/d") == b"one GET /d\n2 200"
    assert curl("--http1.1", "-w", said, f"http://127.0.0.1:{clear}/e") == b"one GET /e\n1.1 200"
    assert [(r["version"], r["via"]) for r in web.asked(5)] == [("HTTP/1.1", f"{v} genkan") for v in ("2.0", "1.1", "1.1", "2.0", "1.1")]


def test_the_preface_is_known_however_it_is_cut(through):
    port, _, _ = through(lambda c, _: c.sendall(OK) is None)
    with H2(port, start=False) as c:
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS):
            c.send(bytes([byte]))
        assert c.request()["body"] == b"ok"
    assert raw_http(port, "PRI * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 ")


def test_the_access_log_names_the_protocol(genkan, tmp_path):
    port = free_port()
    g = genkan(f'[access_log]\npath = "{tmp_path}/access.log"\n[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[route]]\nstatus = 200\nbody = "x"\n')
    with H2(port) as c:
        assert c.request(path="/a?b=c", more=[("user-agent", "test")])["status"] == 200
    g.stop()
    assert '"GET /a?b=c HTTP/2.0" 200 1 "-" "test"' in (tmp_path / "access.log").read_text()


def test_a_backend_sees_a_request_of_http_1_1(through):
    port, o, _ = through(lambda c, _: c.sendall(OK) is None)
    with H2(port) as c:
        got = c.request(path="/x/../y?q", authority="Example.org:8080",
                        more=[("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers"), ("cookie", "c=3")])
    assert got["status"] == 200
    head = o.seen[0].decode().lower()
    assert head.startswith("get /y?q http/1.1\r\n") and "host: example.org:8080\r\n" in head
    assert "cookie: a=1; b=2; c=3\r\n" in head and head.count("cookie") == 1
    assert "via: 2.0 genkan" in head
    assert "x-forwarded-for: 127.0.0.1\r\n" in head and "forwarded: for=127.0.0.1" in head and ":path" not in head
    names = [k for k, _ in got["fields"]]
    assert "connection" not in names and "transfer-encoding" not in names and names == [n.lower() for n in names]


@pytest.mark.parametrize("fields, status", [
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("host", "b")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a")], 200),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "u@a")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a:99999")], 400),
    ([(":method", "GET"), (":scheme", "ftp"), (":path", "/"), (":authority", "a")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/../x"), (":authority", "a")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/%zz"), (":authority", "a")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":path", "*"), (":authority", "a")], 400),
    ([(":method", "CONNECT"), (":authority", "a:80")], 405),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/" + "a" * 17000), (":authority", "a")], 414),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("expect", "tea")], 417),
], ids=["host differs", "host only", "user info", "port", "scheme", "above the root", "percent", "asterisk", "connect", "long target", "expect"])
def test_what_no_handler_may_see(through, fields, status):
    port, o, _ = through(lambda c, _: c.sendall(OK) is None)
    with H2(port) as c:
        stream = c.next_stream
        c.next_stream += 2
        block = c.block(fields)
        c.send(frame(HEADERS, END_STREAM | (END_HEADERS if len(block) < 16000 else 0), stream, block[:16000]) +
               (frame(9, END_HEADERS, stream, block[16000:]) if len(block) >= 16000 else b""))
        got = c.answer(stream)
        assert got["status"] == status or (got["reset"] == 1 and status == 400), got
        assert c.request(path="/here")["status"] == 200, "the connection goes on"
    assert len(o.seen) == (1 if status == 200 else 0)


def test_many_requests_at_once_come_back_in_any_order(through):
    first_may_go = threading.Event()

    def handler(connection, data):
        if b" /slow" in data:
            assert first_may_go.wait(20)
        connection.sendall(OK)
        return True
    port, o, _ = through(handler)
    with H2(port) as c:
        slow = c.open(path="/slow")
        for i in range(80):
            assert c.request(path=f"/{i}")["body"] == b"ok"
        first_may_go.set()
        assert c.answer(slow)["body"] == b"ok"
    assert o.connections <= 3


def test_more_than_the_most_streams_are_refused_and_the_others_live(through):
    go_on = threading.Event()

    def handler(connection, data):
        assert go_on.wait(20)
        connection.sendall(OK)
        return True
    port, o, _ = through(handler, more="h2_max_streams = 4")
    with H2(port) as c:
        streams = [c.open(path="/slow") for _ in range(6)]
        refused = [c.until(lambda f: f.kind == RST) for _ in range(2)]
        assert [f.code for f in refused] == [REFUSED, REFUSED] and {f.stream for f in refused} == set(streams[4:])
        assert any(setting((3, 4)) in f.payload for f in c.frames if f.kind == SETTINGS)
        go_on.set()
        heads = [c.until(lambda f: f.kind == HEADERS) for _ in range(4)]
        assert {f.stream for f in heads} == set(streams[:4])
    assert len(o.seen) == 4


def test_content_both_ways_with_trailers(through):
    def handler(connection, data):
        while not data.endswith(b"\r\n\r\n") or b"0\r\n" not in data.partition(b"\r\n\r\n")[2]:
            data += connection.recv(65536)
        seen.append(data)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\nContent-Length: 9\r\n\r\n")
        return True
    seen = []
    port, _, _ = through(handler)
    with H2(port) as c:
        stream = c.open(c.get(method="POST", more=[("te", "trailers")]), end=False)
        c.send(frame(DATA, 0, stream, b"abc") + frame(HEADERS, END_HEADERS | END_STREAM, stream, c.block([("x-check", "7"), ("host", "evil")])))
        got = c.answer(stream)
    assert got["body"] == b"hello" and got["trailers"] == [("x-sum", "42")]
    assert b"X-Check: 7\r\n" in seen[0] or b"x-check: 7\r\n" in seen[0]
    assert b"evil" not in seen[0]


def test_interim_responses_and_100_continue(through):
    asked = threading.Event()

    def handler(connection, data):
        assert data.endswith(b"\r\n\r\n"), "content before the 100"
        asked.set()
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nConnection: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        body = body_of(connection, data, 5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        return True
    port, _, _ = through(handler)
    with H2(port) as c:
        stream = c.open(c.get(method="POST", more=[("expect", "100-continue"), ("content-length", "5")]), end=False)
        assert c.until(lambda f: 100 in c.got.get(stream, {}).get("interim", []))
        assert c.got[stream]["interim"] == [103, 100] and asked.is_set()
        c.send(frame(DATA, END_STREAM, stream, b"hello"))
        assert c.answer(stream)["body"] == b"hello"


def test_head_204_and_304_have_no_content(through):
    def handler(connection, data):
        path = data.split(b" ")[1]
        connection.sendall({b"/head": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"/204": b"HTTP/1.1 204 No Content\r\n\r\n",
                            b"/304": b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n"}[path])
        return True
    port, _, _ = through(handler)
    with H2(port) as c:
        got = c.request(path="/head", method="HEAD")
        assert got["status"] == 200 and ("content-length", "5") in got["fields"] and got["body"] == b""
        assert c.request(path="/204")["status"] == 204
        got = c.request(path="/304")
        assert got["status"] == 304 and got["body"] == b"" and got["reset"] is None


def test_an_upload_goes_no_faster_than_the_backend_reads(through):
    """RFC 9113 5.2: the window opens when the backend has taken the bytes, and memory does not grow."""
    go_on = threading.Event()

    def handler(connection, data):
        assert go_on.wait(30)
        body_of(connection, data, 40_000_000)
        connection.sendall(OK)
        return True
    port, _, g = through(handler)
    with H2(port) as c:
        before = g.memory()
        stream = c.open(c.get(method="PUT", more=[("content-length", "40000000")]), end=False)
        window = {0: 65535, stream: 65535}
        sent = 0

        def take(one):
            if one.kind == WINDOW:
                window[one.stream] = window.get(one.stream, 0) + int.from_bytes(one.payload, "big")
            if one.kind == SETTINGS and not one.flags & 1:
                for i in range(0, len(one.payload), 6):
                    if one.payload[i:i + 2] == b"\0\x04":
                        window[stream] += int.from_bytes(one.payload[i + 2:i + 6], "big") - 65535
        answered = False
        for f in c.frames:
            take(f)
        while not answered:
            n = min(window[0], window[stream], 16384, 40_000_000 - sent)
            if n > 0:
                sent += n
                window[0] -= n
                window[stream] -= n
                c.send(frame(DATA, END_STREAM if sent == 40_000_000 else 0, stream, b"x" * n))
                continue
            if not go_on.is_set() and c.ping():  # it has said all that it will while the backend stands still
                for f in c.frames:
                    take(f)
                c.frames.clear()
                if min(window[0], window[stream]) <= 0:
                    held = sent
                    go_on.set()
                continue
            one = c.read()
            assert one is not None and one.kind != RST
            take(one)
            answered = one.kind == HEADERS
        assert held < 40_000_000, "the whole upload was taken while the backend read nothing"
        assert g.memory() - before < room(6)


def test_a_client_that_gives_up_ends_the_backends_work(through):
    began, gone = threading.Event(), threading.Event()

    def handler(connection, data):
        began.set()
        try:
            assert not connection.recv(1)
        except ConnectionResetError:
            pass
        gone.set()
        return False
    port, _, _ = through(handler)
    with H2(port) as c:
        stream = c.open(path="/wait")
        assert began.wait(20)
        c.send(frame(RST, 0, stream, u32(CANCEL)))
        assert gone.wait(20)
        assert c.request(path="/here")["body"] == b"here"


@pytest.mark.parametrize("head, part", [("Content-Length: 1000", b"x" * 500), ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
                                        ("Transfer-Encoding: chunked", b"5\r\nhello\r\nzz\r\n")])
def test_content_that_breaks_ends_in_a_reset(through, head, part):
    def handler(connection, _):
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        connection.sendall(part)
        return False
    port, _, _ = through(handler)
    with H2(port) as c:
        got = c.request(path="/broken")
        assert got["reset"] is not None and got["status"] in (200, 502)
        assert c.request(path="/here")["body"] == b"here"


def test_an_upload_that_breaks_never_reaches_the_backend_as_whole(through):
    began, ended = threading.Event(), []

    def handler(connection, data):
        began.set()
        try:
            while part := connection.recv(65536):
                data += part
        except OSError:
            pass
        ended.append(data.partition(b"\r\n\r\n")[2])
        return False
    port, _, _ = through(handler)
    with H2(port) as c:
        stream = c.open(c.get(method="POST"), end=False)
        c.send(frame(DATA, 0, stream, b"hello"))
        assert began.wait(20)  # before that the reset would only keep the request from being sent
        c.send(frame(RST, 0, stream, u32(CANCEL)))
        wait_until(lambda: ended, what="the backend's connection to end")
    assert not ended[0].endswith(b"0\r\n\r\n")


def test_content_over_the_limit_is_refused(through):
    # An origin that closes at once would race with the content: its end may be seen first, a 502.
    port, _, _ = through(swallow, more="max_body = 1000")
    with H2(port) as c:
        assert c.answer(c.open(c.get(method="POST", more=[("content-length", "1001")]), end=False))["status"] == 413
        stream = c.open(c.get(method="POST"), end=False)
        c.send(frame(DATA, END_STREAM, stream, b"x" * 1001))
        assert c.answer(stream)["status"] == 413


def test_a_stop_says_goaway_twice_and_lets_requests_finish(through):
    """RFC 9113 6.8: the first GOAWAY stops nothing, the second, a round trip later, names what was taken."""
    began, go_on = threading.Event(), threading.Event()

    def handler(connection, data):
        began.set()
        assert go_on.wait(30)
        connection.sendall(OK)
        return True
    port, _, g = through(handler)
    with H2(port) as c:
        slow = c.open(path="/slow")
        assert began.wait(20)
        g.signal(15)
        first = c.until(lambda f: f.kind == GOAWAY)
        assert first.code == NO_ERROR and int.from_bytes(first.payload[:4], "big") == 0x7fffffff
        ask = next((f for f in c.frames if f.kind == PING), None) or c.until(lambda f: f.kind == PING)
        late = c.open(path="/here")
        c.send(frame(PING, 1, 0, ask.payload))
        assert c.answer(late)["body"] == b"here"
        second = next((f for f in c.frames if f.kind == GOAWAY and f is not first), None) or c.until(lambda f: f.kind == GOAWAY)
        assert second.code == NO_ERROR and int.from_bytes(second.payload[:4], "big") == late
        go_on.set()
        assert c.answer(slow)["body"] == b"ok"
        assert c.read() is None
    wait_until(lambda: not g.running(), what="the end of the program")


def test_an_idle_connection_is_closed_whatever_pings_come(through):
    port, _, _ = through(lambda c, d: False, more='idle_timeout = "1s"')
    with H2(port) as c:
        assert c.request(path="/here")["status"] == 200
        wait_until(lambda: not c.ping(), every=0.1, what="the end of the connection")
        assert all(f.code == NO_ERROR for f in c.frames if f.kind == GOAWAY)


def test_a_reload_reaches_the_next_request_of_a_connection(genkan):
    port = free_port()
    conf = f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[route]]\nstatus = 200\nbody = "BODY"\n'
    g = genkan(conf.replace("BODY", "one"))
    with H2(port) as c:
        assert c.request()["body"] == b"one"
        g.reload(conf.replace("BODY", "two"))
        assert c.request()["body"] == b"two"


def test_a_proxy_header_before_http_2(genkan, tmp_path):
    port = free_port()
    g = genkan(f'[access_log]\npath = "{tmp_path}/a.log"\n[[listen]]\naddress = ["127.0.0.1:{port}"]\nproxy_protocol_from = ["127.0.0.0/8"]\n'
               f'[[route]]\nstatus = 200\nbody = "x"\n')
    with H2(port, start=False) as c:
        c.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS))
        assert c.request()["status"] == 200
    g.stop()
    assert (tmp_path / "a.log").read_text().startswith("192.0.2.7 ")


def test_a_large_download_by_a_real_client(genkan, nginx):
    web = nginx("one")
    port = free_port()
    genkan(front(port, web.port))
    for size in ("100k", "10m"):
        got = curl("--http2-prior-knowledge", f"http://127.0.0.1:{port}/size/{size}")
        assert len(got) == web.SIZES[size] and got.startswith(b"0123456789abcde\n") and got.endswith(b"0123456789abcde\n")
    done = subprocess.run(["nghttp", "-nv", "-m", "20", f"http://127.0.0.1:{port}/size/1m"], capture_output=True, text=True)
    assert done.stdout.count("recv END_STREAM") + done.stdout.count("END_STREAM") >= 20


def test_malformed_requests_are_counted(genkan):
    port = free_port()
    g = genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[route]]\nstatus = 200\nbody = "x"\n')
    with H2(port) as c:
        assert c.answer(c.open(c.get(more=[("connection", "close")])))["reset"] == 1
        assert c.request()["status"] == 200
    assert g.metrics()['genkan_http_requests_refused_total{side="public"}'] == 1

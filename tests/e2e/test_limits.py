"""What strangers can make grow has an end: connections of one address, buffers, descriptors; and who is slow over HTTP/2 is cut off."""
import http.client
import os
import socket
import struct
import threading
import time

import pytest

import harness
from h2wire import DATA, H2, HEADERS, RST, WINDOW, frame, setting, u32
from harness import Http, free_port, http_get, swallow, wait_until
from test_http2_origin import backend  # noqa: F401 (a fixture)
from wire import insecure_tls


def site(genkan, http="", backend=None, listen="", **options):
    port = free_port()
    pool = f'''
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{backend}"
        [pool.health]
        enabled = false
        [[route]]
        path_prefix = "/pool/"
        pool = "web"
    ''' if backend else ""
    return port, genkan(f'''
        [http]
        {http}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {listen}
        {pool}
        [[route]]
        status = 200
        body = "here"
    ''', **options)


def ended(s):
    """True when the other side closes within a while and says nothing."""
    s.settimeout(10)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_one_address_gets_so_many_connections_and_no_more(genkan):
    port, g = site(genkan, "max_connections_per_address = 3")
    held = [Http(port) for _ in range(3)]
    for c in held:
        assert c.get("/").status == 200
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as s:
            assert ended(s)
    assert g.metrics()['genkan_http_connections_refused_total{side="public",reason="address"}'] == 3
    with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.9", 0)) as s:  # another address
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    held.pop().close()
    wait_until(lambda: http_get(port, "/").status == 200, 10, "a place is free again")
    for c in held:
        assert c.get("/").status == 200
        c.close()


def test_behind_a_proxy_header_its_address_counts(genkan):
    port, g = site(genkan, "max_connections_per_address = 2", listen='proxy_protocol_from = ["127.0.0.0/8"]')
    open_ones = []

    def connect(client):
        s = socket.create_connection(("127.0.0.1", port), timeout=10)
        s.sendall(b"PROXY TCP4 %s 192.0.2.1 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" % client.encode())
        open_ones.append(s)
        try:
            return s.recv(100)
        except ConnectionResetError:
            return b""
    assert [connect("198.51.100.1")[:12] for _ in range(2)] == [b"HTTP/1.1 200"] * 2
    assert connect("198.51.100.1") == b""
    assert connect("198.51.100.2").startswith(b"HTTP/1.1 200")
    for s in open_ones:
        s.close()


def test_the_limit_can_be_changed_by_a_reload(genkan):
    port, g = site(genkan, "max_connections_per_address = 1")
    with Http(port) as held:
        held.get("/")
        with socket.create_connection(("127.0.0.1", port)) as s:
            assert ended(s)
        g.reload(g.file.read_text().replace("per_address = 1", "per_address = 2"))
        assert http_get(port, "/").status == 200


def test_buffers_have_a_limit_in_all(genkan):
    port, g = site(genkan, 'max_memory = "512KiB"\nhead_timeout = "60s"')
    calm = Http(port)
    assert calm.get("/").status == 200
    hogs = []

    def full():
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 1000)  # a head that does not end holds a buffer
        hogs.append(s)
        return g.metrics()['genkan_http_connections_refused_total{side="public",reason="memory"}'] > 0
    wait_until(full, 20, "the limit is reached")
    assert len(hogs) < 100
    answer = calm.get("/")
    assert answer.status == 503 and answer.get("Connection") == "close"
    assert g.metrics()['genkan_http_requests_without_memory_total{side="public"}'] >= 1
    for s in hogs:
        s.close()

    def works_again():
        return http_get(port, "/").status == 200
    wait_until(works_again, 10, "there is room again")
    calm.close()


# --- what else holds memory for as long as somebody likes ---------------------------------------------------------------

PAGE = b"<p>" + b"text that is easy to compress, but not all of it %d " * 20000


def in_use(g):
    return g.metrics()["genkan_buffers_bytes"]


class Held:
    """Requests whose answers nobody reads."""

    def __init__(self, port, tls=False):
        self.port, self.tls, self.open = port, tls, []

    def send(self, head, body=b"", read=1):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if self.tls:
            s = insecure_tls().wrap_socket(s, server_hostname="localhost")
        self.open.append(s)
        try:
            s.sendall(head + body)
            return s.recv(read)
        except (ConnectionResetError, BrokenPipeError):
            return b""  # turned away

    def close(self):
        for s in self.open:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: nobody waits for more
            s.close()
        self.open = []


def grows_and_shrinks(g, held, step, each, times=10):
    """Each step holds `each` bytes more at least; when the clients leave it is as before."""
    before = in_use(g)
    for _ in range(times):
        step()
    wait_until(lambda: in_use(g) - before >= each * times, 10, f"{each} bytes for each are counted ({in_use(g) - before} of {each * times})")
    held.close()
    wait_until(lambda: in_use(g) - before < each, 15, "what the clients held is free again")


@pytest.mark.parametrize("coding, each", [("gzip", 250_000), ("br", 250_000), ("zstd", 250_000)])
def test_compressors_count(genkan, origin, coding, each):
    def endless(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: public\r\n\r\n")
        connection.sendall(PAGE)
        connection.recv(1)  # more may come: the compressor waits
        return False
    port, g = site(genkan, backend=origin(endless).port, listen="[compression]\nenabled = true")
    held = Held(port)
    grows_and_shrinks(g, held, lambda: held.send(b"GET /pool/ HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n" % coding.encode()), each)


def test_pieces_of_files_count_where_they_are_read(genkan, tmp_path):
    root, tls = tmp_path / "www", free_port()
    root.mkdir()
    (root / "big").write_bytes(b"x" * (8 << 20))
    _, g = site(genkan, listen=f'''
        [[listen]]
        name = "tls"
        address = ["127.0.0.1:{tls}"]
        tls = true
        [[certificate]]
        names = ["localhost"]
        self_signed = true
        [[route]]
        path = "/big"
        root = "{root}"
    ''')
    held = Held(tls, tls=True)
    grows_and_shrinks(g, held, lambda: held.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"), 64 << 10)


def test_copies_for_a_mirror_count(genkan, origin):
    release = threading.Event()

    def slow(connection, data):
        release.wait(20)
        return False

    def quick(connection, data):
        length = int(data.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(data.partition(b"\r\n\r\n")[2]) < length:
            data += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    shadow, web = origin(slow), origin(quick)
    port, g = site(genkan, backend=web.port, listen=f'''
        [[pool]]
        name = "shadow"
        [[pool.backend]]
        address = "127.0.0.1:{shadow.port}"
        [pool.health]
        enabled = false
        [[route]]
        path = "/twice"
        pool = "web"
        mirror = {{ pool = "shadow", max_body = "1MiB" }}
    ''')
    before = in_use(g)
    for _ in range(4):
        assert http_get(port, "/twice", method="POST", body=b"m" * 900_000).status == 200
    wait_until(lambda: in_use(g) - before >= 4 * 900_000, 10, "the copies are counted while the shadow has not answered")
    release.set()
    wait_until(lambda: in_use(g) - before < 100_000, 15, "they are gone")


def test_what_the_cache_is_filled_with_counts(genkan, origin):
    def half(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000000\r\n\r\n" + b"c" * 600_000)
        connection.recv(1)
        return False
    port, g = site(genkan, backend=origin(half).port, listen='[[route]]\npath_prefix = "/kept/"\npool = "web"\ncache = true')
    held = Held(port)

    def step():
        got = held.send(f"GET /kept/{len(held.open)} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), read=65536)
        while len(got) < 600_000:
            got += held.open[-1].recv(65536)
    grows_and_shrinks(g, held, step, 600_000, times=3)


def test_content_that_an_http_2_backend_sent_and_nobody_takes_counts(genkan, backend):  # noqa: F811
    def big(c, stream, fields, body, trailers):
        c.head(stream, [(":status", "200")])
        c.send(frame(DATA, 0, stream, b"d" * 16000) * 4)  # the window of a stream
    port, g = site(genkan, backend=backend(big).port)
    g.reload(g.file.read_text().replace('name = "web"', 'name = "web"\nprotocol = "h2"', 1))
    with H2(port, settings=setting((4, 0))) as c:  # a client that opens no window
        before = in_use(g)
        for _ in range(10):
            c.open(path="/pool/")
        wait_until(lambda: in_use(g) - before >= 10 * 50_000, 10, "it is counted")


def test_at_the_limit_compressed_answers_turn_the_next_away_and_nobody_who_is_served(genkan, origin):
    def endless(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: public\r\n\r\n" + PAGE[:100_000])
        connection.recv(1)
        return False
    port, g = site(genkan, 'max_memory = "4MiB"', origin(endless).port, listen="[compression]\nenabled = true")
    held, calm = Held(port), Http(port)
    assert calm.get("/").status == 200

    def full():
        held.send(b"GET /pool/ HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        m = g.metrics()
        return (m['genkan_http_connections_refused_total{side="public",reason="memory"}'] > 0
                or m['genkan_http_requests_without_memory_total{side="public"}'] > 0)
    wait_until(full, 20, "the limit is reached")
    held.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 1000, read=0)  # a buffer more, if there is a place for it
    assert len(held.open) <= 18, "a quarter of a MiB for each at least"
    answer = calm.get("/")
    assert answer.status == 503 and answer.get("Connection") == "close"
    assert in_use(g) > 3 << 20, "those who are served keep what they have"
    held.close()
    wait_until(lambda: http_get(port, "/").status == 200, 10, "there is room again")
    calm.close()


def limited(tmp_path, monkeypatch, files):
    """The program under a limit of open files that it can't raise."""
    wrapper = tmp_path / "genkan-limited"
    wrapper.write_text(f'#!/bin/sh\nulimit -n {files}\nexec {harness.program()} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("GENKAN_BIN", str(wrapper))


def test_few_descriptors_are_shared_out_so_that_who_is_here_is_served(genkan, nginx, tmp_path, monkeypatch):
    limited(tmp_path, monkeypatch, 128)
    one = nginx("one")
    port, g = site(genkan, backend=one.port)
    assert "fewer connections than http.max_connections" in g.log()
    early = [Http(port) for _ in range(5)]
    for c in early:
        assert c.get("/pool/").status == 200
    flood = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for c in early:
        assert c.get("/pool/").status == 200  # with a connection to the backend
    assert sum(ended(s) for s in flood[-100:]) == 100
    for s in flood:
        s.close()
    wait_until(lambda: http_get(port, "/pool/").status == 200, 20, "new clients are served again")
    for c in early:
        c.close()
    wait_until(lambda: g.metrics()['genkan_http_connections{side="public"}'] <= 1, 10, "nothing is left open")


def test_without_a_descriptor_left_it_says_503_and_goes_on(genkan, nginx, tmp_path, monkeypatch):
    one = nginx("one")
    limited(tmp_path, monkeypatch, 48)
    port, g = site(genkan, backend=one.port, workers=1)
    in_use = len(os.listdir(f"/proc/{g.pid}/fd"))
    clients, statuses = [], []
    for _ in range(48):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        clients.append(c)
        try:
            c.request("GET", "/pool/")
            answer = c.getresponse()
            answer.read()
            statuses.append(answer.status)
        except (OSError, http.client.HTTPException):
            statuses.append(0)  # closed: more than the limit of connections
    assert 200 in statuses and set(statuses) <= {0, 200, 503}, (in_use, statuses)
    for c in clients:
        c.close()
    wait_until(lambda: http_get(port, "/pool/").status == 200, 20, "served again")
    assert g.running()
    up = [b["state"] for p in g.api("/api/v1/pools").json() for b in p["backends"]]
    assert up == ["up"], "the backend is not to blame"


def test_a_slow_upload_over_http2_is_cut_off(genkan, origin):
    port, _ = site(genkan, 'min_rate = 500\nmin_rate_grace = "1s"', origin(swallow).port)
    with H2(port) as c:
        stream = c.open(method="POST", path="/pool/", end=False)
        begin = time.monotonic()
        c.socket.settimeout(0.05)
        over = None
        while over is None and time.monotonic() - begin < 20 * harness.SLOW:
            try:
                c.send(frame(DATA, 0, stream, b"x"))
                one = c.read()
                over = "end" if one is None else one.kind if one.stream == stream and one.kind in (HEADERS, RST) else None
            except socket.timeout:
                pass
            except OSError:
                over = "reset"
        assert over == HEADERS and c.answer(stream)["status"] == 408, over
        assert time.monotonic() - begin > 0.9


def test_a_slow_download_over_http2_is_cut_off(genkan, origin):
    def big(connection, data):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        try:
            for _ in range(1000):
                connection.sendall(b"x" * 10000)
        except OSError:
            pass
        return False
    port, g = site(genkan, 'min_rate = 5000\nmin_rate_grace = "1s"', origin(big).port)
    with H2(port, settings=setting((4, 1000))) as c:
        stream = c.open(path="/pool/")
        begin = time.monotonic()
        end = time.monotonic() + 20 * harness.SLOW
        c.socket.settimeout(0.1)
        over, got = False, b""
        while not over and time.monotonic() < end:
            time.sleep(0.1)  # the slowness under test: 1000 bytes a second, each of them progress
            c.send(frame(WINDOW, 0, stream, u32(100)))
            try:
                got += c.socket.recv(65536)
            except socket.timeout:
                pass
            over = bytes([0, 0, 4, RST, 0]) + struct.pack(">I", stream) in got
        assert time.monotonic() - begin > 0.9
        assert over, "a window of 100 bytes now and then kept the answer alive"
        assert g.metrics()['genkan_http2_streams_stalled_total{side="public"}'] == 1

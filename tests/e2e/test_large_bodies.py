"""Large bodies between plain connections are moved inside the kernel: they must arrive whole, and break as visibly as others."""
import hashlib
import random
import socket
import threading

import pytest
from harness import free_port, wait_until
from wire import raw_http, read_all

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIZE = 5_000_011
DATA = random.Random(7).randbytes(SIZE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE


@pytest.fixture
def through(genkan, origin):
    """through(handler) -> port, origin: Genkan in front of a raw origin."""
    def start(handler):
        o = origin(handler)
        port = free_port()
        genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[http]\nbody_timeout = "5s"\nmax_body = 0\n[[pool]]\nname = "o"\nretries = 0\n'
               f'[pool.health]\nenabled = false\n[[pool.backend]]\naddress = "127.0.0.1:{o.port}"\n[[route]]\npool = "o"\n')
        return port, o
    return start


def receive(s, size):
    data = b""
    while len(data) < size:
        part = s.recv(1 << 18)
        if not part:
            break
        data += part
    return data


def upload_of(connection, data):
    """The rest of a content that the origin is being sent; less of it when it breaks."""
    got = [data.partition(b"\r\n\r\n")[2]]
    left = SIZE - len(got[0])
    while left > 0:
        try:
            part = connection.recv(1 << 18)
        except OSError:
            break
        if not part:
            break
        got.append(part)
        left -= len(part)
    return b"".join(got)


def test_downloads_arrive_whole_one_after_the_other(through):
    port, o = through(lambda c, _: c.sendall(HEAD + DATA) is None)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        for _ in range(3):
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(65536)
            head, _, rest = head.partition(b"\r\n\r\n")
            assert hashlib.sha256(rest + receive(s, SIZE - len(rest))).digest() == hashlib.sha256(DATA).digest()
    assert o.connections == 1


def test_a_download_in_small_pieces_arrives_whole(through):
    def handler(connection, _):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(HEAD)
        for at in range(0, 400_000, 1000):
            connection.sendall(DATA[at:at + 1000])
        connection.sendall(DATA[400_000:])
        return True
    port, _ = through(handler)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert raw.partition(b"\r\n\r\n")[2] == DATA


def test_a_slow_reader_gets_all_of_it(through):
    port, _ = through(lambda c, _: c.sendall(HEAD + DATA) is None)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        s.settimeout(20)
        s.connect(("127.0.0.1", port))
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        while part := s.recv(10_000):
            data += part
    assert data.partition(b"\r\n\r\n")[2] == DATA


def test_a_download_that_breaks_is_not_ended_cleanly(through):
    def handler(connection, _):
        connection.sendall(HEAD + DATA[:3_000_000])
        return False
    port, _ = through(handler)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    body = raw.partition(b"\r\n\r\n")[2]
    assert raw.startswith(b"HTTP/1.1 200") and DATA.startswith(body) and len(body) <= 3_000_000


def test_the_backend_is_let_go_when_the_client_leaves(through):
    ended = threading.Event()

    def handler(connection, _):
        try:
            connection.sendall(HEAD)
            while True:
                connection.sendall(DATA)
        except OSError:
            ended.set()
        return False
    port, _ = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        receive(s, 1_000_000)
    assert ended.wait(10)


def test_a_backend_that_stalls_within_a_download_is_given_up(through):
    release = threading.Event()

    def handler(connection, _):
        connection.sendall(HEAD + DATA[:1_000_000])
        release.wait(20)
        return False
    port, _ = through(handler)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", timeout=15)  # body_timeout is 5 s
    release.set()
    body = raw.partition(b"\r\n\r\n")[2]
    assert body == DATA[:1_000_000]


def test_uploads_arrive_whole_one_after_the_other(through):
    sums = []

    def handler(connection, data):
        sums.append(hashlib.sha256(upload_of(connection, data)).digest())
        connection.sendall(OK)
        return True
    port, o = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        for last in (False, False, True):
            s.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n" % (SIZE, b"Connection: close\r\n" if last else b""))
            s.sendall(DATA)
            answer = read_all(s) if last else receive(s, 1)
            while not answer.endswith(b"ok"):
                answer += s.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
    assert sums == [hashlib.sha256(DATA).digest()] * 3
    assert o.connections == 1


def test_an_upload_waits_for_100_and_arrives_whole(through):
    sums = []

    def handler(connection, data):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        sums.append(upload_of(connection, data) == DATA)
        connection.sendall(OK)
        return True
    port, _ = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % SIZE)
        assert b"100 Continue" in s.recv(65536)
        s.sendall(DATA)
        assert read_all(s).endswith(b"ok")
    assert sums == [True]


def test_an_upload_that_breaks_is_not_ended_cleanly(through):
    got = []

    def handler(connection, data):
        got.append(len(upload_of(connection, data)))
        return False
    port, _ = through(handler)
    raw_http(port, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE + DATA[:3_000_000], half_close=True)
    wait_until(lambda: got, what="the backend's connection to end")
    assert got[0] <= 3_000_000


def test_an_early_answer_to_an_upload_is_heard(through):
    def handler(connection, data):
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong")
        return False
    port, _ = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE + DATA[:500_000])
        answer = read_all(s)
    assert answer.startswith(b"HTTP/1.1 413") and answer.endswith(b"long")

"""What happens in the middle of a message: interim responses, trailers, early answers, bodies that break on their way."""
import socket
import threading

import pytest
from harness import free_port, wait_until
from wire import raw_http, read_all

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def front(port, origin_port, more=""):
    return (f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[http]\nbody_timeout = "5s"\n{more}\n'
            f'[[pool]]\nname = "o"\nretries = 0\n[pool.health]\nenabled = false\n'
            f'[[pool.backend]]\naddress = "127.0.0.1:{origin_port}"\n[[route]]\npool = "o"\n')


@pytest.fixture
def through(genkan, origin):
    """through(handler) -> port: Genkan in front of a raw origin."""
    def start(handler):
        o = origin(handler)
        port = free_port()
        genkan(front(port, o.port))
        return port, o
    return start


def test_early_hints_are_passed_on_and_not_to_http_1_0(through):
    def handler(connection, _):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nConnection: x\r\nx: secret\r\n\r\n" + OK)
        return True
    port, _ = through(handler)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    hint, _, rest = raw.partition(b"\r\n\r\n")
    assert hint.startswith(b"HTTP/1.1 103") and b"style.css" in hint and b"secret" not in hint
    assert rest.startswith(b"HTTP/1.1 200") and rest.endswith(b"ok")
    old = raw_http(port, "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 200") and b"103" not in old.split(b"\r\n\r\n")[0]


def test_a_100_that_nobody_asked_for_and_102_do_not_disturb(through):
    port, _ = through(lambda c, _: c.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK) is None)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"HTTP/1.1 100" not in raw and raw.endswith(b"ok")


def test_trailers_of_an_answer_arrive_and_forbidden_ones_do_not(through):
    port, _ = through(lambda c, _: c.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\nContent-Length: 9\r\n\r\n") is None)
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
    body = raw.partition(b"\r\n\r\n")[2]
    assert b"hello" in body and b"X-Sum: 42\r\n" in body and b"Content-Length" not in body and body.endswith(b"\r\n\r\n")


def test_trailers_of_a_request_arrive(through):
    got = []

    def handler(connection, data):
        while not data.endswith(b"\r\n\r\n") or b"0\r\n" not in data:
            data += connection.recv(65536)
        got.append(data)
        connection.sendall(OK)
        return True
    port, _ = through(handler)
    raw_http(port, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n")
    assert b"X-Sum: 7\r\n" in got[0] and b"evil" not in got[0]


def test_the_client_waits_for_100_until_the_origin_says_it(through):
    asked = threading.Event()

    def handler(connection, data):
        assert b"100-continue" in data.lower() and data.endswith(b"\r\n\r\n"), "content before the 100"
        asked.set()
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        while len(body) < 5:
            body += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        return True
    port, _ = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        first = s.recv(65536)
        assert first.startswith(b"HTTP/1.1 100") and asked.is_set()
        s.sendall(b"hello")
        assert read_all(s).endswith(b"hello")


def test_an_origin_that_refuses_before_the_content_is_heard(through):
    port, _ = through(lambda c, _: c.sendall(b"HTTP/1.1 413 Too big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!") is not None)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 100_000)
        answer = read_all(s)
    assert answer.startswith(b"HTTP/1.1 413") and answer.endswith(b"no!")


@pytest.mark.parametrize("head, part", [
    ("Content-Length: 1000", b"x" * 500),
    ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ("Transfer-Encoding: chunked", b"5\r\nhello\r\nzz\r\n"),
    ("Transfer-Encoding: chunked", b"5\r\nhelloXX"),
], ids=["short of its length", "no last chunk", "bad size", "no CRLF after a chunk"])
def test_content_that_breaks_never_reaches_the_origin_as_whole(through, head, part):
    ended = []

    def handler(connection, data):
        try:
            while True:
                more = connection.recv(65536)
                if not more:
                    break
                data += more
        except OSError:
            pass
        ended.append(data.partition(b"\r\n\r\n")[2])
        return False
    port, _ = through(handler)
    answer = raw_http(port, f"POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + part, half_close=True)
    assert not answer.startswith(b"HTTP/1.1 2")
    wait_until(lambda: ended or b"HTTP/1.1 4" in answer, what="the origin's connection to end")
    for body in ended:
        assert not body.endswith(b"0\r\n\r\n") and len(body) < 1000


def test_bytes_after_a_204_are_not_taken_for_the_next_answer(through):
    def handler(connection, data):
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" if b"/first" in data else OK)
        return True
    port, o = through(handler)
    raw = raw_http(port, "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"evil" not in raw and raw.endswith(b"ok") and raw.startswith(b"HTTP/1.1 204")
    assert o.connections == 2


def test_a_long_upload_is_streamed_and_not_kept(through, genkan):
    sizes = []

    def handler(connection, data):
        body = len(data.partition(b"\r\n\r\n")[2])
        while body < 30_000_000:
            body += len(connection.recv(1 << 20))
        sizes.append(body)
        connection.sendall(OK)
        return True
    port, _ = through(handler)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\nConnection: close\r\n\r\n")
        for _ in range(30):
            s.sendall(b"y" * 1_000_000)
        assert read_all(s).endswith(b"ok")
    assert sizes == [30_000_000]

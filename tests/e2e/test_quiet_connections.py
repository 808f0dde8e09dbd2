"""Connections that are kept but quiet: after a tenth of a second little or nothing but their sockets is left of them, and nobody may notice."""
import signal
import socket
import time

import pytest
from h2wire import ACK, GOAWAY, H2, PING, WINDOW, frame, u32
from harness import free_port, insecure_tls, wait_until
from wire import read_all

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# No outside sign says that a connection has become quiet: four times as long as it takes.
QUIET = 0.4


def site(port, origin_port, http="", listen="", more=""):
    return (f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{listen}\n[http]\n{http}\n[[pool]]\nname = "o"\n[pool.health]\nenabled = false\n'
            f'[[pool.backend]]\naddress = "127.0.0.1:{origin_port}"\n[[route]]\npool = "o"\n{more}\n')


@pytest.fixture
def front(genkan, origin):
    def start(http="", listen="", more="", name="genkan"):
        o = origin(lambda c, _: c.sendall(OK) is None)
        port = free_port()
        return port, genkan(site(port, o.port, http, listen, more), name=name), o
    return start


def ask(s):
    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    data = b""
    while not data.endswith(b"\r\n\r\nok"):
        part = s.recv(65536)
        assert part, f"closed after {data}"
        data += part
    assert data.startswith(b"HTTP/1.1 200")


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_they_answer_again_and_again(front):
    port, _, o = front()
    with connect(port) as s:
        for _ in range(3):
            ask(s)
            ask(s)
            time.sleep(QUIET)
        ask(s)
    assert o.connections == 1


def test_they_answer_over_tls(front):
    port, _, _ = front(listen="tls = true", more='[[certificate]]\nself_signed = true\nnames = ["a.example"]')
    with insecure_tls().wrap_socket(connect(port), server_hostname="a.example") as s:
        for _ in range(2):
            ask(s)
            time.sleep(QUIET)
        ask(s)


def test_a_head_may_come_in_pieces(front):
    port, _, _ = front()
    with connect(port) as s:
        ask(s)
        time.sleep(QUIET)
        s.sendall(b"GET / HT")
        time.sleep(QUIET)
        s.sendall(b"TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(s).endswith(b"ok")


def test_they_end_when_their_time_is_over(front):
    port, g, _ = front(http='idle_timeout = "1s"')
    with connect(port) as s:
        ask(s)
        begun = time.monotonic()
        assert s.recv(1) == b""
        assert time.monotonic() - begun > 0.9
    wait_until(lambda: g.metrics()['genkan_http_connections{side="public"}'] == 0, what="the gauge to fall")


def test_they_end_with_their_clients(front):
    port, g, _ = front()
    many = [connect(port) for _ in range(20)]
    for s in many:
        ask(s)
    time.sleep(QUIET)
    assert g.metrics()['genkan_http_connections{side="public"}'] == 20
    for s in many:
        s.close()
    wait_until(lambda: g.metrics()['genkan_http_connections{side="public"}'] == 0, what="the gauge to fall")


def test_they_count_among_those_of_their_address(front):
    port, _, _ = front(http="max_connections_per_address = 2")
    with connect(port) as first, connect(port) as second:
        ask(first)
        ask(second)
        time.sleep(QUIET)
        with connect(port) as third:
            assert third.recv(1) == b""
        first.close()

        def let_in():
            with connect(port) as s:
                s.settimeout(1)
                try:
                    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return s.recv(65536).startswith(b"HTTP/1.1 200")
                except OSError:
                    return False
        wait_until(let_in, what="the place of the first")
        ask(second)


def test_a_reload_reaches_them(front):
    port, g, o = front()
    with connect(port) as s:
        ask(s)
        time.sleep(QUIET)
        g.reload(site(port, o.port).replace("[[route]]", '[[route]]\npath = "/"\nstatus = 204\n[[route]]'))
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(s).startswith(b"HTTP/1.1 204")


def test_they_do_not_hold_up_a_stop(front):
    port, g, _ = front()
    many = [connect(port) for _ in range(5)]
    for s in many:
        ask(s)
    time.sleep(QUIET)
    g.child.send_signal(signal.SIGTERM)
    for s in many:
        assert read_all(s) == b""
        s.close()
    assert g.child.wait(20) == 0


def test_those_of_http2_go_on_with_what_was_agreed(front):
    port, _, o = front()
    with H2(port) as c:
        for turn in range(4):
            for _ in range(3):  # the tables of HPACK grow, and are used
                answer = c.answer(c.open(more=[("x-turn", f"{turn} " + 100 * "t"), ("x-same", 200 * "s")]))
                assert (answer["status"], answer["body"]) == (200, b"ok")
            time.sleep(QUIET)
            if turn == 1:
                c.send(frame(PING, 0, 0, b"12345678"))
                assert c.until(lambda f: f.kind == PING and f.flags & ACK).payload == b"12345678"
                time.sleep(QUIET)
            if turn == 2:
                c.send(frame(WINDOW, 0, 0, u32(5)) + frame(PING, 0, 0, b"half it.")[:9])
                time.sleep(QUIET)
                c.send(b"half it.")
                assert c.until(lambda f: f.kind == PING and f.flags & ACK).payload == b"half it."
    assert o.connections == 1


def test_those_of_http2_go_in_order(front):
    port, g, _ = front()
    many = [H2(port) for _ in range(5)]
    for c in many:
        assert c.answer(c.open())["status"] == 200
    time.sleep(QUIET)
    many[0].socket.close()
    g.child.send_signal(signal.SIGTERM)
    for c in many[1:]:
        assert c.until(lambda f: f.kind == GOAWAY and f.code == 0)
        c.socket.close()
    assert g.child.wait(20) == 0

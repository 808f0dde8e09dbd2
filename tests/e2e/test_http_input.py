"""Malformed and oversized requests: a clear refusal, the connection closed, and everybody else served on."""
import re
import socket

import pytest

from harness import free_port, http_get, raw_http, status_of, wait_until


@pytest.fixture
def front(genkan, nginx):
    one = nginx("one")
    port = free_port()
    g = genkan(f'''
        [http]
        max_fields = 50
        max_head = "16KiB"
        max_target = "4KiB"
        max_body = "100KiB"
        head_timeout = "1s"
        idle_timeout = "1s"
        body_timeout = "1s"
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{one.port}"
        [[route]]
        pool = "web"
    ''')
    yield port, one, g
    assert http_get(port, "/after").text == "one GET /after\n", "the program no longer serves"


HOST = "Host: x\r\n"


@pytest.mark.parametrize("request_text, status", [
    ("GET / HTTP/1.1\r\n\r\n", 400),                                                  # no Host
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),                            # two
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    (f"GET / HTTP/1.1\r\n{HOST}Content-Length: +5\r\n\r\nhello", 400),
    (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 5x\r\n\r\nhello", 400),
    (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 99999999999999999999999\r\n\r\n", 400),
    (f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    (f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\n{HOST}A : b\r\n\r\n", 400),                                  # space before the colon
    (f"GET / HTTP/1.1\r\n{HOST}A: b\r\n c\r\n\r\n", 400),                             # obs-fold
    (f"GET / HTTP/1.1\n{HOST}\n", 400),                                               # bare LF
    (f"GET / HTTP/1.1\r\n{HOST}A: b\nC: d\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\n{HOST}A: b\0c\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\n{HOST}(a): b\r\n\r\n", 400),
    (f"GET /a b HTTP/1.1\r\n{HOST}\r\n", 400),
    (f"GET  / HTTP/1.1\r\n{HOST}\r\n", 400),
    (f"G@T / HTTP/1.1\r\n{HOST}\r\n", 400),
    (f"GET / HTTP/1.1x\r\n{HOST}\r\n", 400),
    (f"GET / HTTP/2.7\r\n{HOST}\r\n", 505),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),                            # TLS on the plain port
], ids=lambda value: "")
def test_a_malformed_request_is_refused_and_the_connection_closed(front, request_text, status):
    port, one, _ = front
    answer = raw_http(port, request_text.encode("latin-1") + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", timeout=8)
    accepted = {status, 501} if "Transfer-Encoding" in request_text else {status, 400}
    assert status_of(answer) in accepted, answer[:300]
    assert len(re.findall(rb"^HTTP/1\.1 \d", answer, re.MULTILINE)) == 1, "something after the refused request was answered"
    assert not [r for r in one.requests() if r["uri"] == "/smuggled"]


@pytest.mark.parametrize("request_text, status", [
    (f"GET /{'a' * 5000} HTTP/1.1\r\n{HOST}\r\n", 414),
    (f"GET / HTTP/1.1\r\n{HOST}A: {'a' * 20000}\r\n\r\n", 431),
    (f"GET / HTTP/1.1\r\n{HOST}" + "A: b\r\n" * 60 + "\r\n", 431),
    (f"POST / HTTP/1.1\r\n{HOST}Content-Length: 200000\r\n\r\n", 413),
], ids=["target", "field", "fields", "body"])
def test_what_is_too_large_is_refused_with_its_own_code(front, request_text, status):
    assert status_of(raw_http(front[0], request_text)) == status


def test_a_chunked_body_that_grows_too_large_is_cut_off(front):
    port, one, _ = front
    body = b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    answer = raw_http(port, f"POST /big HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n".encode() + body)
    assert status_of(answer) in (413, 502), answer[:200]


@pytest.mark.parametrize("size", ["x", "-1", "1g", "", "ffffffffffffffffff", "5;" + "e" * 20000],
                         ids=["letter", "minus", "suffix", "empty", "overflow", "extension"])
def test_a_bad_chunk_ends_the_request(front, size):
    port, one, _ = front
    answer = raw_http(port, f"POST /bad HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{size}\r\nhello\r\n0\r\n\r\n")
    assert status_of(answer) in (400, 502), answer[:200]


def test_a_head_that_dribbles_is_ended_by_its_deadline(front):
    port = front[0]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert status_of(s.recv(4096)) in (0, 408)  # 408, or just closed


def test_a_silent_connection_is_closed(front):
    with socket.create_connection(("127.0.0.1", front[0]), timeout=20) as s:
        s.sendall(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while part := s.recv(65536):  # the answer, then the end: the timeout of the socket is longer than idle_timeout
            answer += part
        assert status_of(answer) == 200


def test_pipelined_requests_are_answered_in_order(front):
    text = "".join(f"GET /p{i} HTTP/1.1\r\n{HOST}\r\n" for i in range(5)) + f"GET /last HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    answer = raw_http(front[0], text)
    assert [line for line in answer.decode().split("\n") if line.startswith("one GET")] == \
        [f"one GET /p{i}" for i in range(5)] + ["one GET /last"]


def test_a_request_in_single_bytes_is_understood(front):
    text = f"GET /bytes HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode()
    assert b"one GET /bytes" in raw_http(front[0], text, chunk=1)


def test_http_1_0_is_answered_and_closed(front):
    answer = raw_http(front[0], "GET /ten HTTP/1.0\r\nHost: x\r\n\r\n")
    assert status_of(answer) == 200 and b"one GET /ten" in answer


def test_expect_100_continue_is_answered(front):
    port = front[0]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(f"POST /e HTTP/1.1\r\n{HOST}Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        first = s.recv(4096)
        assert first.startswith(b"HTTP/1.1 100")
        s.sendall(b"hello")
        rest = first.split(b"\r\n\r\n", 1)[1]
        while part := s.recv(4096):
            rest += part
        assert b"HTTP/1.1 200" in rest and b"one POST /e" in rest


def test_hundreds_of_clients_that_say_nothing_do_not_stop_the_others(front):
    port, _, g = front
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
    assert http_get(port, "/x").status == 200
    for s in silent:
        s.close()
    wait_until(lambda: http_get(port, "/y").status == 200, 5)

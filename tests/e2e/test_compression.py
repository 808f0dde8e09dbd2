"""Compression on the way to the client: who gets it, what is left alone, and that streams still flow."""
import gzip
import socket
import threading
import zlib

import pytest

from harness import SLOW, Http, http_get
from policy_site import site

ON = "[compression]\nenabled = true\n"


@pytest.fixture
def web(nginx):
    return nginx("web", locations="""
        default_type text/html;
        location = /page { alias FOLDER/100k; add_header Set-Cookie $arg_cookie; add_header Cache-Control $arg_cc; }
        location = /page.css { default_type text/css; alias FOLDER/100k; }
        location = /page.png { default_type image/png; alias FOLDER/100k; }
        location = /small { return 200 tiny; }
        location = /done { gzip on; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0; alias FOLDER/100k; }""")


@pytest.fixture
def port(genkan, web):
    return site(genkan, {"web": web}, ON + '[[route]]\npath = "/never"\ncompress = false\nrewrite = ["^/never -> /page"]\n'
                'pool = "web"\n[[route]]\npool = "web"\n')[0]


def test_each_client_gets_what_it_prefers(port):
    plain = http_get(port, "/page")
    assert plain.get("Content-Encoding") is None and len(plain.body) == 100 << 10
    assert "Accept-Encoding" in plain.get("Vary"), "a cache must know that it depends"
    for accept, coding in (("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip, br", "br"), ("gzip;q=1, br;q=0.3", "gzip"),
                           ("*", "br"), ("identity", None), ("gzip;q=0", None)):
        answer = http_get(port, "/page", {"Accept-Encoding": accept})
        assert answer.get("Content-Encoding") == coding, accept
        if coding:
            assert len(answer.body) < 5000 and "Accept-Encoding" in answer.get("Vary")
            assert answer.get("ETag").startswith('W/"'), "other bytes than the strong one names"
        if coding == "gzip":
            assert gzip.decompress(answer.body) == plain.body


def test_what_is_small_or_packed_or_unwanted_is_left_alone(port):
    wants = {"Accept-Encoding": "gzip"}
    for path in ("/small", "/page.png", "/never"):
        assert http_get(port, path, wants).get("Content-Encoding") is None, path
    done = http_get(port, "/done", wants)
    assert done.get("Content-Encoding") == "gzip" and len(gzip.decompress(done.body)) == 100 << 10, "once, by the backend"
    part = http_get(port, "/page", {**wants, "Range": "bytes=0-99"})
    assert part.status == 206 and part.get("Content-Encoding") is None and len(part.body) == 100
    assert http_get(port, "/page?cc=no-transform", wants).get("Content-Encoding") is None
    head = http_get(port, "/page", wants, method="HEAD")
    assert head.get("Content-Encoding") == "gzip" and head.get("Content-Length") is None and head.body == b""


def test_secrets_are_not_compressed_beside_what_others_chose(port, genkan, web):
    wants = {"Accept-Encoding": "gzip"}
    assert http_get(port, "/page?cookie=a%3Db", wants).get("Content-Encoding") is None
    assert http_get(port, "/page?cc=private", wants).get("Content-Encoding") is None
    assert http_get(port, "/page", {**wants, "Cookie": "sid=1"}).get("Content-Encoding") is None
    assert http_get(port, "/page", {**wants, "Authorization": "Bearer x"}).get("Content-Encoding") is None
    assert http_get(port, "/page?cc=public", {**wants, "Cookie": "sid=1"}).get("Content-Encoding") == "gzip"
    assert http_get(port, "/page.css", {**wants, "Cookie": "sid=1"}).get("Content-Encoding") == "gzip"
    bold = site(genkan, {"web": web}, ON + 'secrets = true\n[[route]]\npool = "web"\n', name="bold")[0]
    assert http_get(bold, "/page", {**wants, "Cookie": "sid=1"}).get("Content-Encoding") == "gzip"


def test_events_arrive_as_they_are_made(genkan, origin):
    seen = threading.Event()

    def events(connection, data):
        if b"/health" in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"b\r\ndata: one\n\n\r\n")
        assert seen.wait(20 * SLOW)
        connection.sendall(b"b\r\ndata: two\n\n\r\n0\r\n\r\n")
        return True
    port, _ = site(genkan, {"web": origin(events)}, ON + '[[route]]\npool = "web"\n')
    with socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        stream, got, raw = zlib.decompressobj(31), b"", b""
        reader = s.makefile("rb")
        while reader.readline() != b"\r\n":
            pass

        def chunk():  # the line end behind a chunk may come with the next one
            line = reader.readline()
            return reader.read(int(line if line.strip() else reader.readline(), 16))
        while b"one" not in got:
            got += stream.decompress(chunk())
        seen.set()
        while part := chunk():
            got += stream.decompress(part)
        assert got == b"data: one\n\ndata: two\n\n" and stream.eof


def test_a_broken_answer_is_not_ended_as_if_it_were_whole(genkan, origin):
    def breaks(connection, data):
        if b"/health" in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9000\r\n\r\n" + b"x" * 5000)
        return False
    port, _ = site(genkan, {"web": origin(breaks)}, ON + '[[route]]\npool = "web"\n')
    with socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        got = b""
        while part := _receive(s):
            got += part
    assert not got.endswith(b"0\r\n\r\n") or got.startswith(b"HTTP/1.1 502")


def _receive(s):
    try:
        return s.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_kept_connection_goes_on_after_a_compressed_answer(port):
    with Http(port) as client:
        for _ in range(3):
            answer = client.request("GET", "/page", fields={"Accept-Encoding": "gzip"})
            assert len(gzip.decompress(answer.body)) == 100 << 10

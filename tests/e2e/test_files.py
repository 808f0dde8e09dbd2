"""Large static files: whole, in ranges, to slow clients, over TLS and HTTP/2; and a file that becomes shorter while it is sent."""
import hashlib
import os
import socket
import subprocess
import time

import pytest

from harness import Http, free_port, http_get, wait_until

SIZE = 5 * 1024 * 1024 + 123


@pytest.fixture
def site(genkan, tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    data = os.urandom(SIZE)
    (root / "big.bin").write_bytes(data)
    port, tls = free_port(), free_port()
    g = genkan(f'''
        [access_log]
        path = "{tmp_path}/access.log"
        format = "{{path}} {{status}} {{bytes}} {{error}}"
        [[certificate]]
        names = ["localhost"]
        self_signed = true
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[listen]]
        address = ["127.0.0.1:{tls}"]
        tls = true
        [[route]]
        root = "{root}"
    ''')
    return port, tls, data, root, tmp_path / "access.log", g


def test_a_large_file_arrives_whole_and_the_connection_stays(site):
    port, tls, data, _, log, _ = site
    with Http(port) as c:
        for _ in range(3):
            answer = c.get("/big.bin")
            assert answer.status == 200 and answer.get("Content-Length") == str(SIZE) and answer.body == data
            assert c.conn is not None
    with Http(tls, tls=True, name="localhost") as c:
        assert c.get("/big.bin").body == data
    done = subprocess.run(["curl", "-sk", "--http2", f"https://localhost:{tls}/big.bin"], capture_output=True)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    wait_until(lambda: log.read_text().count(f"/big.bin 200 {SIZE} -") == 5, 10, "five lines with all bytes")


@pytest.mark.parametrize("field, first, last", [("bytes=0-0", 0, 0), ("bytes=100000-3999999", 100000, 3999999), (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
                                                ("bytes=-1000000", SIZE - 1000000, SIZE - 1)])
def test_a_range_of_it(site, field, first, last):
    port, _, data, _, _, _ = site
    with Http(port) as c:
        answer = c.get("/big.bin", Range=field)
        assert answer.status == 206 and answer.body == data[first:last + 1]
        assert answer.get("Content-Range") == f"bytes {first}-{last}/{SIZE}"
        assert c.get("/big.bin", Range="bytes=0-9").body == data[:10]


def test_a_slow_reader_gets_all_of_it(site):
    port, _, data, _, _, _ = site
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.connect(("127.0.0.1", port))
        s.sendall(b"GET /big.bin HTTP/1.0\r\nHost: a\r\n\r\n")
        got = b""
        for i in range(20):
            time.sleep(0.01)  # the slowness under test
            got += s.recv(4096)
        while part := s.recv(65536):
            got += part
    assert got.split(b"\r\n\r\n", 1)[1] == data


def test_a_head_alone_has_no_content(site):
    port, _, _, _, _, _ = site
    answer = http_get(port, "/big.bin", method="HEAD")
    assert answer.get("Content-Length") == str(SIZE) and answer.body == b""


def test_a_file_that_becomes_shorter_is_never_ended_cleanly(site):
    port, _, _, root, log, _ = site
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.settimeout(20)
        s.connect(("127.0.0.1", port))
        s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        got = s.recv(4096)
        os.truncate(root / "big.bin", 1000)
        try:
            while part := s.recv(65536):
                got += part
        except ConnectionResetError:
            pass
    assert len(got) < SIZE
    wait_until(lambda: "/big.bin 200" in log.read_text() and not log.read_text().strip().endswith(" -"), 10, "the log says that it broke")


def test_a_reader_that_goes_away_leaves_nothing_behind(site):
    port, _, _, _, log, g = site
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            s.recv(1000)
    wait_until(lambda: g.metrics()['genkan_http_connections{side="public"}'] == 0, 20, "the connections are gone")
    assert http_get(port, "/big.bin").status == 200

    def closed():
        return not [f for f in os.listdir(f"/proc/{g.pid}/fd") if "big.bin" in os.readlink(f"/proc/{g.pid}/fd/{f}")]
    wait_until(closed, 10, "every descriptor of the file is closed")

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


def parts_of(answer):
    """[(type, range, bytes)] of a multipart/byteranges, read strictly (RFC 9110 14.6)."""
    kind, _, boundary = answer.get("Content-Type").partition("; boundary=")
    assert kind == "multipart/byteranges" and boundary and answer.get("Content-Range") is None
    pieces = (b"\r\n" + answer.body).split(b"\r\n--" + boundary.encode())
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n", pieces[-1][:100]
    out = []
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        assert set(fields) == {"Content-Type", "Content-Range"}
        out.append((fields["Content-Type"], fields["Content-Range"], data))
    return out


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_several_ranges_come_as_parts(site, tls):
    port, tls_port, data, root, log, _ = site
    (root / "small.txt").write_bytes(b"0123456789" * 10)
    with Http(tls_port if tls else port, tls=tls, name="localhost") as c:
        answer = c.get("/big.bin", Range=f"bytes=3000000-3199999, 0-1,-5,{SIZE}-")
        assert answer.status == 206 and int(answer.get("Content-Length")) == len(answer.body)
        binary = "application/octet-stream"
        assert parts_of(answer) == [(binary, f"bytes 3000000-3199999/{SIZE}", data[3000000:3200000]), (binary, f"bytes 0-1/{SIZE}", data[:2]),
                                    (binary, f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}", data[-5:])]
        small = c.get("/small.txt", Range="bytes=0-1,5-6,99-")
        text = "text/plain; charset=utf-8"
        assert parts_of(small) == [(text, "bytes 0-1/100", b"01"), (text, "bytes 5-6/100", b"56"), (text, "bytes 99-99/100", b"9")]
        one = c.get("/small.txt", Range="bytes=0-3,2-7")
        assert one.status == 206 and one.get("Content-Range") == "bytes 0-7/100" and one.body == b"01234567", "what overlaps is sent once"
        assert c.get("/big.bin", Range="bytes=0-9").body == data[:10] and c.conn is not None


def test_curl_reads_several_ranges_over_http_2(site, tmp_path):
    _, tls, data, _, _, _ = site
    done = subprocess.run(["curl", "-sk", "--http2", "-r", "0-1,5-6", "-D", str(tmp_path / "head"), f"https://localhost:{tls}/big.bin"],
                          capture_output=True, check=True)
    head = (tmp_path / "head").read_text()
    assert head.startswith("HTTP/2 206") and "multipart/byteranges; boundary=" in head
    assert f"bytes 0-1/{SIZE}\r\n\r\n".encode() + data[:2] in done.stdout and f"bytes 5-6/{SIZE}\r\n\r\n".encode() + data[5:7] in done.stdout


def test_nobody_gets_more_than_there_is(site):
    port, _, data, _, _, _ = site
    many = "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 1000, 2))
    for field in ("bytes=0-,0-", f"bytes=0-{SIZE},1-2", many, "bytes=0-1,x", "lines=0-1"):
        answer = http_get(port, "/big.bin", {"Range": field})
        assert answer.status == 200 and answer.body == data, field
    for field in (f"bytes={SIZE}-", f"bytes={SIZE}-,{SIZE + 5}-{SIZE + 9}", "bytes=-0"):
        answer = http_get(port, "/big.bin", {"Range": field})
        assert answer.status == 416 and answer.get("Content-Range") == f"bytes */{SIZE}", field


def test_a_part_is_only_of_the_file_that_the_client_knows(site):
    port, _, data, root, _, _ = site
    old = time.time() - 1000
    os.utime(root / "big.bin", (old, old))
    whole = http_get(port, "/big.bin", method="HEAD")
    tag, date = whole.get("ETag"), whole.get("Last-Modified")
    for known in (tag, date):
        assert http_get(port, "/big.bin", {"Range": "bytes=0-1,5-6", "If-Range": known}).status == 206
    for other in ('"other"', "W/" + tag, "Thu, 01 Jan 1970 00:00:01 GMT", "junk"):
        answer = http_get(port, "/big.bin", {"Range": "bytes=0-1,5-6", "If-Range": other})
        assert answer.status == 200 and answer.body == data, other
    os.utime(root / "big.bin")  # of this very second: another version may have the same date
    date = http_get(port, "/big.bin", method="HEAD").get("Last-Modified")
    assert http_get(port, "/big.bin", {"Range": "bytes=0-1", "If-Range": date}).status in (200, 206)


def test_conditions_that_fail_are_412_or_304(site):
    port, _, data, _, _, _ = site
    tag = http_get(port, "/big.bin", method="HEAD").get("ETag")
    past, future = "Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for fields, status in (({"If-Match": '"other"'}, 412), ({"If-Match": "W/" + tag}, 412), ({"If-Match": f'"x", {tag}'}, 200), ({"If-Match": "*"}, 200),
                           ({"If-Unmodified-Since": past}, 412), ({"If-Unmodified-Since": future}, 200),
                           ({"If-Match": tag, "If-Unmodified-Since": past}, 200), ({"If-None-Match": "W/" + tag}, 304),
                           ({"If-None-Match": '"x"', "If-Modified-Since": future}, 200), ({"If-Modified-Since": future}, 304),
                           ({"If-Match": tag, "If-None-Match": tag, "Range": "bytes=0-1"}, 304)):
        answer = http_get(port, "/big.bin", fields)
        assert answer.status == status and (status != 200 or answer.body == data), fields


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

"""The access log: combined format, read by goaccess without a complaint; one line a request, whatever the request."""
import re
import shutil
import signal
import subprocess
import json

from harness import Http, free_port, http_get, raw_http, wait_until

COMBINED = re.compile(r'^(\S+) - (\S+) \[[^\]]+\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


def start(genkan, nginx, tmp_path, more=""):
    one = nginx("one")
    port, log = free_port(), tmp_path / "access.log"
    g = genkan(f'''
        [access_log]
        path = "{log}"
        {more}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{one.port}"
        [[route]]
        pool = "web"
    ''')
    return port, log, g


def lines(log, count):
    return wait_until(lambda: log.exists() and len(log.read_text().splitlines()) >= count and log.read_text().splitlines(), 10,
                      f"{count} lines in the access log")


def test_each_request_is_one_line_in_combined_format(genkan, nginx, tmp_path):
    port, log, _ = start(genkan, nginx, tmp_path)
    http_get(port, "/a?b=c", {"User-Agent": "test/1 \"quoted\"", "Referer": "http://from.example/"})
    http_get(port, "/status/404")
    raw_http(port, "GET / HTTP/1.1\r\n\r\n")
    http_get(port, "/size/1k", {"User-Agent": "a\tb\\c"})
    rows = lines(log, 4)
    parts = [COMBINED.match(row) for row in rows]
    assert all(parts), rows
    assert [p.group(4) for p in parts] == ["200", "404", "400", "200"]
    assert parts[0].group(1) == "127.0.0.1" and parts[0].group(3) == "GET /a?b=c HTTP/1.1"
    assert parts[0].group(6) == "http://from.example/"
    assert parts[3].group(5) == "1024"


def test_goaccess_reads_it(genkan, nginx, tmp_path):
    port, log, _ = start(genkan, nginx, tmp_path)
    with Http(port) as client:
        for i in range(20):
            client.get(f"/page{i % 5}", User_Agent="Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0")
        client.get("/status/500")
    lines(log, 21)
    report = tmp_path / "report.json"
    done = subprocess.run([shutil.which("goaccess") or "/usr/bin/goaccess", str(log), "--log-format=COMBINED", "--no-global-config",
                           "-o", str(report)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    general = json.loads(report.read_text())["general"]
    assert general["valid_requests"] == 21 and general["failed_requests"] == 0, general


def test_the_log_is_opened_again_after_rotation(genkan, nginx, tmp_path):
    port, log, g = start(genkan, nginx, tmp_path)
    http_get(port, "/before")
    lines(log, 1)
    log.rename(tmp_path / "access.log.1")
    g.signal(signal.SIGUSR1)

    def reopened():
        http_get(port, "/after")
        return log.exists() and "/after" in log.read_text()
    wait_until(reopened, 10, "the new file has lines")
    assert "/before" in (tmp_path / "access.log.1").read_text()


def test_each_line_can_be_json_whatever_the_client_sends(genkan, nginx, tmp_path):
    port, log, _ = start(genkan, nginx, tmp_path, 'format = "json"')
    http_get(port, "/a?b=c", {"User-Agent": 'x"y\\z\u00e9', "Referer": "http://from.example/"})
    raw_http(port, b"GET /\xff\x01 HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\xe3\x81\x82\r\n\r\n")
    http_get(port, "/size/1k")
    rows = [json.loads(row) for row in lines(log, 3)]
    first, bad, third = rows
    assert first["method"] == "GET" and first["target"] == "/a?b=c" and first["status"] == 200, first
    assert first["backend"] and first["tries"] == 1 and first["referer"] == "http://from.example/"
    assert 'x"y\\z' in first["user_agent"]
    assert 0 <= first["wait"] <= first["first_byte"] <= first["duration"] < 20
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert bad["status"] == 400 and "referer" not in bad
    assert third["bytes"] == 1024


def test_an_own_format_has_what_it_names(genkan, nginx, tmp_path):
    port, log, _ = start(genkan, nginx, tmp_path, 'format = "{client}|{method}|{path}|{query}|{status}|{header:X-A}|{cookie:c}|{sent:Content-Type}|{backend}|{error}"')
    http_get(port, "/%61?b=c", {"X-A": 'quo"te', "Cookie": "b=1; c=2"})
    row = lines(log, 1)[0].split("|")
    assert row[:5] == ["127.0.0.1", "GET", "/a", "b=c", "200"], row
    assert row[5] == "quo\\x22te" and row[6] == "2" and row[7].startswith("text/") and row[9] == "-", row


def test_a_slow_request_is_warned_about_with_its_phases(genkan, origin, tmp_path):
    import time
    port = free_port()

    def late(connection, data):
        time.sleep(0.3)  # this is the slowness under test
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    o = origin(late)
    g = genkan(f'''
        [access_log]
        slow = "200ms"
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{o.port}"
        [pool.health]
        enabled = false
        [[route]]
        pool = "web"
    ''')
    http_get(port, "/report")
    line = g.wait_log("a request was slow")[0]
    assert "/report" in line and re.search(r"first_byte_ms\W+[2-9]\d\d|first_byte_ms\W+\d{4,}", line), line


def test_a_wrong_format_is_named(tmp_path):
    from harness import run_genkan
    conf = tmp_path / "bad.toml"
    conf.write_text('[access_log]\nformat = "{clinet}"\n')
    done = run_genkan("check", str(conf))
    assert done.returncode != 0 and "bad.toml:2:10" in done.stdout + done.stderr and "{clinet}" in done.stdout + done.stderr

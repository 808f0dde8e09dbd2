"""The tools of the tests do what they say: a test of Genkan is worth no more than they are."""
import os
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import free_port, http_get, raw_http, status_of, wait_until


def test_free_ports_are_free_and_differ():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])) as taken:
        assert taken.getsockname()[1] == ports[0]


def test_wait_until_says_what_did_not_happen():
    with pytest.raises(AssertionError, match="pigs fly: not within"):
        wait_until(lambda: False, 0.05, "pigs fly")


def test_nginx_answers_with_its_name_and_keeps_what_it_was_asked(nginx):
    one, two = nginx("one"), nginx("two")
    assert http_get(one.port, "/a?b=c").text == "one GET /a?b=c\n"
    assert http_get(two.port, "/", fields={"X-Test": "é\"x".encode().decode("latin-1")}).text == "two GET /\n"
    assert http_get(one.port, "/status/503").status == 503
    assert len(http_get(one.port, "/size/100k").body) == 100 << 10
    assert [r["uri"] for r in wait_until(lambda: len(one.requests()) == 3 and one.requests(), 5)] == ["/a?b=c", "/status/503", "/size/100k"]
    one.stop()
    with pytest.raises(OSError):
        http_get(one.port)
    assert http_get(two.port).status == 200


def test_a_raw_origin_does_what_the_test_says(origin):
    def handler(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return b"again" in request
    o = origin(handler)
    assert http_get(o.port).text == "ok"
    assert status_of(raw_http(o.port, "GET /again HTTP/1.1\r\n\r\n", half_close=True)) == 200
    assert o.connections == 2 and len(o.seen) == 2
    o.stop()
    with pytest.raises(OSError):
        http_get(o.port)


def test_smtp_sink_keeps_messages(smtp_sink):
    sink = smtp_sink()
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: hello\r\n\r\nbody\r\n")
    texts = wait_until(lambda: sink.messages(), 5, "the message is on disk")
    assert len(texts) == 1 and "Subject: hello" in texts[0]


def test_smtp_sink_refuses_when_told(smtp_sink):
    sink = smtp_sink(flags=["-r", "rcpt"])
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.org", ["b@example.org"], "x")


BROKEN = {
    "address": "char* p = new char[8]; delete[] p; return p[argc];",
    "leak": "static char* volatile p; p = new char[80]; p = nullptr;",
    "undefined": "int big = 2147483647; big += argc; return big == 0;",
    "thread": "int n = 0; std::thread other([&] { ++n; }); ++n; other.join();",
}


@pytest.fixture(scope="module")
def broken_program(tmp_path_factory):
    """broken_program(kind): a program with one mistake, built with the sanitizer that knows of it."""
    folder = tmp_path_factory.mktemp("broken")
    folder.chmod(0o755)

    def make(kind):
        source, program = folder / f"{kind}.cpp", folder / kind
        source.write_text("#include <thread>\nint main(int argc, char**) { (void)argc; " + BROKEN[kind] + " }\n")
        subprocess.run(["g++", "-g1", f"-fsanitize={'address' if kind == 'leak' else kind}", "-fno-sanitize-recover=all", source,
                        "-o", program], check=True)
        return program
    return make


@pytest.mark.parametrize("kind", BROKEN)
def test_a_sanitizer_report_fails_the_test_although_nobody_looks_at_the_program(kind, broken_program, tmp_path):
    program = broken_program(kind)
    user = "nobody" if os.geteuid() == 0 else None  # as a program that gave up root
    (tmp_path / "test_one.py").write_text(
        "import subprocess\n"
        f"def test_it():\n    subprocess.run([{str(program)!r}], stderr=subprocess.DEVNULL, user={user!r})\n"
        "def test_another():\n    subprocess.run(['true'])\n")
    env = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", str(tmp_path / "test_one.py")],
                          env={**env, "PYTHONPATH": str(Path(__file__).parent)}, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed, 1 error" in done.stdout and "a sanitizer report" in done.stdout, done.stdout
    said = {"address": "heap-use-after-free", "leak": "LeakSanitizer", "undefined": "runtime error", "thread": "data race"}
    assert said[kind] in done.stdout, done.stdout

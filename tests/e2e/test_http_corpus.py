"""The corpora of raw HTTP/1.1: every row of http_corpus_*.py, judged from outside (http_judge.py); whole and in segments."""
import socket

import http_corpus_answers
import http_corpus_framing
import http_corpus_lines
import http_corpus_meaning
import http_corpus_own
import pytest
from h2wire import H2
from harness import free_port, wait_until
from http_judge import Judge, address, site

CORPORA = {"lines and fields of requests": http_corpus_lines, "where the content of requests ends": http_corpus_framing,
           "what requests mean": http_corpus_meaning, "answers of backends": http_corpus_answers}


@pytest.mark.parametrize("size", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("name", CORPORA)
def test_every_row(genkan, name, size):
    rows = CORPORA[name].ROWS
    assert len(rows) >= 200 and len({row.name for row in rows}) == len(rows)
    port = free_port()
    judge = Judge(rows, port, size)
    g = genkan(site(port, judge.backends.ports), workers=1)
    faults = judge.run()
    assert g.running()
    assert not faults, f"{len(faults)} deviations in {len(rows)} rows:\n" + "\n".join(faults)


def test_answers_of_our_own(genkan, tmp_path):
    rows, port = http_corpus_own.ROWS, free_port()
    assert len({row.name for row in rows}) == len(rows)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("a text\n")
    (tmp_path / "secret").write_text("secret text\n")
    (tmp_path / "passwords").write_text("u:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n")
    judge = Judge(rows, port)
    own = "".join(f"[[route]]\n{text}\n" for text in (
        'path = "/fixed"\nstatus = 203\nbody = "fixed"', 'path = "/moved"\nredirect = "/elsewhere"', f'path_prefix = "/files"\nroot = "{tmp_path}/files"',
        'path = "/denied"\nstatus = 200\ndeny = ["0.0.0.0/0"]', 'path = "/closed"\nstatus = 200\nmaintenance = true',
        f'path = "/password"\nstatus = 200\n[route.basic]\nfile = "{tmp_path}/passwords"', 'path = "/unrouted"\nstatus = 404', 'path = "/elsewhere"\nstatus = 404'))
    conf = site(port, judge.backends.ports)
    genkan(conf[:conf.index("[[route]]")] + own + conf[conf.index("[[route]]"):], workers=1)
    faults = judge.run()
    assert not faults, f"{len(faults)} deviations in {len(rows)} rows:\n" + "\n".join(faults)


SILENT = {"before its head": b"", "in a length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello", "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
          "until the end": b"HTTP/1.1 200 OK\r\n\r\nhello"}


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("where", SILENT)
def test_a_stop_cuts_a_request_whose_backend_is_silent(genkan, origin, tmp_path, version, where):
    def say_and_hang(connection, _):
        connection.sendall(SILENT[where])
        connection.recv(1)
    backend, port = origin(say_and_hang), free_port()
    g = genkan(f'[node]\nname = "x"\nstate_dir = "{tmp_path}/state"\ndrain_timeout = "200ms"\n' + site(port, [backend.port]))
    client = H2(port, source=address(0)) if version == "HTTP/2" else socket.create_connection(("127.0.0.1", port), 20, (address(0), 0))
    client.open() if version == "HTTP/2" else client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: backend.seen, 10, "the backend is asked")
    assert g.end(timeout=8) == 0, "it hangs until the backend gives up"

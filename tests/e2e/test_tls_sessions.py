"""Sessions that are resumed: on another worker, another node, after a restart, and not for longer than a key lives; and
early data (0-RTT), which is taken at most once."""
import base64
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest
from hpack import Encoder

from ca import Ca, openssl
from h2wire import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame
from harness import free_port, wait_until
from test_tls_clients import ask, context, echo, field

KEY = '[cluster]\nkey = "the same on every node"\n'
SITE = '[[listen]]\nname = "web"\naddress = ["127.0.0.1:{port}"]\ntls = true\n{listen}\n[[route]]\nstatus = 200\nbody = "hello"\n'


@pytest.fixture
def pair(tmp_path):
    return Ca(tmp_path).issue("a.example")


def resumes(port, made, session):
    assert " 200 " in ask(port, "a.example", made=made, session=session)
    return ask.resumed


def first(port, made):
    assert " 200 " in ask(port, "a.example", made=made)
    assert not ask.resumed and ask.session
    return ask.session


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")


@VERSIONS
def test_a_session_is_resumed_on_every_worker_and_node_and_after_a_restart(genkan, pair, version):
    one, two = free_port(), free_port()
    a = genkan(KEY + pair.toml() + SITE.format(port=one, listen=""), name="a")
    genkan(KEY + pair.toml() + SITE.format(port=two, listen=""), name="b")
    made = context(None, version)
    session = first(one, made)
    assert all(resumes(one, made, session) for _ in range(6))  # two workers
    assert resumes(two, made, session)
    a.stop()
    a.start()
    assert resumes(one, made, session)
    assert a.metrics()[f'genkan_http_tls_handshakes_total{{side="public",version="{ask.version}",resumed="yes"}}'] == 1


def test_a_session_that_openssl_kept_is_resumed_on_the_other_node(genkan, pair, tmp_path):
    ports = [free_port(), free_port()]
    for name, port in zip("ab", ports):
        genkan(KEY + pair.toml() + SITE.format(port=port, listen=""), name=name)
    kept = tmp_path / "session.pem"
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    more = ["-servername", "a.example", "-ign_eof"]
    assert b"New, TLSv1.3" in openssl("s_client", "-connect", f"127.0.0.1:{ports[0]}", *more, "-sess_out", kept, stdin=request).stdout
    assert b"Reused, TLSv1.3" in openssl("s_client", "-connect", f"127.0.0.1:{ports[1]}", *more, "-sess_in", kept, stdin=request).stdout


def test_nodes_with_another_key_or_none_start_anew(genkan, pair):
    ports = [free_port() for _ in range(3)]
    for name, port, key in zip("abc", ports, (KEY, KEY.replace("same", "other"), "")):
        genkan(key + pair.toml() + SITE.format(port=port, listen=""), name=name)
    made = context()
    session = first(ports[0], made)
    assert not resumes(ports[1], made, session) and not resumes(ports[2], made, session)
    assert resumes(ports[0], made, session)


def test_without_a_cluster_a_nodes_own_key_outlives_a_restart(genkan, pair):
    port = free_port()
    g = genkan(pair.toml() + SITE.format(port=port, listen=""))
    made = context()
    session = first(port, made)
    g.stop()
    g.start()
    assert resumes(port, made, session)
    key = g.state / "tls" / "tickets.key"
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_bytes()) >= 32


@VERSIONS
def test_after_two_rotations_a_session_is_not_resumed_on_any_node(genkan, pair, version):
    ports = [free_port(), free_port()]
    for name, port in zip("ab", ports):
        genkan(KEY + '[tls]\nticket_rotation = "2s"\n' + pair.toml() + SITE.format(port=port, listen=""), name=name)
    made = context(None, version)
    session = first(ports[0], made)
    began = time.monotonic()
    wait_until(lambda: not any(resumes(p, made, session) for p in ports), 8, "the key of the ticket is gone")
    assert time.monotonic() - began > 1.5  # for one rotation at least it is good
    assert not any(resumes(p, made, session) for p in ports)


def test_tickets_can_be_for_tls_1_3_only_or_for_nobody(genkan, pair):
    one, two = free_port(), free_port()
    genkan('[tls]\nsession_tickets = "1.3"\n' + pair.toml() + SITE.format(port=one, listen=""), name="a")
    genkan('[tls]\nsession_tickets = "off"\n' + pair.toml() + SITE.format(port=two, listen=""), name="b")
    for port, version, wanted in ((one, ssl.TLSVersion.TLSv1_3, True), (one, ssl.TLSVersion.TLSv1_2, False),
                                  (two, ssl.TLSVersion.TLSv1_3, False), (two, ssl.TLSVersion.TLSv1_2, False)):
        made = context(None, version)
        ask(port, "a.example", made=made)
        session = ask.session
        assert (session is not None and session.has_ticket and resumes(port, made, session)) == wanted, (port, version)


def test_a_ticket_that_was_tampered_with_is_no_ticket(genkan, pair, tmp_path):
    port = free_port()
    genkan(pair.toml() + SITE.format(port=port, listen=""))
    kept = tmp_path / "session.pem"
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    argv = ["s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", "-ign_eof", "-tls1_2"]
    openssl(*argv, "-sess_out", kept, stdin=request)
    der = openssl("sess_id", "-in", kept, "-outform", "DER").stdout
    text = openssl("sess_id", "-in", kept, "-noout", "-text").stdout.decode()
    ticket = bytes.fromhex("".join(re.findall(r"^ +[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]?)+)", text, re.M)).replace("-", " ").replace(" ", ""))
    at = der.index(ticket[:48])
    assert b"Reused" in openssl(*argv, "-sess_in", kept, stdin=request).stdout
    for place in (0, 16, 40, len(ticket) - 1):  # name of the key, vector, content, MAC
        bad = bytearray(der)
        bad[at + place] ^= 1
        other = tmp_path / "other.pem"
        other.write_bytes(b"-----BEGIN SSL SESSION PARAMETERS-----\n" + base64.encodebytes(bytes(bad)) + b"-----END SSL SESSION PARAMETERS-----\n")
        out = openssl(*argv, "-sess_in", other, stdin=request).stdout
        assert b"Reused" not in out and b"200 OK" in out


# --- early data ---------------------------------------------------------------------------------------------------------

GET = b"GET /early HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


class Early:
    """openssl s_client with a kept session and early data."""

    def __init__(self, folder):
        self.folder = folder
        self.session = folder / "early.pem"

    def begin(self, port):
        openssl("s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", "-ign_eof", "-sess_out", self.session, stdin=GET)
        assert self.session.exists()

    def send(self, port, data):
        file = self.folder / "early.bin"
        file.write_bytes(data)
        done = openssl("s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", "-ign_eof", "-sess_in", self.session,
                       "-early_data", file, stdin=b"", check=False)
        text = done.stdout.decode("latin-1")
        return re.search(r"Early data was (not sent|rejected|accepted)", text).group(1), text


@pytest.fixture
def early(tmp_path):
    return Early(tmp_path)


def site(pair, port, web, listen="early_data = true"):
    return (KEY + '[http]\nhead_timeout = "1s"\n' + pair.toml() + f'[[listen]]\nname = "web"\naddress = ["127.0.0.1:{port}"]\ntls = true\n{listen}\n'
            f'[[pool]]\nname = "web"\n[pool.health]\nenabled = false\n[[pool.backend]]\naddress = "127.0.0.1:{web.port}"\n[[route]]\npool = "web"\n')


def test_a_safe_request_in_early_data_is_served_and_marked(genkan, origin, pair, early, tmp_path):
    port, web = free_port(), origin(echo)
    log = tmp_path / "access.log"
    g = genkan(f'[access_log]\npath = "{log}"\nformat = "{{path}} {{early_data}}"\n' + site(pair, port, web))
    early.begin(port)
    verdict, text = early.send(port, GET)
    assert verdict == "accepted" and "HTTP/1.1 200 OK" in text
    assert b"early-data" not in web.seen[0].lower() and web.seen[1].lower().count(b"\r\nearly-data: 1\r\n") == 1
    assert g.metrics()['genkan_http_early_data_total{answer="served"}'] == 1
    assert wait_until(lambda: len(log.read_text().splitlines()) == 2 and log.read_text().splitlines(), 5) == ["/early no", "/early yes"]


@pytest.mark.parametrize("request_", [b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
                                      b"DELETE /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
                                      b"GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"],
                         ids=["POST", "DELETE", "GET with content"])
def test_other_requests_in_early_data_are_answered_425(genkan, origin, pair, early, request_):
    port, web = free_port(), origin(echo)
    genkan(site(pair, port, web))
    early.begin(port)
    verdict, text = early.send(port, request_)
    assert verdict == "accepted" and "HTTP/1.1 425" in text and len(web.seen) == 1


def test_it_is_off_unless_asked_for(genkan, origin, pair, early):
    port, web = free_port(), origin(echo)
    genkan(site(pair, port, web, listen=""))
    early.begin(port)
    assert early.send(port, GET)[0] == "not sent" and len(web.seen) == 1


def test_it_is_taken_only_by_the_process_that_gave_the_ticket(genkan, origin, pair, early):
    one, two, web = free_port(), free_port(), origin(echo)
    a = genkan(site(pair, one, web), name="a")
    genkan(site(pair, two, web), name="b")
    early.begin(one)
    verdict, text = early.send(two, GET)
    assert verdict == "rejected" and "Reused, TLSv1.3" in text
    a.stop()
    a.start()
    assert early.send(one, GET)[0] == "rejected"
    assert len(web.seen) == 1


class Recorder:
    """A relay that keeps what the client sent first."""

    def __init__(self, port):
        self.port, self.flight = port, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.port))
        back = threading.Thread(target=self.pump, args=(server, client, False), daemon=True)
        back.start()
        self.pump(client, server, True)

    def pump(self, a, b, keep):
        try:
            while True:
                data = a.recv(65536)
                if keep:
                    self.flight += data
                if not data:
                    b.shutdown(socket.SHUT_WR)
                    return
                b.sendall(data)
        except OSError:
            b.close()


def test_early_data_that_somebody_recorded_and_repeats_is_not_served_again(genkan, origin, pair, early):
    port, web = free_port(), origin(echo)
    g = genkan(site(pair, port, web))
    early.begin(port)
    recorder = Recorder(port)
    verdict, _ = early.send(recorder.own, GET)
    assert verdict == "accepted" and len(web.seen) == 2
    before = g.metrics()
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            s.sendall(recorder.flight)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
    after = g.metrics()
    name = 'genkan_http_tls_handshakes_failed_total{side="public"}'
    wait_until(lambda: g.metrics()[name] >= before[name] + 2, 5, "the repeated handshakes have failed")
    assert len(web.seen) == 2 and after['genkan_http_early_data_total{answer="served"}'] == 1


# --- the same over HTTP/2 -----------------------------------------------------------------------------------------------

class Flight:
    """Frames of one client's connection."""

    def __init__(self):
        self.encoder, self.stream = Encoder(), 1

    def begin(self):
        return PREFACE + frame(SETTINGS)

    def request(self, path, method="GET", content=b""):
        fields = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "a.example")]
        out = frame(HEADERS, END_HEADERS | (0 if content else END_STREAM), self.stream, self.encoder.encode(fields))
        if content:
            out += frame(DATA, END_STREAM, self.stream, content)
        self.stream += 2
        return out


class EarlyH2:
    def __init__(self, folder, log):
        self.session, self.early, self.out, self.log = folder / "early2.pem", folder / "early2.bin", folder / "early2.out", log

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def run(self, port, until, *more, stdin=b""):
        """s_client until the condition holds; returns what it said."""
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", "-alpn", "h2", "-ign_eof", *map(str, more)]
        with open(self.out, "wb") as out:
            child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        try:
            child.stdin.write(stdin)
            child.stdin.flush()
            wait_until(until, 15, "the requests are answered")
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
        return self.out.read_text(encoding="latin-1")

    def begin(self, port):
        flight = Flight()
        said = self.run(port, lambda: self.session.exists() and self.lines(), "-sess_out", self.session,
                        stdin=flight.begin() + flight.request("/first"))
        assert "ALPN protocol: h2" in said

    def send(self, port, early, then, count):
        """`early` with the handshake, `then` after it; until the log has `count` lines more."""
        self.early.write_bytes(early)
        wanted = len(self.lines()) + count
        said = self.run(port, lambda: len(self.lines()) >= wanted, "-sess_in", self.session, "-early_data", self.early, stdin=then)
        return re.search(r"Early data was (not sent|rejected|accepted)", said).group(1), self.lines()[-count:]


@pytest.fixture
def early_h2(tmp_path):
    return EarlyH2(tmp_path, tmp_path / "access.log")


def h2_site(early_h2, pair, port, web):
    return (f'[access_log]\npath = "{early_h2.log}"\nformat = "{{protocol}} {{path}} {{status}} {{early_data}}"\n' + site(pair, port, web))


def test_over_http_2_a_safe_request_is_served_and_marked_and_the_next_is_not(genkan, origin, pair, early_h2):
    port, web = free_port(), origin(echo)
    g = genkan(h2_site(early_h2, pair, port, web))
    early_h2.begin(port)
    flight = Flight()
    early = flight.begin() + flight.request("/early") + flight.request("/early2", "HEAD")
    verdict, lines = early_h2.send(port, early, flight.request("/late"), 3)
    assert verdict == "accepted"
    assert sorted(lines) == ["HTTP/2.0 /early 200 yes", "HTTP/2.0 /early2 200 yes", "HTTP/2.0 /late 200 no"]
    marked = {seen.split(b" ")[1]: seen.lower().count(b"\r\nearly-data: 1\r\n") for seen in web.seen}
    assert marked == {b"/first": 0, b"/early": 1, b"/early2": 1, b"/late": 0}
    assert g.metrics()['genkan_http_early_data_total{answer="served"}'] == 2


def test_over_http_2_others_are_answered_425_and_served_when_they_come_again(genkan, origin, pair, early_h2):
    port, web = free_port(), origin(echo)
    g = genkan(h2_site(early_h2, pair, port, web))
    early_h2.begin(port)
    flight = Flight()
    early = flight.begin() + flight.request("/post", "POST", b"hi") + flight.request("/delete", "DELETE") + flight.request("/get", "GET", b"hi")
    verdict, lines = early_h2.send(port, early, flight.request("/post", "POST", b"hi"), 4)
    assert verdict == "accepted"
    assert sorted(lines) == ["HTTP/2.0 /delete 425 no", "HTTP/2.0 /get 425 no", "HTTP/2.0 /post 200 no", "HTTP/2.0 /post 425 no"]
    assert [seen.split(b" ")[1] for seen in web.seen] == [b"/first", b"/post"]
    assert g.metrics()['genkan_http_early_data_total{answer="425"}'] == 3


def test_over_http_2_a_recorded_flight_is_not_served_again(genkan, origin, pair, early_h2):
    port, web = free_port(), origin(echo)
    g = genkan(h2_site(early_h2, pair, port, web))
    early_h2.begin(port)
    flight, recorder = Flight(), Recorder(port)
    verdict, _ = early_h2.send(recorder.own, flight.begin() + flight.request("/early"), b"", 1)
    assert verdict == "accepted" and len(web.seen) == 2
    name = 'genkan_http_tls_handshakes_failed_total{side="public"}'
    before = g.metrics()[name]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(recorder.flight)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    wait_until(lambda: g.metrics()[name] > before, 5, "the repeated handshake has failed")
    assert len(web.seen) == 2

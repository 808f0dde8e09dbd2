"""OCSP stapling: answers that are verified, kept and renewed, and responders that are dead or lie."""
import pytest

from ca import Ca, openssl
from harness import Process, free_port, http_get, wait_until

SITE = '[[listen]]\naddress = ["127.0.0.1:{port}"]\ntls = true\n[[route]]\nstatus = 200\nbody = "hello"\n'


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path)


class Responder(Process):
    """`openssl ocsp` for a CA."""

    def __init__(self, folder, ca, port, name="responder"):
        super().__init__(name, folder)
        self.ca, self.port = ca, port

    def start(self):
        self.spawn(["openssl", "ocsp", "-index", str(self.ca.index), "-port", str(self.port), "-rsigner", str(self.ca.cert),
                    "-rkey", str(self.ca.key), "-CA", str(self.ca.cert), "-nmin", "60", "-text"])
        self.wait_log("ACCEPT")
        return self


@pytest.fixture
def responder(tmp_path):
    started = []

    def make(ca, port, **more):
        started.append(Responder(tmp_path, ca, port, **more).start())
        return started[-1]
    yield make
    for one in started:
        one.end()


def stapled(port, name="a.example"):
    """The status of the staple ("good", ...), or "" without one."""
    done = openssl("s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-status", stdin=b"", check=False).stdout.decode()
    assert "OCSP response: no response sent" in done or "OCSP Response Status: successful" in done
    return done.split("Cert Status: ")[1].split("\n")[0].strip() if "Cert Status: " in done else ""


def answer(ca, pair, *, signer=None, about=None, extra=("-ndays", "1"), folder):
    """A response in DER: by `signer` (a Ca) about `about` (a Pair)."""
    signer, about = signer or ca, about or pair
    question, out = folder / "question.der", folder / "answer.der"
    openssl("ocsp", "-issuer", ca.cert, "-cert", about.cert, "-reqout", question, "-no_nonce")
    openssl("ocsp", "-index", ca.index, "-CA", ca.cert, "-rsigner", signer.cert, "-rkey", signer.key, "-reqin", question,
            "-respout", out, *extra)
    return out.read_bytes()


def http_answer(der, status=b"200 OK"):
    def handler(connection, request):
        connection.sendall(b"HTTP/1.0 %s\r\nContent-Type: application/ocsp-response\r\nContent-Length: %d\r\n\r\n%s" % (status, len(der), der))
        return False
    return handler


def test_the_responders_answer_is_stapled_kept_and_there_after_a_restart(genkan, ca, responder):
    port, at = free_port(), free_port()
    r = responder(ca, at)
    pair = ca.issue("a.example", ocsp=f"http://127.0.0.1:{at}/ocsp")
    r.end()
    r.start()  # it reads its index at the start
    g = genkan(pair.toml("ocsp_stapling = true") + SITE.format(port=port))
    wait_until(lambda: stapled(port) == "good", 10, "the staple is there")
    shown = g.api("/api/v1/certificates").json()[0]
    assert shown["staple"] and shown["staple_until"] > 0
    r.end()
    g.stop()
    g.start()
    wait_until(lambda: stapled(port) == "good", 10, "the staple that was kept")
    assert g.metrics()['genkan_tls_staples_total{result="failed"}'] == 0


def test_a_dead_responder_harms_nobody_and_one_that_comes_back_is_asked_again(genkan, ca, responder):
    port, at = free_port(), free_port()
    pair = ca.issue("a.example", ocsp=f"http://127.0.0.1:{at}/")
    g = genkan(pair.toml("ocsp_stapling = true") + SITE.format(port=port))
    assert f"127.0.0.1:{at}" in g.wait_log("no new OCSP response to staple")[0]
    assert stapled(port) == "" and http_get(port, "/", tls=True, name="a.example").text == "hello"
    assert "127.0.0.1" in g.api("/api/v1/certificates").json()[0]["staple_problem"]
    responder(ca, at)
    g.reload()  # asks at once; by itself it would within seconds
    wait_until(lambda: stapled(port) == "good", 10, "the staple is there")


LIES = {
    "another's signature": (lambda ca, pair, f: answer(ca, pair, signer=Ca(f, "other"), folder=f), "200 OK", "signature"),
    "another certificate": (lambda ca, pair, f: answer(ca, pair, about=ca.issue("b.example", chain=False), folder=f), "200 OK", "another certificate"),
    "junk": (lambda ca, pair, f: b"junk", "200 OK", "no OCSP response"),
    "refuses": (lambda ca, pair, f: b"\x30\x03\x0a\x01\x06", "200 OK", "unauthorized"),
    "error": (lambda ca, pair, f: answer(ca, pair, folder=f), "500 Oops", "500"),
    "too much": (lambda ca, pair, f: answer(ca, pair, folder=f) + b"x" * 100_000, "200 OK", ""),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_trusted_is_not_stapled(genkan, ca, origin, tmp_path, lie):
    make, status, word = LIES[lie]
    port, box = free_port(), []
    web = origin(lambda connection, request: http_answer(box[0], status.encode())(connection, request))
    pair = ca.issue("a.example", ocsp=f"http://127.0.0.1:{web.port}/")
    box.append(make(ca, pair, tmp_path))
    g = genkan(pair.toml("ocsp_stapling = true") + SITE.format(port=port))
    assert word in g.wait_log("no new OCSP response to staple")[0]
    assert stapled(port) == "" and http_get(port, "/", tls=True, name="a.example").text == "hello"
    box[0] = answer(ca, pair, folder=tmp_path)
    if status == "200 OK":  # the truth is taken, when it is told
        g.reload()
        wait_until(lambda: stapled(port) == "good", 10, "the staple is there")


def test_a_staple_of_a_certificate_that_is_revoked_goes(genkan, ca, origin, tmp_path):
    port, box = free_port(), []
    web = origin(lambda connection, request: http_answer(box[0])(connection, request))
    pair = ca.issue("a.example", ocsp=f"http://127.0.0.1:{web.port}/")
    box.append(answer(ca, pair, extra=("-nmin", "1"), folder=tmp_path))
    g = genkan(pair.toml("ocsp_stapling = true") + SITE.format(port=port))
    wait_until(lambda: stapled(port) == "good", 10, "the staple is there")
    ca.revoke(pair)
    box[0] = answer(ca, pair, folder=tmp_path)
    for kept in (g.state / "tls").glob("ocsp-*.der"):
        kept.unlink()
    g.reload()
    assert "REVOKED" in g.wait_log("no new OCSP response to staple")[0]
    assert stapled(port) == ""


def test_a_file_that_somebody_else_keeps_fresh(genkan, ca, tmp_path):
    port = free_port()
    pair = ca.issue("a.example")
    file = tmp_path / "a.ocsp"
    file.write_bytes(b"not yet")
    g = genkan('[tls]\nwatch_interval = "100ms"\n' + pair.toml(f'ocsp_file = "{file}"') + SITE.format(port=port))
    g.wait_log("no new OCSP response to staple")
    assert stapled(port) == ""
    file.write_bytes(answer(ca, pair, folder=tmp_path))
    wait_until(lambda: stapled(port) == "good", 15, "the file is read again")


def test_nobody_is_asked_unless_it_is_wished(genkan, ca, origin):
    port, web = free_port(), origin(http_answer(b""))
    genkan(ca.issue("a.example", ocsp=f"http://127.0.0.1:{web.port}/").toml() + SITE.format(port=port))
    assert stapled(port) == "" and web.connections == 0


def test_a_chain_without_its_issuer_and_a_certificate_without_responder_are_named(genkan, ca):
    pairs = ca.issue("a.example", ocsp="http://127.0.0.1:1/", chain=False), ca.issue("b.example")
    g = genkan("".join(p.toml("ocsp_stapling = true") for p in pairs) + SITE.format(port=free_port()))
    g.wait_log("issuer's certificate does not stand behind")
    g.wait_log("names no responder")

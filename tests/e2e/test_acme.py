"""Certificates from a CA by ACME: from nothing to HTTPS, challenges, renewal under load, what operators see; against pebble."""
import json
import shutil
import signal
import stat
import threading
import time

import pytest

from acme_double import AcmeDouble
from acme_site import ca, site  # noqa: F401 (fixtures)
from harness import Http, Process, free_port, http_get, port_answers, run_genkan, wait_until

PEBBLE = shutil.which("pebble")


# --- from nothing to HTTPS -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_from_nothing_to_https(site, ca, challenge):
    s = site(["a.example", "www.a.example"])
    c = ca(s)
    c.fault("newOrder", "503", times=1)  # so that there is a moment before
    s.start(c.conf(challenge=f'"{challenge}"', contact='["hostmaster@a.example"]'))
    assert s.handshake() and http_get(s.http, "/").text == "served"  # at once, with a self-signed one
    s.issued(c)
    for name in s.names:
        assert s.handshake(c.ca_file, name)
    assert http_get(s.https, "/", tls=True, name="a.example").text == "served"
    shown = s.wait_state("good")
    assert shown["valid"] and 89 < shown["days_left"] <= 90 and shown["names"] == s.names
    assert c.count("newAccount") == 1 and c.count("newOrder") == 2  # the one that was answered 503, and again
    assert next(iter(c.accounts.values()))["contact"] == ["mailto:hostmaster@a.example"]
    assert s.g.metrics()['genkan_acme_orders_total{result="issued"}'] == 1
    end = s.g.metrics()['genkan_acme_certificate_not_after_timestamp_seconds{certificate="a.example"}']
    assert 89 < (end - time.time()) / 86400 <= 90


def test_a_restart_serves_the_same_certificate_and_orders_nothing(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    s.g.stop()
    asked = len(c.asked)
    s.start(c.conf())
    assert s.handshake(c.ca_file) == first  # from the first handshake on
    assert s.wait_state("good")["next_why"] == "renewal"
    assert len(c.asked) == asked


def test_keys_are_nobody_elses(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    s.wait_state("good")
    folder = s.g.state / "acme"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert files == {"account.key": 0o600, "a.example.pem": 0o600, "state.json": 0o600}
    assert "PRIVATE" not in s.g.log() and (folder / "account.key").read_text().splitlines()[1] not in s.g.log()


def test_two_certificates_from_one_account(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf() + '[[certificate]]\nacme = true\nnames = ["b.example"]\n')
    s.issued(c)
    wait_until(lambda: s.handshake(c.ca_file, "b.example"), 20, "the second certificate")
    assert c.count("newAccount") == 1 and c.count("newOrder") == 2


def test_a_reload_with_another_name_orders_anew(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    s.wait_state("good")
    s.g.reload(s.text(c.conf(), ["a.example", "new.example"]))
    wait_until(lambda: s.handshake(c.ca_file, "new.example"), 20, "a certificate with the new name")
    assert s.handshake(c.ca_file, "a.example")


# --- challenges ------------------------------------------------------------------------------------------------------------
def test_only_pending_tokens_are_answered_and_the_rest_goes_on(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    for token in ("x", "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", next(iter(c.authorizations.values()))["token"]):
        assert http_get(s.http, f"/.well-known/acme-challenge/{token}", name="a.example").text == "served"  # the route's


def test_a_node_with_the_same_account_key_answers_for_the_other(site, ca, tmp_path):
    one, two = site(name="one"), site(name="two")
    c = ca(two)  # asks the second node, the first one orders
    key = tmp_path / "shared.key"
    one.start(c.conf(account_key=f'"{key}"'))
    two.start(c.conf(directory='"https://127.0.0.1:1/none"', account_key=f'"{key}"'))
    one.issued(c)
    thumb = next(iter(c.accounts)).rsplit("/", 1)[1]
    url = "/.well-known/acme-challenge/any-token"
    with Http(two.http, name="a.example") as h:
        assert h.get(url).text == "any-token." + thumb
        assert h.get("/.well-known/acme-challenge/no%2Ftoken").text == "served"
    with Http(two.http, name="other.example") as h:
        assert h.get(url).text == "served"


# --- renewal ---------------------------------------------------------------------------------------------------------------
def test_renewal_drops_no_connection(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    stop, failed, done = threading.Event(), [], []

    def visit():
        while not stop.is_set():
            try:
                assert http_get(s.https, "/", tls=True, name="a.example").text == "served"
                done.append(1)
            except Exception as error:  # noqa: BLE001
                failed.append(repr(error))
    visitor = threading.Thread(target=visit)
    with Http(s.https, tls=True, name="a.example") as kept:
        assert kept.get("/").text == "served"
        visitor.start()
        try:
            told = run_genkan("acme", "renew", "A.example", "-c", s.g.file)
            wait_until(lambda: s.handshake(c.ca_file) != first, 10, "another certificate is served")
            seen = len(done)
            wait_until(lambda: len(done) > seen + 5, 20, "visitors go on")
        finally:
            stop.set()
            visitor.join()
        assert kept.get("/").text == "served"
    assert told.returncode == 0 and "a.example: issued, good until" in told.stdout, told
    assert not failed


def test_it_renews_by_itself_before_the_end(site, ca):
    s = site()
    c = ca(s, lifetime=9)
    s.start(c.conf())
    first = s.issued(c)
    second = wait_until(lambda: (now := s.handshake(c.ca_file)) != first and now, 20, "the second certificate")
    assert second and c.count("newAccount") == 1
    assert s.g.metrics()['genkan_acme_orders_total{result="failed"}'] == 0


# --- the command line --------------------------------------------------------------------------------------------------------
def test_the_commands_say_what_is_wrong(site, ca, genkan):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    s.wait_state("good")
    unknown = run_genkan("acme", "renew", "other.example", "-c", s.g.file)
    assert unknown.returncode == 66 and "has the name other.example" in unknown.stderr
    shown = run_genkan("acme", "status", "--json", "-c", s.g.file)
    assert shown.returncode == 0 and json.loads(shown.stdout)["certificates"][0]["name"] == "a.example"
    assert run_genkan("acme", "renew", "--no-wait", "-c", s.g.file).stdout == "a.example: will be ordered\n"
    s.g.stop()
    assert run_genkan("acme", "status", "-c", s.g.file).returncode == 69
    assert run_genkan("acme").returncode == 106 or "subcommand" in run_genkan("acme").stderr


def test_a_bad_account_key_stops_the_start_but_no_reload(site, ca, tmp_path):
    s = site()
    c = ca(s)
    bad = tmp_path / "bad.key"
    bad.write_text("garbage")
    s.start(c.conf())
    s.issued(c)
    s.g.write(s.text(c.conf(account_key=f'"{bad}"')))
    s.g.signal(signal.SIGHUP)
    s.g.wait_log("bad.key` is no EC key")
    s.g.wait_log("was not taken")
    assert s.handshake(c.ca_file)


# --- pebble ----------------------------------------------------------------------------------------------------------------------
class Pebble(Process):
    """Debian's pebble, strict, with random pauses off, one in five good nonces refused, and names that lead to 127.0.0.1."""

    def __init__(self, folder, http_port, tls_port, eab=None):
        super().__init__("pebble", folder / "pebble")
        self.port, self.management, self.dns_port = free_port(), free_port(), free_port()
        self.double = AcmeDouble(folder / "pebble-https")  # only for a certificate of its HTTPS
        self.double.stop()
        own = self.double.folder / "own.pem"
        self.ca_file = self.double.ca_file
        settings = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
                    "certificate": str(own), "privateKey": str(own), "httpPort": http_port, "tlsPort": tls_port,
                    "ocspResponderURL": "", "externalAccountBindingRequired": bool(eab)}
        if eab:
            settings["externalAccountMACKeys"] = dict([eab])
        self.conf = self.folder / "pebble.json"
        self.conf.write_text(json.dumps({"pebble": settings}))
        self.dns = Process("challtestsrv", self.folder)

    def start(self):
        self.dns.spawn([shutil.which("pebble-challtestsrv"), "-dns01", f"127.0.0.1:{self.dns_port}", "-defaultIPv4",
                        "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "",
                        "-management", f"127.0.0.1:{free_port()}"])
        self.spawn([PEBBLE, "-config", str(self.conf), "-strict", "-dnsserver", f"127.0.0.1:{self.dns_port}"],
                   {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20"})
        wait_until(lambda: port_answers(self.port), 20, "pebble listens")
        root = http_get(self.management, "/roots/0", tls=True, name="localhost").body
        self.root = self.folder / "root.pem"
        self.root.write_bytes(root)
        return self

    def stop(self):
        self.end()
        self.dns.end()


@pytest.mark.skipif(not PEBBLE, reason="pebble is not installed")
@pytest.mark.parametrize("challenge, eab", [("http-01", None), ("tls-alpn-01", None),
                                            ("http-01", ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"))],
                         ids=["http-01", "tls-alpn-01", "external account"])
def test_against_pebble(site, tmp_path, challenge, eab):
    s = site(["a.example", "www.a.example"])
    pebble = Pebble(tmp_path, s.http, s.https, eab).start()
    try:
        binding = f'eab_key_id = "{eab[0]}"\neab_key = "{eab[1]}"\n' if eab else ""
        s.start(f'[acme]\ndirectory = "https://localhost:{pebble.port}/dir"\nca_file = "{pebble.ca_file}"\naccept_terms = true\n'
                f'contact = ["a@a.example"]\nretry = "1s"\nchallenge = "{challenge}"\n{binding}')
        first = wait_until(lambda: s.handshake(pebble.root), 40, "HTTPS with a certificate of pebble")
        assert s.handshake(pebble.root, "www.a.example")
        s.wait_state("good")
        told = run_genkan("acme", "renew", "-c", s.g.file)
        assert told.returncode == 0, told
        wait_until(lambda: s.handshake(pebble.root) != first, 10, "another certificate is served")
    finally:
        pebble.stop()

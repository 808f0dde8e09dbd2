"""Certificates from a CA by ACME: from nothing to HTTPS, renewal under load, a CA that is away or ill, what operators see.

The CA is Debian's pebble, and tests/e2e/acme_double.py where something has to go wrong.
"""
import json
import shutil
import signal
import socket
import ssl
import stat
import threading
import time

import pytest

from acme_double import AcmeDouble
from harness import Http, Process, free_port, http_get, port_answers, run_genkan, wait_until

PEBBLE = shutil.which("pebble")


class Site:
    """A Genkan with a plain and a TLS port whose certificate comes from a CA."""

    def __init__(self, genkan, names=("a.example",), name="genkan"):
        self.make, self.names, self.name = genkan, list(names), name
        self.http, self.https = free_port(), free_port()
        self.g = None

    def text(self, acme, names=None):
        listed = json.dumps(list(names or self.names))
        return f'''
            {acme}
            [[certificate]]
            acme = true
            names = {listed}
            [[listen]]
            name = "plain"
            address = ["127.0.0.1:{self.http}"]
            [[listen]]
            name = "tls"
            address = ["127.0.0.1:{self.https}"]
            tls = true
            [[route]]
            status = 200
            body = "served"
        '''

    def start(self, acme, **more):
        self.g = self.make(self.text(acme), name=self.name, **more)
        return self.g

    def shown(self, at=0):
        return self.g.api("/api/v1/acme").json()["certificates"][at]

    def wait_state(self, state, timeout=20):
        return wait_until(lambda: self.shown()["state"] == state and self.shown(), timeout, f"the certificate is {state}")

    def issued(self, ca, timeout=20):
        """Waits for a certificate of that CA at the port; returns it as DER."""
        return wait_until(lambda: self.handshake(ca.ca_file), timeout, "HTTPS with a certificate of the CA")

    def handshake(self, ca_file=None, name=None):
        """The certificate that is served, DER; verified when there is a CA (an OSError when it is not good)."""
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", self.https), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=name or self.names[0]) as s:
                return s.getpeercert(True)


@pytest.fixture
def site(genkan):
    return lambda *args, **more: Site(genkan, *args, **more)


@pytest.fixture
def ca(tmp_path):
    made = []

    def make(site=None, **more):
        ports = {"http_port": site.http, "tls_port": site.https} if site else {}
        one = AcmeDouble(tmp_path / f"ca{len(made)}", **ports, **more)
        made.append(one)
        return one
    yield make
    for one in made:
        one.stop()
    assert not any(one.problems for one in made), [one.problems for one in made]


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


# --- a CA that is away or ill -------------------------------------------------------------------------------------------------
def test_without_the_ca_the_old_certificate_goes_on(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    c.stop()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 75 and "no connection to the CA" in told.stderr and "To do: " in told.stderr
    assert s.handshake(c.ca_file) == first
    shown = run_genkan("acme", "status", "-c", s.g.file)
    assert shown.returncode == 75 and "failed: " in shown.stdout and "a.example" in shown.stdout
    line = s.g.wait_log("could not be ordered")[-1]
    assert "the one that is good until" in line and "advice" in line
    c.start()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 0, told
    assert s.handshake(c.ca_file) != first
    assert run_genkan("acme", "status", "-c", s.g.file).returncode == 0


@pytest.mark.parametrize("step, kind, times", [
    ("newOrder", "badNonce", 3), ("finalize", "badNonce", 1), ("newAccount", "503", 2), ("directory", "500", 1), ("authz", "502", 1),
    ("newNonce", "close", 1), ("cert", "close", 1)])
def test_what_passes_is_tried_again_within_the_order(site, ca, step, kind, times):
    s = site()
    c = ca(s)
    c.fault(step, kind, times)
    s.start(c.conf())
    s.issued(c, 30)
    assert s.g.metrics()['genkan_acme_orders_total{result="failed"}'] == 0


def test_an_order_that_takes_its_time(site, ca):
    s = site()
    c = ca(s)
    c.processing, c.seconds = 3, 1
    s.start(c.conf())
    s.issued(c, 30)
    assert c.count("order") == 2  # and what finalize said


@pytest.mark.parametrize("step, kind, words", [
    ("directory", "html", "no JSON but `text/html`"), ("directory", "garbage", "no directory"),
    ("newOrder", "garbage", "order can't be read"), ("authz", "html", "no JSON"), ("newOrder", "403", "HTTP status 403"),
    ("cert", "html", "the certificate came as `text/html`"), ("validation", "deny", "denied by the test"),
    ("newOrder", "302", "HTTP status 302")])
def test_what_does_not_pass_fails_with_a_reason_and_is_ordered_again_later(site, ca, step, kind, words):
    s = site()
    c = ca(s)
    c.fault(step, kind)
    s.start(c.conf())
    line = s.g.wait_log("could not be ordered", 30)[0]
    assert words in line and "a self-signed one" in line, line
    s.issued(c, 30)
    assert s.wait_state("good")["error"] == ""


@pytest.mark.parametrize("kind, words", [("truncated", "broke off"), ("endless", "does not end")])
def test_answers_that_do_not_end_are_cut(site, ca, kind, words):
    s = site()
    c = ca(s)
    c.fault("directory", kind, times=100)
    s.start(c.conf())
    line = s.g.wait_log("could not be ordered", 60)[0]
    assert words in line, line
    assert s.g.memory() < 400 << 20 and http_get(s.http, "/").text == "served"


def test_a_rate_limit_is_obeyed_over_a_restart(site, ca):
    s = site()
    c = ca(s)
    c.fault("newOrder", "rateLimited")
    s.start(c.conf())
    assert "rateLimited" in s.g.wait_log("could not be ordered", 30)[0]
    s.g.stop()
    asked = len(c.asked)
    s.start(c.conf())
    shown = s.wait_state("failed")
    assert "restart does not help" in shown["advice"]
    left = time.mktime(time.strptime(shown["next"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
    assert 3000 < left <= 3600
    assert len(c.asked) == asked
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0  # an operator may know better
    assert s.handshake(c.ca_file)


def test_a_revoked_account_says_what_to_do(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    first = s.issued(c)
    s.wait_state("good")
    c.revoke_accounts()
    told = run_genkan("acme", "renew", "-c", s.g.file)
    assert told.returncode == 75 and "the account is revoked" in told.stderr and "remove its key" in told.stderr
    assert s.handshake(c.ca_file) == first
    s.g.stop()
    (s.g.state / "acme" / "account.key").unlink()
    s.start(c.conf(retry='"1h"'))
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0
    assert len(c.accounts) == 2


def test_an_account_that_the_ca_has_forgotten_is_made_again(site, ca):
    s = site()
    c = ca(s)
    s.start(c.conf())
    s.issued(c)
    s.wait_state("good")
    c.accounts.clear()
    assert run_genkan("acme", "renew", "-c", s.g.file).returncode == 0


def test_a_ca_whose_https_is_not_good_gets_no_word(site, ca, tmp_path):
    s = site()
    c, other = ca(s), ca(s)
    s.start(c.conf(ca_file=f'"{other.ca_file}"'))
    assert "no TLS with the CA" in s.g.wait_log("could not be ordered", 40)[0]
    assert not c.asked


@pytest.mark.parametrize("kind", ["hang", "endless"])
def test_a_stop_in_the_middle_of_an_order_is_quick(site, ca, kind):
    s = site()
    c = ca(s)
    c.fault("newOrder", kind, times=100)
    s.start(c.conf())
    wait_until(lambda: c.count("newOrder") > 0, 20, "an order is under way")
    begun = time.monotonic()
    s.g.stop()
    assert time.monotonic() - begun < 10


def test_external_account_binding(site, ca):
    s = site()
    c = ca(s, eab=("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"))
    s.start(c.conf())
    assert "set `eab_key_id` and `eab_key`" in s.g.wait_log("could not be ordered", 30)[0]
    secret = c.eab[1]
    s.g.reload(s.text(c.conf(eab_key_id='"kid-1"', eab_key=f'"{secret}"')))
    s.issued(c, 30)
    assert secret not in s.g.log() and secret not in s.g.api("/api/v1/acme").text


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
        assert s.handshake(pebble.root) != first
    finally:
        pebble.stop()

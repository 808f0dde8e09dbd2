"""TLS to mail hosts of the world: DANE (RFC 7672), MTA-STS (RFC 8461), and the reports about them (RFC 8460)."""
import hashlib
import http.server
import json
import ssl
import subprocess
import threading

import pytest

from harness import free_port, wait_until
from mail_dns import Names
from mail_hop import Hop, make_certificate
from mail_peers import Talk
from test_smtp import depth

FAR, MX = "far.example", "mx.far.example"


def tlsa_of(pem, selector=1, matching=1):
    """The TLSA data for a certificate: 3 1 1 is SHA-256 of its public key."""
    what = (["openssl", "x509", "-in", pem, "-outform", "DER"] if selector == 0 else
            ["sh", "-c", f"openssl x509 -in {pem} -noout -pubkey | openssl pkey -pubin -outform DER"])
    der = subprocess.run(what, check=True, capture_output=True).stdout
    return der.hex() if matching == 0 else hashlib.new({1: "sha256", 2: "sha512"}[matching], der).hexdigest()


class Policy:
    """mta-sts.far.example: an HTTPS server of one file."""

    def __init__(self, context, text, status=200, kind="text/plain"):
        self.text, self.status, self.asked = text, status, 0
        policy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                policy.asked += self.path == "/.well-known/mta-sts.txt" and self.headers["Host"] == f"mta-sts.{FAR}"
                body = policy.text.encode()
                self.send_response(policy.status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    """far.example with its name server, its mail host with TLS, and a Genkan that sends there."""

    def __init__(self, genkan, tmp_path):
        self.genkan, self.folder, self.stops = genkan, tmp_path, []
        (tmp_path / "state").mkdir()
        self.tls, self.pem = make_certificate(tmp_path, MX)
        self.policy = self.hop = self.g = None

    def start(self, zone=None, secure=(), rows="dane = true", hop=None, policy=None, sts="enforce", sts_mx=MX, trusted=True, policy_name=None, server=Names):
        self.hop = hop or Hop(tls=self.tls)
        self.stops.append(self.hop)
        names = {FAR: [("MX", f"10 {MX}")], MX: [("A", "127.0.0.1")]}
        if sts and "mta_sts" in rows:
            context, pem = make_certificate(self.folder, policy_name or f"mta-sts.{FAR}")
            text = policy if policy is not None else f"version: STSv1\r\nmode: {sts}\r\nmx: {sts_mx}\r\nmax_age: 86400\r\n"
            self.policy = Policy(context, text)
            self.stops.append(self.policy)
            ca = self.folder / "ca.pem"
            ca.write_text(pem.read_text() + (self.pem.read_text() if trusted else ""))
            rows += f'\nmta_sts_port = {self.policy.port}\nmta_sts_ca = "{ca}"'
            names |= {f"_mta-sts.{FAR}": [("TXT", "v=STSv1; id=20260101T000000;")], f"mta-sts.{FAR}": [("A", "127.0.0.1")]}
        for name, value in (zone or {}).items():
            names[name.replace("PORT", str(self.hop.port))] = value
        dns = server(names, secure)
        self.stops.append(dns)
        self.dns, self.port = dns, free_port()
        self.g = self.genkan(f"""
            [node]
            name = "mx.example"
            state_dir = "{self.folder}/state"
            workers = 1
            drain_timeout = "5s"
            name_servers = ["{dns.address}"]
            [smtp]
            enabled = true
            hostname = "mx.example"
            min_free = "1MiB"
            retry_first = "1s"
            relay_from = ["127.0.0.1"]
            relay_for_others = "mx"
            mx_port = {self.hop.port}
            tls_reports = true
            {rows}
            [[smtp.listen]]
            address = ["127.0.0.1:{self.port}"]
        """)
        return self

    def send(self):
        with Talk(self.port) as talk:
            assert talk.message(f"u@{FAR}", "Subject: x\r\n\r\n").startswith("250")

    def arrives(self, tls=True):
        self.send()
        assert self.hop.wait()[-1].tls == tls

    def waits(self, why):
        self.send()
        wait_until(lambda: any(why in d["last_error"] for d in self.g.api("/api/v1/queue").json()["destinations"]), 30, f"it waits: {why}")
        assert depth(self.g) == 1 and not self.hop.mails

    def report(self):
        """The policies of today's reports, after a stop."""
        self.g.stop()
        files = list((self.folder / "state" / "tls-reports").glob(f"mx.example!{FAR}!*.json"))
        assert len(files) == 1
        report = json.loads(files[0].read_text())
        assert report["organization-name"] == "mx.example" and report["contact-info"] == "postmaster@mx.example"
        assert report["date-range"]["start-datetime"] <= report["date-range"]["end-datetime"] and report["report-id"]
        return {p["policy"]["policy-type"]: p for p in report["policies"]}

    def stop(self):
        for one in self.stops:
            one.stop()


@pytest.fixture
def world(genkan, tmp_path):
    one = World(genkan, tmp_path)
    yield one
    one.stop()


def failures(policy):
    return {d["result-type"] for d in policy.get("failure-details", [])}


@pytest.mark.parametrize("usage,selector,matching", [(3, 1, 1), (3, 0, 2), (3, 0, 0)])
def test_dane_delivers_to_whom_the_records_name(world, usage, selector, matching):
    data = tlsa_of(world.pem, selector, matching)
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"{usage} {selector} {matching} {data}")]}, secure=[FAR, f".{FAR}"])
    world.arrives()
    policy = world.report()["tlsa"]
    assert policy["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0}
    assert policy["policy"]["policy-domain"] == FAR
    assert policy["policy"]["policy-string"] == [f"{usage} {selector} {matching} {data}"]


def issue(folder, name):
    """A server context for `name` whose certificate, with a chain, is from an authority of its own; that one's file."""
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=A test authority", "-keyout", "ca.key", "-out", "own-ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=leaf", "-addext", f"subjectAltName=DNS:{name}", "-keyout", "leaf.key", "-out", "leaf.csr")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "own-ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions", "copy",
            "-out", "leaf.pem")
    (folder / "chain.pem").write_text((folder / "leaf.pem").read_text() + (folder / "own-ca.pem").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "leaf.key")
    return context, folder / "own-ca.pem"


@pytest.mark.parametrize("name,good", [(MX, True), (FAR, True), ("mx.other.example", False)])
def test_an_authority_in_the_records_vouches_for_the_host_and_the_domain(world, name, good):
    context, ca = issue(world.folder, name)
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"2 0 1 {tlsa_of(ca, 0, 1)}")]}, secure=[FAR, f".{FAR}"], hop=Hop(tls=context))
    if good:
        world.arrives()
    else:
        world.waits("TLS")
        assert failures(world.report()["tlsa"]) == {"certificate-host-mismatch"}


def test_dane_does_not_deliver_to_anybody_else(world):
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"3 1 1 {'ab' * 32}")]}, secure=[FAR, f".{FAR}"])
    world.waits("TLS")
    assert not world.hop.said("MAIL")
    policy = world.report()["tlsa"]
    assert failures(policy) == {"validation-failure"} and policy["failure-details"][0]["receiving-mx-hostname"] == MX


def test_dane_does_not_deliver_in_the_clear(world):
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"3 1 1 {tlsa_of(world.pem)}")]}, secure=[FAR, f".{FAR}"], hop=Hop())
    world.waits("TLS is required")
    assert failures(world.report()["tlsa"]) == {"starttls-not-supported"}


def test_dane_waits_while_dns_hides_the_records(world):
    world.start({f"_PORT._tcp.{MX}": "servfail"}, secure=[FAR, f".{FAR}"])
    world.waits("DANE or MTA-STS forbids it")
    assert world.hop.sessions == 0


@pytest.mark.parametrize("secure", [[], [FAR], [MX, f"_PORT._tcp.{MX}"], [FAR, MX]])
def test_records_that_nobody_vouches_for_count_nothing(world, secure):
    hop = Hop(tls=world.tls)
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"3 1 1 {'ab' * 32}")]}, secure=[s.replace("PORT", str(hop.port)) for s in secure], hop=hop)
    world.arrives()
    assert world.report()["no-policy-found"]["summary"]["total-successful-session-count"] == 1


def test_records_that_mail_does_not_go_by_ask_for_encryption_only(world):
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"1 1 1 {'ab' * 32}")]}, secure=[FAR, f".{FAR}"])
    world.arrives()


def test_without_a_policy_mail_goes_in_the_clear_and_the_report_says_so(world):
    world.start(secure=[FAR, f".{FAR}"], hop=Hop())
    world.arrives(tls=False)
    assert failures(world.report()["no-policy-found"]) == {"starttls-not-supported"}


def test_mta_sts_delivers_to_whom_the_policy_names_and_keeps_it(world):
    world.start(rows="mta_sts = true")
    world.arrives()
    world.policy.stop()
    world.dns.zone[f"_mta-sts.{FAR}"] = "servfail"  # who can silence DNS and the server can not make it forget
    world.stops.remove(world.policy)
    world.g.stop()
    world.hop.tls = None
    world.g.start()
    world.hop.mails.clear()
    world.waits("TLS is required")
    assert world.policy.asked == 1
    world.g.stop()
    reports = [json.loads(f.read_text()) for f in sorted((world.folder / "state" / "tls-reports").iterdir())]
    first, second = (r["policies"][0] for r in sorted(reports, key=lambda r: r["date-range"]["start-datetime"]))
    assert first["policy"]["policy-type"] == "sts" and first["policy"]["mx-host"] == [MX] and "mode: enforce" in first["policy"]["policy-string"]
    assert first["summary"]["total-successful-session-count"] == 1 and failures(second) == {"starttls-not-supported"}


def test_mta_sts_does_not_deliver_to_a_host_that_nobody_vouches_for(world):
    world.start(rows="mta_sts = true", trusted=False)
    world.waits("TLS")
    assert failures(world.report()["sts"]) == {"certificate-not-trusted"} and not world.hop.said("MAIL")


def test_mta_sts_does_not_deliver_to_a_host_that_the_policy_does_not_name(world):
    world.start(rows="mta_sts = true", sts_mx="*.other.example")
    world.waits("DANE or MTA-STS forbids it")
    assert failures(world.report()["sts"]) == {"validation-failure"} and world.hop.sessions == 0


def test_a_policy_in_testing_only_reports(world):
    world.start(rows="mta_sts = true", sts="testing", trusted=False)
    world.arrives()
    assert failures(world.report()["sts"]) == {"certificate-not-trusted"}


@pytest.mark.parametrize("more,failure", [
    ({"policy": "version: STSv1\nmode: sometimes\nmx: mx.far.example\nmax_age: 1\n"}, "sts-policy-invalid"),
    ({"policy_name": "mta-sts.other.example"}, "sts-webpki-invalid"),
    ({"zone": {f"mta-sts.{FAR}": "servfail"}}, "sts-policy-fetch-error"),
])
def test_a_policy_that_cannot_be_had_holds_nothing_up(world, more, failure):
    world.start(rows="mta_sts = true", trusted=False, **more)
    world.arrives()
    assert failures(world.report()["sts"]) == {failure}


def test_dane_goes_before_mta_sts(world):
    world.start({f"_PORT._tcp.{MX}": [("TLSA", f"3 1 1 {tlsa_of(world.pem)}")]}, secure=[FAR, f".{FAR}"],
                rows="dane = true\nmta_sts = true", sts_mx="*.other.example", trusted=False)
    world.arrives()
    assert world.report()["tlsa"]["summary"]["total-successful-session-count"] == 1

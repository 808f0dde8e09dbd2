"""DANE with a real validating resolver: unbound, and a zone that ldns-signzone signed. What it vouches for is believed, what it
calls bogus holds mail up, what is not signed counts nothing."""
import shutil
import socket
import subprocess
import tempfile

from harness import Process, free_port, wait_until
from mail_hop import Hop
from test_smtp_tls_policy import FAR, MX, failures, tlsa_of
from test_smtp_tls_policy import world  # noqa: F401 (a fixture)

UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/bin") or "unbound"  # ./dev test installs it, and ldnsutils


class Validating(Process):
    """unbound with one zone, `far.example`, whose key it trusts. `change`: what is done to the zone after it was signed."""

    def __init__(self, names, _secure, change=None, sign=True, options=()):
        super().__init__("unbound", tempfile.mkdtemp(prefix="genkan-unbound-"))
        self.port = free_port()
        zone = self.folder / "zone"
        zone.write_text(self.zone_text(names))
        anchor = ""
        if sign:
            keys = [self.key("-k"), self.key()]
            self.run("ldns-signzone", *options, "-f", zone, zone, *keys)
            anchor = f'trust-anchor-file: "{self.folder}/{keys[0]}.key"'
        if change:
            zone.write_text(change(zone.read_text()))
        conf = self.folder / "unbound.conf"
        conf.write_text(f"""
server:
  interface: 127.0.0.1
  port: {self.port}
  directory: "{self.folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "validator iterator"
  val-log-level: 2
  {anchor}
auth-zone:
  name: "{FAR}"
  zonefile: "{zone}"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
remote-control:
  control-enable: no
""")
        self.spawn([UNBOUND, "-d", "-p", "-c", str(conf)])
        wait_until(self.answers, 20, f"unbound answers: {self.log()}")

    @staticmethod
    def zone_text(names):
        rows = [f"$ORIGIN {FAR}.", "$TTL 60", f"@ IN SOA ns.{FAR}. host.{FAR}. 1 3600 600 86400 60", f"@ IN NS ns.{FAR}.", "ns IN A 127.0.0.1"]
        for name, records in names.items():
            for kind, value in records:
                rows.append(f"{name}. IN {kind} {value + '.' if kind == 'MX' else value}")
        return "\n".join(rows) + "\n"

    def run(self, *command):
        return subprocess.run(list(map(str, command)), cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def key(self, *options):
        return self.run("ldns-keygen", "-a", "ECDSAP256SHA256", *options, FAR).strip()

    def answers(self):
        assert self.running(), self.log()
        with socket.create_connection(("127.0.0.1", self.port), timeout=2):
            return True

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(world, data, hop=None, **how):
    """The world with a TLSA record of this data; how: for Validating."""
    hop = hop or Hop(tls=world.tls)
    return world.start({f"_{hop.port}._tcp.{MX}": [("TLSA", f"3 1 1 {data}")]}, hop=hop, server=lambda names, secure: Validating(names, secure, **how))


def test_mail_goes_to_whom_the_signed_zone_names(world):
    start(world, tlsa_of(world.pem)).arrives()
    policy = world.report()["tlsa"]
    assert policy["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0}


def test_mail_does_not_go_to_anybody_else(world):
    start(world, "ab" * 32).waits("TLS")
    assert not world.hop.said("MAIL")
    assert failures(world.report()["tlsa"]) == {"validation-failure"}


def test_mail_does_not_go_in_the_clear(world):
    start(world, tlsa_of(world.pem), hop=Hop()).waits("TLS is required")


def forged(kind, old, new):
    """Changes the data of one record, and leaves its signature."""
    def change(text):
        lines = text.splitlines(keepends=True)
        mine = [i for i, line in enumerate(lines) if f"\t{kind}\t" in line and old in line.lower()]
        assert len(mine) == 1, text
        lines[mine[0]] = lines[mine[0]].replace(old, new).replace(old.upper(), new)
        return "".join(lines)
    return change


def test_records_with_a_bogus_signature_hold_mail_up(world):
    good = tlsa_of(world.pem)
    start(world, "ab" * 32, change=forged("TLSA", "ab" * 32, good)).waits("DANE or MTA-STS forbids it")
    assert world.hop.sessions == 0
    assert world.dns.log_lines("validation failure"), world.dns.log()


def test_signatures_that_have_ended_hold_mail_up(world):
    start(world, tlsa_of(world.pem), options=("-i", "20200101", "-e", "20200201"))
    world.send()
    wait_until(lambda: any(d["last_error"] for d in world.g.api("/api/v1/queue").json()["destinations"]), 30, "it waits")
    assert world.hop.sessions == 0 and world.dns.log_lines("signature expired"), world.dns.log()


def test_a_zone_that_is_not_signed_promises_nothing(world):
    start(world, "ab" * 32, sign=False).arrives()
    assert world.report()["no-policy-found"]["summary"]["total-successful-session-count"] == 1


def test_a_record_that_was_taken_out_of_a_signed_zone_is_missed(world):
    """Who takes the TLSA record away can't take away the proof that it was there (NSEC): the answer is bogus."""
    def change(text):
        return "".join(line for line in text.splitlines(keepends=True) if "\tTLSA\t" not in line and "RRSIG\tTLSA" not in line)
    start(world, tlsa_of(world.pem), change=change).waits("DANE or MTA-STS forbids it")
    assert world.hop.sessions == 0

"""Local mailboxes: quota, how soon mail is seen in the webmail; and next hops over IPv6."""
import base64
import json
import socket
import threading
import time

import pytest

from harness import SLOW, free_port, http_get, run_genkan, wait_until
from mail_dns import Names
from mail_hop import Hop, make_certificate
from mail_peers import Talk
from test_smtp import depth, site, wait_empty

USER, PASSWORD = "ann@example.org", "correct horse"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def mailbox_site(smtp, http, rows=""):
    return f"""
        [[listen]]
        address = ["127.0.0.1:{http}"]
        [[pool]]
        name = "webmail"
        webmail = true
        [[route]]
        path_prefix = "/webmail/"
        pool = "webmail"
        [smtp]
        enabled = true
        yield = false
        hostname = "mx.example"
        min_free = "1MiB"
        retry_first = "1s"
        retry_max = "2s"
        {rows}
        [[smtp.listen]]
        address = ["127.0.0.1:{smtp}"]
        [[smtp.route]]
        domains = ["example.org"]
        local = true
        [webmail]
        enabled = true
        domains = ["example.org"]
        secure_cookie = false
    """


class House:
    def __init__(self, genkan, rows=""):
        self.smtp, self.http = free_port(), free_port()
        self.g = genkan(mailbox_site(self.smtp, self.http, rows), start=False)
        self.g.state.mkdir(exist_ok=True)
        added = run_genkan("user", "add", USER, "-c", self.g.file, stdin=f"{PASSWORD}\n")
        assert added.returncode == 0, added.stderr
        self.g.start()
        self.maildir = self.g.state / "mail" / "example.org" / "ann"

    def send(self, subject, size=0):
        with Talk(self.smtp, timeout=30) as talk:
            return talk.message(USER, f"Subject: {subject}\r\n\r\n" + ("x" * 98 + "\r\n") * (size // 100))

    def rcpt(self, to=USER):
        with Talk(self.smtp) as talk:
            talk.say("EHLO client.example")
            talk.say("MAIL FROM:<s@client.example>")
            return talk.say(f"RCPT TO:<{to}>")

    def jmap(self, *calls):
        session = http_get(self.http, "/webmail/jmap/session", fields=BASIC, timeout=30).json()
        account = next(iter(session["accounts"]))
        body = {"using": list(session["capabilities"]), "methodCalls": [[name, {"accountId": account, **args}, str(i)] for i, (name, args) in enumerate(calls)]}
        done = http_get(self.http, "/webmail/jmap/api", method="POST", body=json.dumps(body).encode(), fields={**BASIC, "Content-Type": "application/json"}, timeout=30)
        assert done.status == 200, done.text
        return [one[1] for one in done.json()["methodResponses"]]

    def mails(self):
        return self.jmap(("Email/query", {}))[0]["ids"]

    def delivered(self, count):
        wait_until(lambda: len(list((self.maildir / "new").glob("*"))) + len(list((self.maildir / "cur").glob("*"))) == count, 30, f"{count} mails")

    def usage(self):
        """Octets and messages that maildirsize comes to."""
        lines = (self.maildir / "maildirsize").read_text().splitlines()
        assert lines[0] == "100000S"
        return tuple(sum(column) for column in zip(*(map(int, line.split()) for line in lines[1:])))

    def really(self):
        files = [p for part in ("new", "cur") for p in (self.maildir / part).glob("*")]
        return sum(p.stat().st_size for p in files), len(files)


def test_a_full_mailbox_is_told_at_rcpt_and_takes_mail_again_when_some_was_deleted(genkan):
    house = House(genkan, 'mailbox_quota = 100000')
    assert house.send("one", 60_000).startswith("250")
    house.delivered(1)
    assert house.send("two", 60_000).startswith("250"), "whether it fits is not known before it is there"
    wait_until(lambda: any("452 4.2.2" in d["last_error"] or d["waiting"] for d in house.g.api("/api/v1/queue").json()["destinations"]), 30, "it waits")
    assert house.rcpt().startswith("250"), "smaller ones still fit"
    assert house.send("three", 30_000).startswith("250")
    house.delivered(2)
    assert house.usage() == house.really()
    assert house.send("four", 9_000).startswith("250")
    house.delivered(3)
    (house.maildir / "new" / "by-another-program").write_bytes(b"x" * 5_000)
    (house.maildir / "maildirsize").unlink()
    wait_until(lambda: house.rcpt().startswith("452 4.2.2"), 30, "it is full, also by what others put there", every=0.2)
    assert house.usage() == house.really()
    assert house.rcpt("postmaster@example.org").startswith("250")

    ids = house.mails()
    assert len(ids) == 4
    house.jmap(("Email/set", {"destroy": ids}))
    wait_until(lambda: house.rcpt().startswith("250"), 30, "there is room", every=0.2)
    wait_empty(house.g)
    house.delivered(1)
    assert house.usage() == house.really() and 60_000 < house.usage()[0] < 62_000, "the one that waited is there"


def test_a_full_mailbox_refuses_for_good_where_that_is_wanted(genkan):
    house = House(genkan, 'mailbox_quota = 100000\nover_quota = "reject"')
    assert house.send("one", 99_500).startswith("250")
    house.delivered(1)
    assert house.send("two", 5_000).startswith("250")
    wait_until(lambda: "552 5.2.2" in house.g.log(), 30, "what does not fit goes back")
    (house.maildir / "new" / "by-another-program").write_bytes(b"x" * 5_000)
    (house.maildir / "maildirsize").unlink()
    wait_until(lambda: house.rcpt().startswith("552 5.2.2"), 30, "it is told", every=0.2)
    house.g.reload(house.g.file.read_text().replace("mailbox_quota = 100000", "mailbox_quota = 200000"))
    wait_until(lambda: house.rcpt().startswith("250"), 30, "a larger quota holds at once", every=0.2)


def events(port, seen):
    """Reads the event stream; the times of its state events go into `seen`."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.sendall(f"GET /webmail/jmap/events?types=*&closeafter=no&ping=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n\r\n".encode())
        while len(seen) < 100:
            data = s.recv(65536)
            if not data:
                return
            if b": open" in data:
                seen.append(("open", time.monotonic()))
            if b"event: state" in data:
                seen.append(("state", time.monotonic()))


def test_mail_is_seen_in_the_webmail_within_a_second(genkan):
    house = House(genkan)
    seen = []
    threading.Thread(target=events, args=(house.http, seen), daemon=True).start()
    wait_until(lambda: seen, 30, "the stream is open")
    took = []
    for i in range(5):
        before = len(seen)
        assert house.send(f"m{i}").startswith("250")
        accepted = time.monotonic()
        wait_until(lambda: len(seen) > before, 30, "the browser is told")
        subjects = house.jmap(("Email/query", {}), ("Email/get", {"ids": None, "properties": ["subject"]}))[1]
        assert f"m{i}" in [m["subject"] for m in subjects["list"]], "and finds it"
        took.append(time.monotonic() - accepted)
    assert max(took) < 1.0 * SLOW, took


# --- IPv6

def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no ::1 on this machine")


@needs_ipv6
def test_a_relay_over_ipv6(genkan, tmp_path):
    tls, _ = make_certificate(tmp_path)
    hop, port = Hop(host="::1", tls=tls), free_port()
    try:
        g = genkan(site(port, []) + f'[[smtp.relay.member]]\naddress = "[::1]:{hop.port}"\n')
        with Talk(port) as talk:
            assert talk.message("u@next.example", "Subject: six\r\n\r\n").startswith("250")
        mail = hop.wait()[0]
        assert mail.own == b"Subject: six\r\n\r\n" and mail.tls
        wait_empty(g)
        assert "remote=[::1]:" in g.log()
    finally:
        hop.stop()


@needs_ipv6
@pytest.mark.parametrize("v4", [[], [("A", "127.0.0.1")]], ids=["only", "beside"])
def test_a_mail_host_over_ipv6(genkan, tmp_path, v4):
    """With an IPv4 address beside it where nobody listens: the host is reached all the same."""
    hop, port = Hop(host="::1"), free_port()
    dns = Names({"six.example": [("MX", "10 mx.six.example")], "mx.six.example": [("AAAA", "::1"), *v4]})
    (tmp_path / "state").mkdir()
    try:
        g = genkan(f"""
            [node]
            name = "mx.example"
            state_dir = "{tmp_path}/state"
            drain_timeout = "5s"
            name_servers = ["{dns.address}"]
            [smtp]
            enabled = true
            hostname = "mx.example"
            min_free = "1MiB"
            retry_first = "1s"
            relay_from = ["127.0.0.1"]
            relay_for_others = "mx"
            mx_port = {hop.port}
            [[smtp.listen]]
            address = ["127.0.0.1:{port}"]
        """)
        with Talk(port) as talk:
            assert talk.message("u@six.example", "Subject: six\r\n\r\n").startswith("250")
        assert hop.wait()[0].own == b"Subject: six\r\n\r\n"
        wait_until(lambda: depth(g) == 0, 30, "the queue is empty")
    finally:
        hop.stop()
        dns.stop()

"""Sieve at local delivery: scripts set with `genkan user sieve`, mail by SMTP, what becomes of it."""
import email
import email.policy
import time

import dkim
import pytest

from harness import free_port, run_genkan, wait_until
from mail_auth import Key, dkim_lookup
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import add_user, depth, wait_empty

BOB, ANN = "bob@home.example", "ann@far.example"


class House:
    """A node with the mailboxes of home.example; everything else goes to a hop of ours."""

    def __init__(self, genkan, rows="", more="", users=(BOB,)):
        self.hop, self.port = Hop(), free_port()
        self.conf = f"""
            [smtp]
            enabled = true
            yield = false
            hostname = "mx.home.example"
            min_free = "1MiB"
            retry_first = "1s"
            retry_max = "1s"
            relay_from = ["127.0.0.1"]
            relay_for_others = "world"
            log = "MAILLOG"
            {rows}
            [[smtp.listen]]
            address = ["127.0.0.1:{self.port}"]
            [[smtp.route]]
            domains = ["home.example"]
            local = true
            [[smtp.route]]
            domains = ["nowhere.example"]
            relay = "nobody"
            [[smtp.relay]]
            name = "world"
            [[smtp.relay.member]]
            address = "127.0.0.1:{self.hop.port}"
            [[smtp.relay]]
            name = "nobody"
            [[smtp.relay.member]]
            address = "127.0.0.1:1"
            {more}
        """
        self.g = genkan(self.conf, start=False)
        self.g.state.mkdir(exist_ok=True)
        self.log = self.g.state / "mail.log"
        self.g.file.write_text(self.g.file.read_text().replace("MAILLOG", str(self.log)))
        for user in users:
            add_user(self.g, user)
        self.g.start()

    def sieve(self, script, user=BOB):
        done = run_genkan("user", "sieve", user, "-", "-c", self.g.file, stdin=script)
        assert done.returncode == 0, done.stderr
        return self

    def send(self, subject="hello", to=BOB, sender=ANN, fields="", body="text\r\n"):
        with Talk(self.port, timeout=30) as talk:
            content = f"From: <{sender or 'daemon@far.example'}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@far.example>\r\n{fields}\r\n{body}"
            assert talk.message(to, content, sender=sender).startswith("250")
        return self

    def files(self, folder="", user=BOB):
        name, domain = user.split("@")
        where = self.g.state / "mail" / domain / name / folder
        return [p for part in ("new", "cur") for p in sorted((where / part).glob("*"))]

    def has(self, count, folder="", user=BOB):
        wait_until(lambda: len(self.files(folder, user)) == count, 30, f"{count} mails in {folder or 'the inbox'}: {self.files(folder, user)}")
        return [p.read_bytes() for p in self.files(folder, user)]

    def replies(self):
        return self.log.read_text()

    def stop(self):
        self.hop.stop()


@pytest.fixture
def house(genkan):
    made = []

    def make(*args, **more):
        made.append(House(genkan, *args, **more))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def test_mail_is_sorted_into_folders_with_flags_and_thrown_away(house):
    h = house()
    h.sieve('''require ["fileinto", "mailbox", "imap4flags", "variables", "subaddress", "envelope"];
        if header :contains "subject" "junk" { discard; stop; }
        if envelope :matches :detail "to" "*" { fileinto :create "Lists/${1}"; stop; }
        if header :matches "subject" "[*] *" { addflag "\\\\Flagged"; fileinto :create :flags ["\\\\Seen", "${1}"] "Work"; stop; }
        if header :is "subject" "important" { addflag "\\\\Flagged"; }''')
    h.send("junk mail").send("[x] plan").send("to a list", to="bob+talk@home.example").send("important").send("plain")
    assert b"Subject: [x] plan\r\n" in h.has(1, ".Work")[0] and h.files(".Work")[0].name.endswith(":2,S")
    mail = h.has(1, ".Lists.talk")[0]
    assert mail.startswith(f"Return-Path: <{ANN}>\r\nDelivered-To: bob+talk@home.example\r\n".encode())
    h.has(2)
    assert [p.name.endswith(":2,F") for p in h.files() if b"Subject: important" in p.read_bytes()] == [True]
    wait_empty(h.g)
    log = h.replies()
    assert "filed into Work" in log and "discarded by the user's script" in log


def test_mail_is_sent_on_as_it_is_and_kept_where_asked(house):
    h = house(users=(BOB, "carol@home.example"))
    h.sieve('''require "copy"; if header :is "subject" "both" { redirect :copy "eve@far.example"; }
        elsif header :is "subject" "two" { redirect "eve@far.example"; redirect "carol@home.example"; }
        else { redirect "eve@far.example"; }''')
    h.send("away", body="..dot\r\n8-bit \u00e9\r\n")
    (mail,) = h.hop.wait(1)
    assert mail.sender == ANN and mail.rcpts[0].startswith("RCPT TO:<eve@far.example>")
    assert mail.content.endswith("Subject: away\r\nMessage-ID: <away@far.example>\r\n\r\n.dot\r\n8-bit \u00e9\r\n".encode())
    assert b"\r\nX-Sieve-Redirected-From: bob@home.example\r\n" in mail.content and mail.content.count(b"Received: ") == 2
    h.send("both")
    h.hop.wait(2)
    h.has(1)
    h.send("two")
    h.hop.wait(3)
    h.has(1, user="carol@home.example")
    wait_empty(h.g)
    assert len(h.files()) == 1


def test_two_who_send_on_to_each_other_end_in_a_mailbox(house):
    h = house(users=(BOB, "carol@home.example"))
    h.sieve('redirect "carol@home.example";').sieve('redirect "bob@home.example";', "carol@home.example")
    h.send("round")
    mail = h.has(1)[0]
    assert b"X-Sieve-Redirected-From: carol@home.example" in mail and b"X-Sieve-Redirected-From: bob@home.example" in mail
    wait_empty(h.g)
    assert not h.files(user="carol@home.example")
    h.g.wait_log("it was sent on before and came back")


def test_what_nobody_takes_is_kept_and_what_waits_does_not_lose_it(house):
    h = house()
    h.sieve('redirect "nobody@home.example";').send("kept")
    h.has(1)
    h.sieve('redirect "x@nowhere.example";').send("waits")  # the redirect is in the queue; that its next hop is down is not ours
    wait_until(lambda: depth(h.g) == 1, 30, "it waits in the queue")
    assert len(h.files()) == 1
    h.sieve("".join(f'redirect "u{i}@far.example";' for i in range(6))).send("too many")
    h.has(2)
    assert not h.hop.mails
    h.g.wait_log("more than 4 redirects")


def test_a_vacation_is_answered_once_by_the_rules_and_after_a_restart(house):
    h = house(users=(BOB, "carol@home.example"))
    h.sieve('''require "vacation"; vacation :days 2 :subject "Gr\u00fc\u00dfe" "I am away \u2603\nuntil Monday.";''')
    h.send("one", fields="References: <zero@far.example>\r\n")
    (mail,) = h.hop.wait(1)
    answer = parsed(mail.content)
    assert mail.sender == "" and mail.rcpts == [f"RCPT TO:<{ANN}>"]
    assert answer["from"] == "bob@home.example" and answer["to"] == ANN and answer["subject"] == "Gr\u00fc\u00dfe"
    assert answer["in-reply-to"] == "<one@far.example>" and answer["references"] == "<zero@far.example> <one@far.example>"
    assert answer["auto-submitted"].startswith("auto-replied")
    assert answer.get_content().splitlines() == ["I am away \u2603", "until Monday."]
    h.send("two").send("three", fields="List-Id: <l.far.example>\r\n", sender="x1@far.example").send("four", sender="")
    h.send("five", fields="Auto-Submitted: auto-generated\r\n", sender="x2@far.example").send("six", fields="Precedence: bulk\r\n", sender="x3@far.example")
    h.send("seven", sender="owner-l@far.example").send("eight", sender=BOB)
    with Talk(h.port) as talk:
        assert talk.message(BOB, "From: x4@far.example\r\nTo: others@home.example\r\nSubject: nine\r\n\r\n", sender="x4@far.example").startswith("250")
    h.has(9)
    h.g.stop()
    h.g.start()
    h.send("ten").send("eleven", sender="eve@far.example")
    h.has(11)
    wait_empty(h.g)
    assert [m.rcpts for m in h.hop.wait(2)] == [[f"RCPT TO:<{ANN}>"], ["RCPT TO:<eve@far.example>"]]


def test_two_on_holiday_do_not_answer_each_other_for_ever(house):
    h = house(users=(BOB, "carol@home.example"))
    for user in (BOB, "carol@home.example"):
        h.sieve('require ["vacation", "vacation-seconds"]; vacation :seconds 0 "away";', user)
    h.send("hi", sender="carol@home.example")
    h.has(1)
    h.has(1, user="carol@home.example")
    wait_empty(h.g)
    assert len(h.files()) == 1 and len(h.files(user="carol@home.example")) == 1


def test_a_refusal_goes_back_as_a_report(house):
    h = house()
    h.sieve('require "reject"; reject text:\nNo such\nwishes.\n.\n;').send("please")
    (report,) = h.hop.wait(1)
    assert report.sender == "" and b"Status: 5.7.1\r\n" in report.content and b"No such wishes." in report.content
    wait_empty(h.g)
    assert not h.files()


def test_a_script_that_is_broken_on_the_disk_keeps_the_mail(house):
    h = house()
    path = h.g.state / "sieve" / "home.example" / "bob.sieve"
    h.sieve("discard;")
    path.write_text("if true {")
    h.send("one")
    h.has(1)
    h.g.wait_log("bob.sieve:1:10")
    path.write_bytes(b"\xff\x00")
    h.send("two")
    h.has(2)
    path.unlink()
    path.mkdir()
    h.send("three")
    h.has(3)
    wait_empty(h.g)


def test_mail_for_a_mailbox_that_is_not_there_or_can_not_be_written_is_in_the_inbox(house):
    h = house()
    h.sieve('require "fileinto"; fileinto "Work";').send("one")
    h.has(1)
    h.g.wait_log("there is no such mailbox")
    (h.g.state / "mail/home.example/bob/.Work").mkdir()
    (h.g.state / "mail/home.example/bob/.Work/cur").write_text("")
    h.send("two")
    h.has(2)
    wait_empty(h.g)


def test_the_sites_script_runs_before_everybodys(house, tmp_path):
    before = tmp_path / "before.sieve"
    before.write_text('require ["fileinto", "mailbox"]; if header :is "x-quarantine" "yes" { fileinto :create "Junk"; }')
    h = house(more=f'[smtp.sieve]\nbefore = "{before}"')
    h.sieve('require ["fileinto", "mailbox"]; fileinto :create "Mine";')
    h.send("good").send("bad", fields="X-Quarantine: yes\r\n")
    assert b"Subject: good" in h.has(1, ".Mine")[0] and b"Subject: bad" in h.has(1, ".Junk")[0]
    wait_empty(h.g)
    assert not h.files()
    assert run_genkan("check", h.g.file).returncode == 0
    before.write_text("keep")
    done = run_genkan("check", h.g.file)
    assert done.returncode == 78 and f"{before}:1:5: " in done.stderr


def test_large_mail_is_sorted_and_sent_on(house):
    h = house()
    h.sieve('require ["fileinto", "mailbox", "copy"]; if size :over 500K { fileinto :create "Large"; redirect "eve@far.example"; }')
    h.send("large", body=("x" * 98 + "\r\n") * 20_000)
    assert len(h.has(1, ".Large")[0]) > 2_000_000
    assert len(h.hop.wait(1)[0].content) > 2_000_000


def test_reports_and_answers_are_signed(house, tmp_path):
    key = {"rsa": Key("rsa"), "ed25519": Key("ed25519")}
    more = ""
    for name, one in key.items():
        (tmp_path / f"{name}.pem").write_bytes(one.pem)
        more += f'[[smtp.dkim]]\ndomain = "home.example"\nselector = "{name}"\nkey = "{tmp_path}/{name}.pem"\n'
    zone = {f"{name}._domainkey.home.example": [("TXT", one.record)] for name, one in key.items()}
    h = house('delay_notice = "1s"', more=more)
    h.sieve('''require ["reject", "vacation"];
        if header :is "subject" "refused" { reject "no"; } else { vacation "away"; }''')

    def signed(mail):
        d = dkim.DKIM(mail.content)
        assert d.verify(idx=0, dnsfunc=dkim_lookup(zone)) and d.verify(idx=1, dnsfunc=dkim_lookup(zone)), mail.content
        assert b"d=home.example" in mail.content
        assert not dkim.verify(mail.content.replace(b"Subject: ", b"Subject: x", 1), dnsfunc=dkim_lookup(zone))
        return mail.content
    h.send("refused")
    assert b"Undelivered mail" in signed(h.hop.wait(1)[-1])
    h.send("hello")
    assert b"away" in signed(h.hop.wait(2)[-1])
    h.send("waits", to="x@nowhere.example")
    assert b"Delayed mail" in signed(h.hop.wait(3, timeout=60)[-1])
    run_genkan("queue", "bounce", "--all", "-c", h.g.file)
    assert b"Undelivered mail" in signed(h.hop.wait(4)[-1])


def test_the_command_sets_shows_and_takes_away_scripts(house, tmp_path):
    h = house()
    script = tmp_path / "s.sieve"

    def run(*args, **more):
        return run_genkan("user", "sieve", *args, "-c", h.g.file, **more)
    good, bad = 'require "fileinto";\nfileinto "INBOX";\n', 'if true {\n  kep;\n}\n'
    script.write_text(good)
    assert run(BOB, script).returncode == 0
    assert run(BOB, "--show").stdout == good
    script.write_text(bad)
    for args in ((BOB, script), (BOB, "--check", script)):
        done = run(*args)
        assert done.returncode == 65 and f"{script}:2:3: there is no command 'kep'" in done.stderr
    assert run(BOB, "--show").stdout == good, "what is wrong does not replace what is good"
    script.write_text("#" * 100_000)
    assert "64KiB" in run(BOB, script).stderr
    assert run("nobody@home.example", "--show").returncode == 67
    assert run(BOB).returncode == 64
    assert run(BOB, "--delete").returncode == 0 and run(BOB, "--show").returncode == 66
    script.write_text(good)
    done = run_genkan("sieve", "check", script)
    assert done.returncode == 0 and "good" in done.stdout
    mail = tmp_path / "m.eml"
    mail.write_text(f"From: {ANN}\nTo: {BOB}\nSubject: x\n\nx\n")
    script.write_text('require ["vacation", "imap4flags"]; addflag "\\\\Seen"; redirect "eve@far.example"; vacation "away"; keep;')
    done = run_genkan("sieve", "test", script, mail, "--from", ANN, "--to", BOB, "--answer")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"redirect to: eve@far.example\nvacation answer to: {ANN}\n") and done.stdout.endswith("keep\n  flags: \\Seen\n")

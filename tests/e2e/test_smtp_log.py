"""The mail log: every event of every message, also when there are many."""
import json
import os
import re

from harness import free_port, run_genkan, wait_until
from mail_hop import Hop
from mail_peers import Talk, smtp_source
from test_smtp import GO, site, wait_empty


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events(path, name):
    return [row for row in lines(path) if row["message"] == name]


def test_every_message_of_many_is_in_the_mail_log(genkan, tmp_path):
    hop, port, log = Hop(), free_port(), tmp_path / "mail.log"
    g = genkan(site(port, [(hop.port, 10)], more=f'log = "{log}"\nlog_format = "json"'))
    smtp_source(port, "u@next.example", 300, sessions=10)
    wait_empty(g)
    wait_until(lambda: len(events(log, "delivered")) == 300, 10, "all are in the log")
    accepted = events(log, "accepted")
    assert len(accepted) == 300 and len({row["id"] for row in accepted}) == 300
    assert {row["id"] for row in events(log, "delivered")} == {row["id"] for row in accepted}
    row = events(log, "delivered")[0]
    assert row["to"] == "u@next.example" and row["from"] == "s@client.example" and row["reply"].startswith("250")
    assert row["remote"] == f"127.0.0.1:{hop.port}" and row["ms"] >= 0
    hop.stop()


def test_refusals_failures_and_operators_are_in_it_and_secrets_are_not(genkan, tmp_path):
    def rcpt(line, self):
        return "550 5.1.1 not here" if "gone" in line else None
    hop, port, sub, log = Hop(answers={"RCPT": rcpt}), free_port(), free_port(), tmp_path / "mail.log"
    g = genkan(site(port, [(hop.port, 10)], more=f'log = "{log}"') + f"""
        [[smtp.listen]]
        address = ["127.0.0.1:{sub}"]
        submission = true
        [[smtp.route]]
        domains = ["dead.example"]
        relay = "dead"
        [[smtp.relay]]
        name = "dead"
        [[smtp.relay.member]]
        address = "127.0.0.1:{free_port()}"
        [[certificate]]
        self_signed = true
        names = ["mx.example"]
    """)
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<s@client.example>")
        assert talk.say("RCPT TO:<u@elsewhere.example>").startswith("550")
        assert talk.say('RCPT TO:<"x\\" y"@elsewhere.example>').startswith("550")
    with Talk(port) as talk:
        assert talk.message("gone@next.example", GO, sender="").startswith("250")
        assert talk.message("u@next.example", GO + b"bare\nnewline\r\n").startswith("550")
        waiting = talk.message("u@dead.example", GO).split()[-1]
    with Talk(sub) as talk:
        talk.say("EHLO client.example")
        talk.start_tls()
        talk.say("EHLO client.example")
        assert talk.say("AUTH PLAIN c2VjcmV0").startswith("501")
        assert talk.say("AUTH LOGIN").startswith("334")
        assert talk.say("c2VjcmV0!").startswith("501")
    assert run_genkan("queue", "delete", waiting, "-c", g.file).returncode == 0
    text = wait_until(lambda: "deleted" in log.read_text() and "failed" in log.read_text() and log.read_text(), 20, "all events")
    assert re.search(r'refused .*client=127\.0\.0\.1 .*command="RCPT TO:<u@elsewhere.example>" reply="550 5.7.1', text)
    assert re.search(r'refused .*command=content reply="550 5.6.0', text)
    assert re.search(r'failed id=\S+ from="?"? to=gone@next.example .*reply="550 5.1.1 not here"', text)
    assert f"deleted id={waiting}" in text
    assert "c2VjcmV0" not in text and "command=AUTH" in text
    os.rename(log, tmp_path / "old.log")
    g.signal(10)  # SIGUSR1

    def reopened():
        with Talk(port) as talk:
            talk.say("EHLO client.example")
            talk.say("BOGUS")
        return log.exists() and "BOGUS" in log.read_text()
    wait_until(reopened, 20, "a new file is written after SIGUSR1")
    hop.stop()


def test_a_mail_log_that_cannot_be_written_ends_the_start(genkan, tmp_path):
    port = free_port()
    g = genkan(site(port, [(1, 10)], more=f'log = "{tmp_path}/no/such/folder/mail.log"'), start=False)
    g.start(ready=False)
    assert g.child.wait(20) != 0
    assert "mail.log" in g.log()
    g.child = None

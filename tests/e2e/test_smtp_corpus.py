"""The corpus of raw SMTP: every case of smtp_corpus.py, judged from both sides (smtp_judge.py)."""
import pytest
from harness import free_port, run_genkan, wait_until
from smtp_corpus import CASES
from smtp_judge import Hop, Judge, Talk
from test_smtp import depth

SITE = """
    [smtp]
    enabled = true
    hostname = "mx.example"
    min_free = "1MiB"
    max_message = "1MiB"
    max_recipients = 100
    max_errors = 50
    max_connections_per_address = 500
    relay_for_others = "next"
    [[smtp.listen]]
    address = ["127.0.0.1:{port}"]
    [[smtp.listen]]
    address = ["127.0.0.1:{submission}"]
    submission = true
    [[smtp.route]]
    domains = ["next.example"]
    relay = "next"
    [[smtp.route]]
    domains = ["plain.example"]
    relay = "plain"
    [[smtp.route]]
    domains = ["table.example"]
    relay = "next"
    recipients = ["known@table.example"]
    [[smtp.route]]
    domains = ["home.example"]
    local = true
    [[smtp.relay]]
    name = "next"
    [[smtp.relay.member]]
    address = "127.0.0.1:{next}"
    [[smtp.relay]]
    name = "plain"
    [[smtp.relay.member]]
    address = "127.0.0.1:{plain}"
    [webmail]
    enabled = true
    domains = ["home.example"]
    [[certificate]]
    names = ["mx.example"]
    self_signed = true
"""


@pytest.mark.parametrize("size", [0, 1], ids=["whole", "octet by octet"])
def test_every_case_is_answered_as_it_should_be_and_the_next_hop_gets_what_it_should(genkan, size):
    cases = [case for case in CASES if not size or (case.apart and not case.secure)]  # a wrong password takes a second
    assert len({case.name for case in CASES}) == len(CASES)
    hops = [Hop([b"PIPELINING", b"SIZE 0", b"8BITMIME", b"SMTPUTF8", b"DSN", b"CHUNKING", b"BINARYMIME", b"ENHANCEDSTATUSCODES"]), Hop([b"8BITMIME"])]
    port, submission = free_port(), free_port()
    g = genkan(SITE.format(port=port, submission=submission, next=hops[0].port, plain=hops[1].port))
    added = run_genkan("user", "add", "user@home.example", "-c", g.file, stdin="secret pass phrase\n")
    assert added.returncode == 0, added.stderr
    judge = Judge(cases, port, submission, size)
    judge.run()
    wait_until(lambda: depth(g) == 0, 30, "the queue is empty")
    faults = judge.judge_hops(hops)
    for hop in hops:
        hop.stop()
    assert not faults, f"{len(faults)} deviations in {len(cases)} cases:\n" + "\n".join(faults)


def test_too_many_errors_end_a_session(genkan):
    hop = Hop([b"8BITMIME"])
    port = free_port()
    genkan(SITE.format(port=port, submission=free_port(), next=hop.port, plain=hop.port))
    talk = Talk(port)
    talk.reply(plain=True)
    talk.send(b"FOO\r\n" * 200)
    codes = []
    try:
        while True:
            codes.append(talk.reply()[:3])
    except EOFError:
        pass
    assert codes[-1] == b"421" and 10 <= len(codes) <= 60, codes
    hop.stop()


def test_what_follows_starttls_in_the_clear_is_not_executed(genkan):
    hop = Hop([b"8BITMIME"])
    port = free_port()
    genkan(SITE.format(port=port, submission=free_port(), next=hop.port, plain=hop.port))
    talk = Talk(port)
    talk.reply(plain=True)
    talk.send(b"EHLO client.example\r\n")
    talk.reply(plain=True)
    talk.send(b"STARTTLS\r\nRSET\r\nNOOP\r\n")
    assert talk.reply().startswith(b"220")
    try:  # thrown away, or the connection is cut: RFC 3207 4.2 leaves no third way
        talk.start_tls()
        talk.send(b"EHLO client.example\r\n")
        answer = talk.reply(plain=True)
        assert b"PIPELINING" in answer and b"STARTTLS" not in answer, answer
        talk.send(b"VRFY x\r\n")
        assert talk.reply().startswith(b"252")
    except (OSError, EOFError):
        pass
    hop.stop()

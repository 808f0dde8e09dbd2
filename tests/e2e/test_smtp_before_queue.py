"""before_queue: the next hop answers before we do, and its word is the client's, at every stage."""
import pytest

from harness import free_port, wait_until
from mail_hop import Hop
from mail_peers import Talk, Postfix
from test_smtp import depth
from test_smtp_filters import CHANGES, MAIL, Filter, packet


@pytest.fixture
def hops():
    made = []

    def make(**more):
        made.append(Hop(**more))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def site(port, members, more="", group="", routes=""):
    rows = "".join(f'[[smtp.relay.member]]\naddress = "127.0.0.1:{p}"\npreference = {10 + i}\n' for i, p in enumerate(members))
    return f"""
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        retry_first = "1s"
        {more}
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        {routes}
        [[smtp.route]]
        domains = ["through.example"]
        relay = "through"
        before_queue = true
        [[smtp.relay]]
        name = "through"
        {group}
        {rows}
    """


def converse(port, to="u@through.example", content="Subject: x\r\n\r\n"):
    """{stage: reply} as far as the client gets."""
    seen = {}
    with Talk(port, timeout=30) as talk:
        talk.say("EHLO client.example")
        seen["MAIL"] = talk.say("MAIL FROM:<s@client.example>")
        seen["RCPT"] = talk.say(f"RCPT TO:<{to}>")
        if seen["RCPT"].startswith("250"):
            seen["DATA"] = talk.say("DATA")
            talk.send(content)
            seen["."] = talk.say(".")
        assert talk.say("NOOP").startswith("250"), "the session goes on"
    return seen


def test_250_is_the_next_hops_and_nothing_is_queued(genkan, hops):
    hop, port = hops(answers={"RCPT": lambda line, _: None}), free_port()
    g = genkan(site(port, [hop.port]))
    body = "Subject: dots\r\n\r\n..one dot\r\n" + ("x" * 70 + "\r\n") * 40_000  # larger than what is kept in memory
    seen = converse(port, content=body)
    assert seen["."] == "250 2.0.0 taken"
    mail = hop.wait()[0]
    assert mail.own == body.replace("..one", ".one").encode() and mail.sender == "s@client.example"
    assert depth(g) == 0 and g.metrics()["genkan_smtp_passed_total"] == 1
    assert not list((g.state / "spool" / "large").glob("*")), "nothing is left of it"


@pytest.mark.parametrize("answers,stage,reply", [
    ({"greeting": "421 4.3.2 not now"}, "RCPT", "451 4.4.1 "),
    ({"greeting": b""}, "RCPT", "451 4.4.1 "),
    ({"greeting": "hang"}, "RCPT", "451 4.4.1 "),
    ({"EHLO": "502 no", "HELO": "502 no"}, "RCPT", "451 4.4.1 "),
    ({"MAIL": "450 4.1.8 who are you"}, "RCPT", "450 4.1.8 who are you"),
    ({"MAIL": "553 5.1.8 not you"}, "RCPT", "553 5.1.8 not you"),
    ({"MAIL": b""}, "RCPT", "451 4.4.2 "),
    ({"RCPT": "550 5.1.1 nobody"}, "RCPT", "550 5.1.1 nobody"),
    ({"RCPT": "550 nobody"}, "RCPT", "550 5.0.0 nobody"),
    ({"RCPT": "452 4.2.2 full"}, "RCPT", "452 4.2.2 full"),
    ({"RCPT": b""}, "RCPT", "451 4.4.2 "),
    ({"RCPT": "hang"}, "RCPT", "451 4.4.2 "),
    ({"RCPT": "421 4.3.2 I go"}, "RCPT", "451 4.3.2 I go"),
    ({"RCPT": "354 what"}, "RCPT", "451 4.5.0 "),
    ({"DATA": "451 4.3.0 no room"}, ".", "451 4.3.0 no room"),
    ({"DATA": "554 5.7.1 never"}, ".", "554 5.7.1 never"),
    ({"DATA": "250 what"}, ".", "451 4.5.0 "),
    ({"DATA": b""}, ".", "451 4.4.2 "),
    ({".": "552 5.2.2 full"}, ".", "552 5.2.2 full"),
    ({".": "451 4.7.1 later"}, ".", "451 4.7.1 later"),
    ({".": "421 4.3.2 I go"}, ".", "451 4.3.2 I go"),
    ({".": b""}, ".", "451 4.4.2 "),
    ({".": b"rubbish\r\n"}, ".", "451 4.4.2 "),
    ({".": "hang"}, ".", "451 4.4.2 "),
])
def test_a_next_hop_that_fails_fails_the_client_at_the_same_stage(genkan, hops, answers, stage, reply):
    hop, port = hops(answers=answers), free_port()
    g = genkan(site(port, [hop.port], group='command_timeout = "1s"'), workers=1)
    seen = converse(port)
    assert seen[stage].startswith(reply), seen
    assert all(r.startswith(("250", "354")) for s, r in seen.items() if s != stage), seen
    assert depth(g) == 0 and not hop.mails


def test_the_next_member_is_asked_when_one_cannot_be_reached(genkan, hops):
    dead, hop, port = free_port(), hops(), free_port()
    genkan(site(port, [dead, hop.port]))
    assert converse(port)["."].startswith("250")
    assert len(hop.mails) == 1


def test_one_transaction_has_one_next_hop(genkan, hops):
    def answer(line, _):
        return "550 5.1.1 nobody" if "nobody" in line else None
    through, other, queued, port = hops(answers={"RCPT": answer}), hops(), hops(), free_port()
    more = f"""
        [[smtp.route]]
        domains = ["other.example"]
        relay = "other"
        before_queue = true
        [[smtp.relay]]
        name = "other"
        [[smtp.relay.member]]
        address = "127.0.0.1:{other.port}"
        [[smtp.route]]
        domains = ["queued.example"]
        relay = "queued"
        [[smtp.relay]]
        name = "queued"
        [[smtp.relay.member]]
        address = "127.0.0.1:{queued.port}"
        [[smtp.alias]]
        address = "team@through.example"
        to = ["a@through.example", "b@through.example"]
    """
    g = genkan(site(port, [through.port], routes=more))
    with Talk(port, timeout=30) as talk:
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<s@client.example>")
        answers = [talk.say(f"RCPT TO:<{to}>")[:9] for to in ("nobody@through.example", "a@through.example", "b@through.example",
                   "nobody@through.example", "c@other.example", "d@queued.example", "team@through.example")]
        assert answers == ["550 5.1.1", "250 2.1.5", "250 2.1.5", "550 5.1.1", "452 4.5.3", "452 4.5.3", "452 4.5.3"]
        assert talk.say("DATA").startswith("354")
        assert talk.say("Subject: x\r\n\r\n.") == "250 2.0.0 taken"
        assert talk.message("d@queued.example", "Subject: x\r\n\r\n").startswith("250 2.0.0 queued")
        talk.say("MAIL FROM:<s@client.example>")
        assert talk.say("RCPT TO:<d@queued.example>").startswith("250")
        assert talk.say("RCPT TO:<a@through.example>").startswith("452 4.5.3")
        talk.say("RSET")
        assert talk.message("c@other.example", "Subject: x\r\n\r\n") == "250 2.0.0 taken"
        assert talk.message("team@through.example", "Subject: x\r\n\r\n").startswith("250 2.0.0 queued"), "several: by the queue"
    assert [len(m.rcpts) for m in through.wait(2)] == [2, 2]
    queued.wait(1)
    other.wait(1)
    wait_until(lambda: depth(g) == 0, 30, "the queue is empty")


def test_a_transaction_that_is_given_up_is_none_at_the_next_hop(genkan, hops):
    hop, port = hops(), free_port()
    genkan(site(port, [hop.port]))
    with Talk(port) as talk:
        talk.envelope("u@through.example")
        assert talk.say("RSET").startswith("250")
        wait_until(lambda: hop.open == 0, 10, "the next hop is let go")
        talk.envelope("u@through.example")
    wait_until(lambda: hop.sessions == 2 and hop.open == 0, 10, "also when the client is gone")
    assert not hop.said("DATA")


def test_pipelined_and_in_chunks(genkan, hops):
    hop, port = hops(), free_port()
    genkan(site(port, [hop.port]))
    with Talk(port, timeout=30) as talk:
        talk.say("EHLO client.example")
        talk.send("MAIL FROM:<s@client.example>\r\nRCPT TO:<a@through.example>\r\nRCPT TO:<b@through.example>\r\nDATA\r\n")
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
        assert talk.say("Subject: x\r\n\r\n.").startswith("250")
        talk.envelope("c@through.example")
        talk.send("BDAT 10\r\nSubject: xBDAT 4 LAST\r\n\r\n\r\n")
        assert [talk.reply()[:3] for _ in range(2)] == ["250", "250"]
    assert [m.own for m in hop.wait(2)] == [b"Subject: x\r\n\r\n"] * 2


def test_lmtp_answers_for_one_recipient_at_a_time(genkan, hops):
    hop, port = hops(lmtp=True), free_port()
    genkan(site(port, [hop.port], group='protocol = "lmtp"'))
    with Talk(port, timeout=30) as talk:
        talk.envelope("a@through.example")
        assert talk.say("RCPT TO:<b@through.example>").startswith("452 4.5.3")
        talk.say("DATA")
        assert talk.say("Subject: x\r\n\r\n.") == "250 2.0.0 taken"
    assert len(hop.wait()[0].rcpts) == 1


def test_a_member_has_no_more_connections_than_it_may(genkan, hops):
    hop, port = hops(), free_port()
    genkan(site(port, [hop.port], group="connections = 1"), workers=1)
    with Talk(port, timeout=30) as first:
        first.envelope("a@through.example")
        assert converse(port)["RCPT"].startswith("451 4.3.2")
    wait_until(lambda: hop.open == 0, 10, "it is free again")
    assert converse(port)["."].startswith("250")


def test_what_a_queue_needs_is_refused(genkan, hops):
    hop, port = hops(features=["PIPELINING", "SIZE 100000"]), free_port()
    genkan(site(port, [hop.port]))
    assert converse(port, content="Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 2000)["."].startswith("554 5.3.4")
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<s@client.example> BODY=BINARYMIME")
        assert talk.say("RCPT TO:<u@through.example>").startswith("554 5.6.3")
    assert not hop.mails


@pytest.mark.parametrize("end,answer", [
    (packet(b"r"), "550 5.7.1"), (packet(b"t"), "451 4.7.1"), (packet(b"d"), "250 2.0.0"),
    (packet(b"q", b"looks odd\0") + packet(b"a"), "550 5.7.1"),  # there is no queue to hold it in
])
def test_what_a_filter_does_not_let_through_is_not_handed_on(genkan, hops, end, answer):
    hop, one, port = hops(), Filter(end), free_port()
    try:
        g = genkan(site(port, [hop.port]) + f'[[smtp.milter]]\naddress = "127.0.0.1:{one.port}"\n')
        assert converse(port)["."].startswith(answer)
        assert depth(g) == 0 and not hop.mails and not hop.said("DATA")
    finally:
        one.stop()


def test_a_filter_changes_the_content_and_not_the_envelope(genkan, hops):
    hop, one, port = hops(), Filter(CHANGES), free_port()
    try:
        genkan(site(port, [hop.port]).replace("through.example", "next.example") + f'[[smtp.milter]]\naddress = "127.0.0.1:{one.port}"\n')
        assert converse(port, to="u@next.example", content=MAIL)["."] == "250 2.0.0 taken"
        mail = hop.wait()[0]
        assert mail.own.startswith(b"X-Top: t") and mail.own.endswith(b"another\r\nbody\r\n")
        assert mail.sender == "s@client.example" and mail.rcpts == ["RCPT TO:<u@next.example>"]
    finally:
        one.stop()


@pytest.mark.root
def test_a_real_postfix_answers_first(genkan, tmp_path):
    postfix = Postfix(tmp_path)
    try:
        postfix.start()
        port = free_port()
        genkan(site(port, [postfix.port], more='[[smtp.rewrite]]\npattern = "(.*)@through\\\\.example"\nto = "\\\\1@next.example"\nside = "recipient"',
                    routes='[[smtp.route]]\ndomains = ["next.example"]\nrelay = "through"\nbefore_queue = true'))
        assert "queued as" in converse(port)["."]
        wait_until(lambda: len(postfix.messages()) == 1, 30, "Postfix has it")
        assert converse(port, to="x@elsewhere.example")["RCPT"].startswith("550")
    finally:
        postfix.stop()

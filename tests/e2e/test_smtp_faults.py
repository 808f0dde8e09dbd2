"""Next hops that talk nonsense, hang, or accept and die, and handshakes that stall: nothing is lost, nothing stands still."""
import time

import pytest

from harness import free_port, wait_until
from mail_hop import Hop, make_certificate
from mail_peers import Talk
from test_smtp import GO, depth, site, wait_empty


@pytest.fixture
def hop():
    started = []

    def make(*args, **more):
        started.append(Hop(*args, **more))
        return started[-1]
    yield make
    for one in started:
        one.stop()


def relay(port, hop):
    return site(port, [(hop.port, 10)], more='retry_max = "2s"').replace('name = "next"\n', 'name = "next"\ncommand_timeout = "1s"\nconnect_timeout = "1s"\n')


NONSENSE = {"no code": b"hello\r\n", "half a code": b"25\r\n", "another protocol": b"HTTP/1.1 200 OK\r\n\r\n", "no end": b"250-a\r\n" * 1000,
            "a line without end": b"2" * 100_000, "two codes in one reply": b"250-a\r\n550 b\r\n", "NUL": b"\0\0\0\r\n"}


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_at_any_stage_puts_mail_off_and_a_healthy_moment_delivers_it(genkan, hop, stage, what):
    one, port = hop(answers={stage: NONSENSE[what]}), free_port()
    g = genkan(relay(port, one))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    g.wait_log("mail deferred|cannot be reached", 30)
    assert depth(g) == 1
    one.answers.clear()
    one.wait(1, 40)
    wait_empty(g)


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_next_hop_that_hangs_is_given_up_and_other_mail_goes_on(genkan, hop, stage):
    stuck, healthy, port = hop(answers={stage: "hang"}), hop(), free_port()
    g = genkan(relay(port, stuck) + f"""
        [[smtp.route]]
        domains = ["well.example"]
        relay = "well"
        [[smtp.relay]]
        name = "well"
        [[smtp.relay.member]]
        address = "127.0.0.1:{healthy.port}"
    """)
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
        assert talk.message("u@well.example", GO).startswith("250")
    healthy.wait(1)
    g.wait_log("mail deferred|cannot be reached", 30)
    stuck.answers.clear()
    stuck.wait(1, 40)
    wait_empty(g)


def test_who_accepts_and_dies_before_the_answer_gets_the_message_again_and_no_more(genkan, hop):
    one, port = hop(answers={".": b"", "keep": True}), free_port()
    g = genkan(relay(port, one))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    g.wait_log("mail deferred", 30)
    one.answers.clear()
    wait_empty(g, 40)
    assert 2 <= len(one.mails) <= 6 and len({m.own for m in one.mails}) == 1, "again, since nobody knows, until one is answered"
    count = len(one.mails)
    with Talk(port) as talk:
        assert talk.message("u@next.example", b"another: one\r\n").startswith("250")
    one.wait(count + 1)
    assert len(one.mails) == count + 1


def test_a_member_that_hangs_is_passed_over_for_the_next_one(genkan, hop):
    stuck, well, port = hop(answers={"RCPT": "hang"}), hop(), free_port()
    conf = relay(port, stuck) + f'[[smtp.relay.member]]\naddress = "127.0.0.1:{well.port}"\npreference = 20\n'
    g = genkan(conf)
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    well.wait(1)
    wait_empty(g)


def test_a_handshake_of_the_next_hop_that_stalls_is_given_up(genkan, hop, tmp_path):
    context, _ = make_certificate(tmp_path)
    one, port = hop(tls=context, answers={"STARTTLS": lambda line, self: "220 go ahead"}), free_port()
    g = genkan(relay(port, one))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    # Opportunistic: without TLS after that (RFC 3207 4.1), unless it is required.
    assert not one.wait(1, 30)[0].tls
    wait_empty(g)


@pytest.mark.parametrize("implicit", [False, True])
def test_a_client_that_stalls_its_handshake_is_cut(genkan, hop, implicit):
    port = free_port()
    conf = site(port, [(hop().port, 10)], more='command_timeout = "1s"') + '\n[[certificate]]\nself_signed = true\nnames = ["mx.example"]\n'
    genkan(conf.replace(f'address = ["127.0.0.1:{port}"]', f'address = ["127.0.0.1:{port}"]\nimplicit_tls = {"true" if implicit else "false"}'))
    with Talk(port, timeout=30, greeting=not implicit) as talk:
        if not implicit:
            talk.say("EHLO c.example")
            assert talk.say("STARTTLS").startswith("220")
        talk.send(b"\x16\x03\x01")
        assert talk.closed()


def test_a_message_of_nested_mime_is_only_octets(genkan, hop):
    one, port = hop(), free_port()
    genkan(relay(port, one))
    depth_of = 5000
    bomb = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(depth_of))
    begin = time.monotonic()
    with Talk(port) as talk:
        assert talk.message("u@next.example", bomb).startswith("250")
    assert wait_until(lambda: one.mails, 30, "it went through")[0].own == bomb
    assert time.monotonic() - begin < 60

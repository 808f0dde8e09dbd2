"""Who may come in: addresses, too early talkers, lists in DNS, greylisting, rates."""
import socket

import pytest

from harness import free_port, wait_until
from mail_dns import Names
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import GO, site, wait_empty


@pytest.fixture
def hop():
    one = Hop()
    yield one
    one.stop()


@pytest.fixture
def names():
    started = []

    def make(zone):
        started.append(Names(zone))
        return started[-1]
    yield make
    for one in started:
        one.stop()


def policy(port, hop, rows, more="", dns=None):
    top = f'[node]\nname = "p"\nstate_dir = "STATE"\nworkers = 1\ndrain_timeout = "5s"\nname_servers = ["{dns.address}"]\n' if dns else ""
    return top + site(port, [(hop.port, 10)], more=more) + f"[smtp.policy]\n{rows}\n"


def rcpt(port, to="u@next.example", claim=None):
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        if claim:
            assert talk.say(f"XCLIENT ADDR={claim}").startswith("220")
            talk.say("EHLO client.example")
        talk.say("MAIL FROM:<s@client.example>")
        return talk.say(f"RCPT TO:<{to}>")


def test_denied_addresses_are_sent_away_and_allowed_ones_are_not_checked(genkan, hop):
    port = free_port()
    g = genkan(policy(port, hop, 'deny_from = ["127.0.0.0/8"]'))
    with Talk(port, greeting=False) as talk:
        assert talk.reply().startswith("554 5.7.1") and talk.closed()
    g.reload(policy(port, hop, 'deny_from = ["127.0.0.0/8"]\nallow_from = ["127.0.0.1"]'))
    assert rcpt(port).startswith("250")


def test_who_talks_while_the_greeting_waits_is_no_mail_server(genkan, hop):
    port = free_port()
    genkan(policy(port, hop, 'pregreet_wait = "2s"'))
    with Talk(port, greeting=False) as early:
        early.send("EHLO spam.example\r\n")
        assert early.reply().startswith("554 5.5.1") and early.closed()
    with Talk(port) as patient:
        assert patient.message("u@next.example", GO).startswith("250")


def listed(zone):
    return {f"1.0.0.127.{name}": [("A", answer)] for name, answer in zone.items()}


@pytest.mark.parametrize("zone,rows,refused", [
    ({"bad.example": "127.0.0.2"}, "", True),
    ({"bad.example": "192.0.2.1"}, "", False),
    ({"bad.example": "127.255.255.254"}, "", False),
    ({}, "", False),
    ({"bad.example": "127.0.0.2"}, "dnsbl_threshold = 3", False),
    ({"bad.example": "127.0.0.2", "worse.example": "127.0.0.4"}, "dnsbl_threshold = 3", True),
    ({"bad.example": "127.0.0.2", "good.example": "127.0.0.2"}, "", False),
])
def test_lists_in_dns_add_up(genkan, hop, names, tmp_path, zone, rows, refused):
    dns, port = names(listed(zone)), free_port()
    lists = """
        [[smtp.policy.dnsbl]]
        zone = "bad.example"
        [[smtp.policy.dnsbl]]
        zone = "worse.example"
        score = 2
        [[smtp.policy.dnsbl]]
        zone = "good.example"
        allow = true
        score = 5
    """
    (tmp_path / "state").mkdir()
    genkan(policy(port, hop, rows + lists, dns=dns).replace("STATE", str(tmp_path / "state")))
    answer = rcpt(port)
    assert answer.startswith("554 5.7.1") == refused, answer
    assert not refused or "127.0.0.1 is listed by bad.example" in answer
    assert rcpt(port, "postmaster").startswith("250")


def test_a_list_that_gives_no_answer_counts_nothing(genkan, hop, names, tmp_path):
    dns, port = names({"1.0.0.127.bad.example": "silent", "1.0.0.127.worse.example": "servfail"}), free_port()
    (tmp_path / "state").mkdir()
    lists = '[[smtp.policy.dnsbl]]\nzone = "bad.example"\n[[smtp.policy.dnsbl]]\nzone = "worse.example"\n'
    genkan(policy(port, hop, lists, dns=dns).replace("STATE", str(tmp_path / "state")))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        assert s.recv(100).startswith(b"220")


def test_greylisting_puts_off_once(genkan, hop):
    port = free_port()
    g = genkan(policy(port, hop, 'greylist = true\ngreylist_delay = "2s"', more='xclient_from = ["127.0.0.1"]'))
    first = rcpt(port)
    assert first.startswith("451 4.7.1") and "greylisted" in first
    assert rcpt(port, "postmaster").startswith("250")
    wait_until(lambda: rcpt(port).startswith("250"), 30, "it passes after the delay", every=0.3)
    assert rcpt(port, "other@next.example").startswith("451"), "another recipient is another matter"
    assert rcpt(port, claim="192.0.2.1").startswith("451"), "so is another network"
    g.stop()
    g.start()
    assert rcpt(port).startswith("250"), "remembered over a restart"


def test_networks_have_a_rate(genkan, hop):
    port = free_port()
    g = genkan(policy(port, hop, "messages_per_minute = 3", more='xclient_from = ["127.0.0.1"]'), workers=1)
    answers = [rcpt(port, claim="192.0.2.7") for _ in range(4)]
    assert [a[:3] for a in answers] == ["250", "250", "250", "450"]
    assert rcpt(port, claim="192.0.2.99").startswith("450"), "the same network"
    assert rcpt(port, claim="192.0.3.7").startswith("250")
    g.reload(policy(port, hop, "recipients_per_minute = 2", more='xclient_from = ["127.0.0.1"]'))
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        talk.say("XCLIENT ADDR=198.51.100.1")
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<s@client.example>")
        assert [talk.say(f"RCPT TO:<u{i}@next.example>")[:3] for i in range(3)] == ["250", "250", "450"]


def test_our_own_hosts_are_not_checked(genkan, hop):
    port = free_port()
    g = genkan(policy(port, hop, 'deny_from = ["127.0.0.0/8"]\ngreylist = true\nmessages_per_minute = 1', more='relay_from = ["127.0.0.1"]'))
    for _ in range(3):
        with Talk(port) as talk:
            assert talk.message("u@next.example", GO).startswith("250")
    wait_empty(g)

"""Who may come in: addresses, too early talkers, lists in DNS, greylisting, rates."""
import base64
import shutil
import socket

import pytest

from harness import Process, free_port, port_answers, run_genkan, wait_until
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


@pytest.fixture
def memcached(tmp_path):
    started = []

    def make():
        one = Process("memcached", tmp_path / "memcached")
        one.port = free_port()
        one.argv = [shutil.which("memcached") or "/usr/bin/memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(one.port), "-U", "0"]
        one.spawn(one.argv)
        wait_until(lambda: port_answers(one.port), 10, "memcached listens")
        started.append(one)
        return one
    yield make
    for one in started:
        one.end()


def test_nodes_share_what_greylisting_saw(genkan, hop, memcached):
    memory, ports = memcached(), [free_port(), free_port()]
    rules = f'greylist = true\ngreylist_delay = "1s"\ngreylist_memcached = ["127.0.0.1:{memory.port}"]'
    nodes = [genkan(policy(port, hop, rules), name=f"node{i}") for i, port in enumerate(ports)]
    assert rcpt(ports[0]).startswith("451 4.7.1")
    wait_until(lambda: rcpt(ports[1]).startswith("250"), 30, "the other node knows that it came before", every=0.3)
    assert rcpt(ports[0]).startswith("250"), "and this one that it has passed"

    memory.end()
    assert rcpt(ports[1]).startswith("250"), "what a node learnt it keeps"
    nodes[1].wait_log("the greylist's memcached does not answer")
    assert rcpt(ports[1], "new@next.example").startswith("451"), "greylisting goes on, each by itself"
    wait_until(lambda: rcpt(ports[1], "new@next.example").startswith("250"), 30, "and lets pass", every=0.3)
    memory.spawn(memory.argv)
    wait_until(lambda: rcpt(ports[0], "third@next.example").startswith("250") or rcpt(ports[1], "third@next.example").startswith("250"), 60,
               "it works with the memory that came back", every=0.3)


def test_senders_and_recipients_have_a_rate(genkan, hop):
    port = free_port()
    trusted = 'xclient_from = ["127.0.0.1"]'
    g = genkan(policy(port, hop, "sender_messages_per_minute = 2", more=trusted))

    def answer(claim, sender, to="u@next.example"):
        with Talk(port) as talk:
            talk.say("EHLO client.example")
            talk.say(f"XCLIENT ADDR={claim}")
            talk.say("EHLO client.example")
            talk.say(f"MAIL FROM:<{sender}>")
            return talk.say(f"RCPT TO:<{to}>")
    # From networks that have nothing to do with each other: a botnet with one sender.
    assert [answer(f"192.0.{i}.1", "Big+list@client.example")[:3] for i in range(3)] == ["250", "250", "450"]
    assert answer("192.0.9.1", "big@client.example").startswith("450 4.7.1"), "a tag makes no other sender"
    assert answer("192.0.9.1", "other@client.example").startswith("250")
    assert [answer("192.0.9.1", "")[:3] for _ in range(3)] == ["250"] * 3, "reports of many senders come from nobody"
    assert answer("192.0.9.1", "big@client.example", "postmaster@next.example").startswith("250")
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<many@client.example>")
        assert [talk.say(f"RCPT TO:<u{i}@next.example>")[:3] for i in range(5)] == ["250"] * 5, "one message, whoever gets it"

    g.reload(policy(port, hop, "recipient_messages_per_minute = 2", more=trusted))
    assert [answer(f"192.0.{i}.1", f"s{i}@client.example", "busy@next.example")[:3] for i in range(3)] == ["250", "250", "450"]
    assert answer("192.0.9.1", "x@client.example", "BUSY+tag@next.example").startswith("450 4.2.1")
    assert answer("192.0.9.1", "x@client.example", "idle@next.example").startswith("250")


def test_users_have_a_rate_too(genkan, hop, tmp_path):
    port = free_port()
    conf = policy(port, hop, "sender_messages_per_minute = 2", more='relay_for_others = "next"') + f'''
        [[smtp.listen]]
        address = ["127.0.0.1:{(submission := free_port())}"]
        submission = true
        [[certificate]]
        names = ["mx.example"]
        self_signed = true
        [[smtp.route]]
        domains = ["client.example"]
        local = true
    '''
    g = genkan(conf, start=False)
    g.state.mkdir(exist_ok=True)
    added = run_genkan("user", "add", "ann@client.example", "-c", g.file, stdin="correct horse\n")
    assert added.returncode == 0, added.stderr
    g.start()
    login = base64.b64encode(b"\0ann@client.example\0correct horse").decode()
    answers = []
    for _ in range(3):
        with Talk(submission) as talk:
            talk.say("EHLO client.example")
            talk.start_tls()
            talk.say("EHLO client.example")
            assert talk.say(f"AUTH PLAIN {login}").startswith("235")
            talk.say("MAIL FROM:<ann@client.example>")
            answers.append(talk.say("RCPT TO:<u@next.example>")[:3])
    assert answers == ["250", "250", "450"]


def test_a_network_has_so_many_connections(genkan, hop):
    port = free_port()
    conf = policy(port, hop, "", more="max_connections_per_network = 2")
    genkan(conf)
    with Talk(port), Talk(port):
        with Talk(port, greeting=False) as third:
            assert third.reply().startswith("421 4.7.0") and third.closed()

    def free():
        with Talk(port, greeting=False) as again:
            return again.reply().startswith("220")
    wait_until(free, 10, "there is room again")

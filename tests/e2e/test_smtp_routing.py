"""Where mail goes: by address, pattern and domain; aliases and rewriting; recipients that are asked for; mail hosts by DNS."""
import re

import pytest

from harness import free_port, wait_until
from mail_dns import Names
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import GO, add_user, depth, site, wait_empty


@pytest.fixture
def hop():
    started = []

    def make(*args, **more):
        started.append(Hop(*args, **more))
        return started[-1]
    yield make
    for one in started:
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


def group(name, hop):
    return f'[[smtp.relay]]\nname = "{name}"\n[[smtp.relay.member]]\naddress = "127.0.0.1:{hop.port}"\n'


def recipients(hop):
    return sorted(re.search("<(.*)>", r).group(1) for m in hop.mails for r in m.rcpts)


def send(port, *to, sender="s@client.example"):
    """Replies to RCPT; the message is sent when any was taken."""
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        assert talk.say(f"MAIL FROM:<{sender}>").startswith("250")
        replies = [talk.say(f"RCPT TO:<{one}>") for one in to]
        if any(r.startswith("250") for r in replies):
            assert talk.say("DATA").startswith("354")
            talk.send(GO)
            assert talk.say(".").startswith("250")
        return replies


def test_addresses_and_patterns_have_routes_of_their_own_and_the_first_match_wins(genkan, hop):
    special, lists, rest, port = hop(), hop(), hop(), free_port()
    g = genkan(site(port, [(1, 10)], routes="""
        [[smtp.route]]
        addresses = ["Boss@many.example"]
        relay = "special"
        [[smtp.route]]
        pattern = "[a-z]+-(request|owner)@many\\\\.example"
        relay = "lists"
        [[smtp.route]]
        domains = ["many.example"]
        relay = "rest"
    """) + group("special", special) + group("lists", lists) + group("rest", rest))
    assert all(r.startswith("250") for r in send(port, "boss@MANY.example", "news-owner@many.example", "news-owner-x@many.example"))
    wait_empty(g)
    assert (recipients(special), recipients(lists), recipients(rest)) == (
        ["boss@MANY.example"], ["news-owner@many.example"], ["news-owner-x@many.example"])


def test_recipients_by_table(genkan, hop):
    one, port = hop(), free_port()
    g = genkan(site(port, [(1, 10)], routes='[[smtp.route]]\ndomains = ["table.example"]\nrelay = "one"\nrecipients = ["Ann@table.example"]\n')
               + group("one", one))
    replies = send(port, "ann@table.example", "ann+tag@table.example", "ben@table.example", "postmaster@table.example")
    assert [r[:9] for r in replies] == ["250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5"]
    wait_empty(g)
    assert recipients(one) == ["ann+tag@table.example", "ann@table.example", "postmaster@table.example"]


def test_the_next_hop_is_asked_who_exists_and_its_answer_remembered(genkan, hop):
    def rcpt(line, self):
        return "550 5.1.1 no such user" if "nobody" in line else "450 4.2.0 later" if "busy" in line else None
    one, port = hop(answers={"RCPT": rcpt}), free_port()
    g = genkan(site(port, [(1, 10)], routes='[[smtp.route]]\ndomains = ["ask.example"]\nrelay = "one"\ncallback = true\n') + group("one", one),
               workers=1)
    for _ in range(3):
        assert [r[:3] for r in send(port, "ann@ask.example", "nobody@ask.example", "busy@ask.example")] == ["250", "550", "451"]
    wait_empty(g)
    asked = [line for line in one.commands if line.startswith("RCPT")]
    assert sum("nobody" in line for line in asked) == 1, "remembered"
    assert sum("ann@" in line for line in asked) == 1 + 3, "asked once, then three messages"
    assert sum("busy" in line for line in asked) == 3, "what is not known is asked again"
    assert "MAIL FROM:<>" in one.commands[1]


def test_nobody_is_accepted_while_the_next_hop_cannot_be_asked(genkan):
    port = free_port()
    genkan(site(port, [(free_port(), 10)]).replace('relay = "next"', 'relay = "next"\ncallback = true'))
    assert send(port, "ann@next.example")[0].startswith("451")


ALIASES = """
    [[smtp.alias]]
    address = "team@home.example"
    to = ["ann@home.example", "boss@home.example", "far@next.example"]
    [[smtp.alias]]
    address = "boss@home.example"
    to = ["ann@home.example"]
    [[smtp.alias]]
    address = "loop-a@home.example"
    to = ["loop-b@home.example"]
    [[smtp.alias]]
    address = "loop-b@home.example"
    to = ["loop-a@home.example"]
    [[smtp.alias]]
    address = "@home.example"
    to = ["rest@home.example"]
    [[smtp.rewrite]]
    pattern = "(.*)@old\\\\.example"
    to = "\\\\1@next.example"
    [[smtp.rewrite]]
    pattern = "root@(.*)\\\\.internal"
    to = "root+\\\\1@next.example"
    side = "sender"
"""


def test_aliases_tags_catch_all_and_rewriting(genkan, hop):
    one, port = hop(["PIPELINING", "DSN"]), free_port()
    g = genkan(site(port, [(one.port, 10)], routes='[[smtp.route]]\ndomains = ["home.example"]\nlocal = true\n') + ALIASES +
               '[webmail]\nenabled = true\ndomains = ["home.example"]\n')
    for user in ("ann", "rest"):
        add_user(g, f"{user}@home.example")
    replies = send(port, "team+x@home.example", "ann+tag@home.example", "nobody@home.example", "Someone@old.example",
                   "loop-a@home.example", sender="root@host7.internal")
    assert [r[:3] for r in replies] == ["250", "250", "250", "250", "550"], "an alias that leads nowhere is nobody"
    wait_empty(g)
    assert recipients(one) == ["Someone@next.example", "far@next.example"]
    assert one.mails[0].sender == "root+host7@next.example"
    rcpts = " ".join(r for m in one.mails for r in m.rcpts)
    assert "ORCPT=rfc822;team+2Bx@home.example" in rcpts and "ORCPT=rfc822;Someone@old.example" in rcpts
    for user, count in (("ann", 2), ("rest", 1)):
        files = wait_until(lambda: list((g.state / "mail" / "home.example" / user / "new").glob("*")), 20, user)
        assert len(files) == count, f"{user}: once for the alias, however it led there, and once for the tag"


# --- mail hosts by DNS -----------------------------------------------------------------------------------------------------

def mx_site(port, names, hop_port, more=""):
    return f'[node]\nname = "mx"\nstate_dir = "STATE"\nworkers = 1\ndrain_timeout = "5s"\nname_servers = ["{names.address}"]\n' + site(
        port, [(1, 10)], more=f'mx_port = {hop_port}\nretry_max = "2s"\n{more}', routes='[[smtp.route]]\ndomains = ["*.world", "world"]\nmx = true\n')


@pytest.fixture
def mx(genkan, hop, names, tmp_path):
    def make(zone, *args, more="", **kinds):
        one, port, dns = hop(*args, **kinds), free_port(), names(zone)
        (tmp_path / "state").mkdir()
        conf = mx_site(port, dns, one.port, more).replace("STATE", str(tmp_path / "state"))
        return genkan(conf + group("back", one) + '[[smtp.route]]\ndomains = ["client.example"]\nrelay = "back"\n'), one, port, dns
    return make


def test_mail_hosts_are_tried_by_preference_and_all_addresses_of_each(mx):
    # 127.0.0.3 and ::1 have no listener: the second address of the better host takes it.
    g, one, port, dns = mx({
        "a.world": [("MX", "10 mx1.world"), ("MX", "20 mx2.world")],
        "mx1.world": [("A", "127.0.0.3"), ("AAAA", "::1"), ("A", "127.0.0.1")],
        "mx2.world": "servfail",
        "plain.world": [("A", "127.0.0.1")],
        "alias.world": [("CNAME", "plain.world")],
    })
    for domain in ("a", "plain", "alias"):
        assert send(port, f"u@{domain}.world")[0].startswith("250")
    one.wait(3)
    wait_empty(g)
    assert recipients(one) == ["u@a.world", "u@alias.world", "u@plain.world"]


@pytest.mark.parametrize("zone,status", [
    ({"b.world": [("MX", "0 .")]}, "5.1.10"),
    ({}, "5.4.4"),
    ({"b.world": [("MX", "10 gone.world")]}, "5.4.4"),
    ({"b.world": [("MX", "10 MX.Example"), ("MX", "20 other.world")]}, "5.4.6"),
    ({"b.world": [("CNAME", "c.world")], "c.world": [("CNAME", "b.world")]}, "5.4.4"),
])
def test_what_can_never_work_comes_back_at_once(mx, zone, status):
    g, one, port, dns = mx(zone)
    assert send(port, "u@b.world")[0].startswith("250")
    text = one.wait()[0].content.decode()
    assert f"Status: {status}" in text and "Final-Recipient: rfc822; u@b.world" in text
    wait_empty(g)


@pytest.mark.parametrize("trouble", ["servfail", "silent"])
def test_without_an_answer_from_dns_mail_waits(mx, trouble):
    g, one, port, dns = mx({"b.world": trouble})
    assert send(port, "u@b.world")[0].startswith("250")
    g.wait_log("mail hosts of a domain cannot be found out", 60)
    assert depth(g) == 1 and not one.mails


def test_trusted_clients_reach_the_whole_world(mx):
    g, one, port, dns = mx({"else.where": [("A", "127.0.0.1")]}, more='relay_for_others = "mx"\nrelay_from = ["127.0.0.1"]')
    assert send(port, "u@else.where", "u@[127.0.0.1]")[0].startswith("250")
    one.wait(2)
    wait_empty(g)
    assert recipients(one) == ["u@[127.0.0.1]", "u@else.where"]

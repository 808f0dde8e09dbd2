"""Who really sent it: SPF, DKIM, DMARC, reverse DNS and HELO, as pyspf and dkimpy see it. ARC and signatures: test_smtp_signing.py."""
import random
import time

import dkim
import pytest

from harness import SLOW, wait_until
from mail_auth import MAIL, Outside, arc_by_dkimpy, client_zone, dkim_lookup, dmarc, fields, key_zone, random_message, results, signed
from mail_auth import keys, world  # noqa: F401 (fixtures)
from mail_peers import Talk


def test_what_was_found_stands_on_top(world):
    w = world(client_zone(**{"_dmarc.client.example": [("TXT", "v=DMARC1; p=reject")]}))
    got = w.passed(MAIL)
    assert got.startswith(b"Authentication-Results: mx.example.org;\r\n\t")
    assert got.endswith(MAIL), "the message itself is as it came"
    found = results(got)
    assert found["spf"] == ["pass smtp.mailfrom=ann@client.example"]
    assert found["iprev"] == ["pass (mta.client.example) policy.iprev=192.0.2.1"]
    assert found["x-helo"] == ["pass smtp.helo=mta.client.example"]
    assert found["dkim"] == ["none"] and found["arc"] == ["none"]
    assert found["dmarc"] == ["pass (p=reject) header.from=client.example"]


@pytest.mark.parametrize("size", [0, 700_000])
def test_fields_that_pretend_to_be_ours_are_removed_and_nothing_else(world, size):
    w = world(client_zone())
    forged = (b"Authentication-Results: mx.example.org; spf=pass\r\n smtp.mailfrom=bank.example\r\n", b"authentication-results : (c) \"MX.example.ORG\" 1; dkim=pass\r\n")
    kept = b"X-A: 1\r\n  folded\r\nAuthentication-Results: other.example; spf=fail\r\nFrom:ann@client.example\r\n"
    body = b"\r\nAuthentication-Results: mx.example.org; in the body\r\n" + (b"y" * 98 + b"\r\n") * (size // 100)
    got = w.passed(forged[0] + kept + forged[1] + body)
    assert got.endswith(b"\r\n" + kept + body)
    assert len(fields(got, "Authentication-Results")) == 2
    with Talk(w.port) as talk:  # this host is not asked about, and is believed no more
        assert talk.message("u@next.example", forged[0] + kept + b"\r\nx\r\n").startswith("250")
    assert w.hop.wait(2)[1].own == kept + b"\r\nx\r\n"


def test_hosts_of_ours_may_say_what_they_like(world):
    w = world(client_zone(), top='relay_from = ["192.0.2.0/24"]')
    forged = b"Authentication-Results: mx.example.org; spf=pass\r\n" + MAIL
    got = w.passed(forged)
    assert got.startswith(b"Received:") and got.endswith(b"\r\n" + forged)


SPF = [("pass", "v=spf1 ip4:192.0.2.1 -all"), ("fail", "v=spf1 -all"), ("softfail", "v=spf1 ~all"), ("neutral", "v=spf1 ?all"), ("none", "nothing"),
       ("permerror", "v=spf1 nonsense"), ("pass", "v=spf1 mx -all"), ("pass", "v=spf1 a:mta.client.example -all"), ("fail", "v=spf1 ptr -all"),
       ("pass", "v=spf1 ptr:client.example -all"), ("pass", "v=spf1 exists:%{ir}.%{v}.%{l1r+-}.lp.client.example -all"),
       ("pass", "v=spf1 include:_inc.client.example -all"), ("pass", "v=spf1 redirect=_inc.client.example"), ("permerror", "v=spf1 include:nowhere.example"),
       ("permerror", "v=spf1 a:1.example.net a:2.example.net a:3.example.net -all"), ("fail", "v=spf1 a:mta.client.example/33 -all")]


def test_spf_as_pyspf_sees_it(world, monkeypatch):
    import spf
    zone = client_zone(**{"_inc.client.example": [("TXT", "v=spf1 ip4:192.0.2.0/24 -all")], "1.2.0.192.in-addr.ann.lp.client.example": [("A", "127.0.0.2")]})
    zone |= {f"c{n}.example": [("TXT", record), ("MX", "10 mta.client.example")] for n, (_, record) in enumerate(SPF)}

    def look(name, kind, strict=True, timeout=20):
        return [((name, k), (v.encode(),) if k == "TXT" else (int(v.split()[0]), v.split()[1]) if k == "MX" else v)
                for k, v in zone.get(name.lower().rstrip("."), []) if k == kind]
    monkeypatch.setattr(spf, "DNSLookup", look)
    w = world(zone, rows='spf = "reject"')
    for n, (result, record) in enumerate(SPF):
        sender = f"ann+tag@c{n}.example"
        theirs = spf.check2(i="192.0.2.1", s=sender, h="mta.client.example")[0]
        assert theirs == ("permerror" if "/33" in record else result), record
        if theirs == "fail":
            assert w.send(MAIL, sender=sender).startswith("550 5.7.23"), record
        else:
            assert results(w.passed(MAIL, sender=sender))["spf"][0] == f"{theirs} smtp.mailfrom={sender}", record


def test_spf_refuses_with_the_words_of_the_domain_but_not_postmaster(world):
    w = world(client_zone("v=spf1 exp=why.client.example -all", **{"why.client.example": [("TXT", "%{i} is none of ours")]}), rows='spf = "reject"')
    assert "192.0.2.1 is none of ours" in w.send(MAIL)
    assert w.send(MAIL, to="postmaster@next.example").startswith("250")


@pytest.mark.parametrize("rows,code", [('spf = "reject"', "250"), ('spf = "reject"\ndns_failure = "tempfail"', "451 4.7.24")])
def test_a_name_server_that_does_not_answer(world, rows, code):
    w = world(client_zone(**{"client.example": "servfail"}), rows=rows)
    assert w.send(MAIL).startswith(code)
    if code == "250":
        assert results(w.hop.wait()[0].content)["spf"][0].startswith("temperror")
        assert w.g.metrics()["genkan_smtp_auth_dns_failures_total"] == 1


def test_a_silent_name_server_holds_nobody_longer_than_timeout(world):
    w = world({"client.example": "silent", "mta.client.example": "silent", "1.2.0.192.in-addr.arpa": "silent", "_dmarc.client.example": "silent"}, rows='timeout = "1s"')
    with Outside(w.port) as talk, Talk(w.port) as other:
        talk.say("EHLO mta.client.example")
        talk.say("MAIL FROM:<ann@client.example>")
        talk.say("RCPT TO:<u@next.example>")
        talk.say("DATA")
        talk.send(MAIL + b".\r\n")
        assert other.say("NOOP").startswith("250"), "the worker serves others meanwhile"
        begun = time.monotonic()
        assert talk.reply().startswith("250") and time.monotonic() - begun < 4 * SLOW
    found = results(w.hop.wait()[0].content)
    assert found["spf"][0].startswith("temperror") and found["iprev"][0].startswith("temperror")


def test_reverse_dns(world):
    v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    w = world(client_zone(**{"3.2.0.192.in-addr.arpa": [("PTR", "mta.client.example")], v6: [("PTR", "six.client.example")], "six.client.example": [("AAAA", "2001:db8::1")]}),
              rows='reverse_dns = "reject"')
    for ip, code in (("192.0.2.1", "250"), ("192.0.2.2", "550 5.7.25"), ("192.0.2.3", "550 5.7.25"), ("2001:db8::1", "250")):
        assert w.send(MAIL, ip=ip).startswith(code), ip


def test_helo(world):
    w = world(client_zone(), rows='helo = "reject"')
    for helo, code in (("mta.client.example", "250"), ("client.example", "250"), ("nowhere.example", "550 5.7.1"), ("single", "550 5.7.1"), ("mx.example.org", "550 5.7.1"),
                       ("192.0.2.1", "5"), ("[192.0.2.1]", "250"), ("[192.0.2.9]", "550 5.7.1")):
        assert w.send(MAIL, helo=helo).startswith(code), helo


def test_dkim_agrees_with_dkimpy_about_many_messages(world, keys):
    zone = client_zone(**key_zone(keys))
    w = world(zone)
    rng, sent = random.Random(7), {}
    canons = [(a, b) for a in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]
    with Outside(w.port) as talk:
        for number in range(120):
            name, canon = ["rsa", "ed25519"][number % 2], canons[number // 2 % 4]
            message = random_message(rng)
            include = [b"from", b"from", b"subject", b"subject", b"subject", b"to", b"x-other", b"x-mixed"] if rng.random() < 0.5 else None
            out = signed(message, keys[name], name.encode(), canon, include_headers=include)
            kind = rng.randrange(6)
            if kind == 0:  # something is changed
                at = rng.randrange(len(out) - 1)
                if 0x20 < out[at] < 0x7f and out[at:at + 1] not in b".:;":
                    out = out[:at] + bytes([out[at] ^ 1]) + out[at + 1:]
            elif kind == 1:  # white space is added at the end of a line of the body
                head, body = out.split(b"\r\n\r\n", 1)
                out = head + b"\r\n\r\n" + body.replace(b"\r\n", b" \r\n", 1)
            elif kind == 2:
                out += b"\r\n" * rng.randrange(1, 4)
            elif kind == 3:  # a field more
                out = rng.choice([b"Subject: more\r\n", b"From: eve@evil.example\r\n", b"X-New: 1\r\n"]) + out
            mark = f"mark-{number}"
            out = b"X-Mark: " + mark.encode() + b"\r\n" + out
            try:
                good = dkim.verify(out, dnsfunc=dkim_lookup(zone))
            except Exception:  # it stumbles over some that are broken
                good = False
            sent[mark] = (good, out)
            assert talk.mail(out).startswith("250")
    assert 30 < sum(good for good, _ in sent.values()) < 115, "both kinds are there"
    for mail in w.hop.wait(len(sent)):
        good, out = sent[fields(mail.content, "X-Mark")[0]]
        mine = results(mail.content)["dkim"][0]
        assert mine.startswith("pass ") == good, (mine, good, out)
        assert mail.content.endswith(out)


def test_dkim_of_bad_keys_and_bad_signatures(world, keys):
    good, k = keys["rsa"], "._domainkey.client.example"
    w = world(client_zone(**key_zone(keys), **{
        "revoked" + k: [("TXT", "v=DKIM1; p=")], "notmail" + k: [("TXT", good.record + "; s=other")], "sha1" + k: [("TXT", good.record + "; h=sha1")],
        "broken" + k: [("TXT", "v=DKIM1; p=!!")], "version" + k: [("TXT", good.record.replace("DKIM1", "DKIM2"))], "type" + k: [("TXT", keys["ed25519"].record)],
        "testing" + k: [("TXT", good.record + "; t=y:s")], "silent" + k: "servfail"}))

    def verdict(selector, change=lambda m: m, key=good, **more):
        return results(w.passed(change(signed(MAIL, key, selector.encode(), (b"relaxed", b"relaxed"), **more))))["dkim"][0]
    expected = {"rsa": "pass header.d", "thousand": "pass header.d", "revoked": "permerror (the key is revoked)", "notmail": "permerror (the key is not for mail)",
                "sha1": "permerror (the key is not for SHA-256)", "broken": "permerror", "version": "permerror", "type": "permerror (the key is of another type)",
                "nothing": "permerror (there is no key)", "testing": "pass (testing)", "silent": "temperror"}
    for selector, want in expected.items():
        mine = verdict(selector, key=keys["thousand"] if selector == "thousand" else good)
        assert mine.startswith(want), (selector, mine)
        assert f"header.s={selector}" in mine
    changes = {
        b"a=rsa-sha256": (b"a=rsa-sha1", "permerror (rsa-sha1"), b"v=1": (b"v=2", "neutral"), b"d=client.example": (b"d=client.example; d=x.example", "neutral"),
        b"s=rsa": (b"s=rsa; x=1", "permerror"), b"a=rsa": (b"a=dsa", "neutral"), b"bh=": (b"bh=!", "neutral"), b"b=": (b"q=http/x; b=", "neutral"),
        b"i=": (b"i=", "permerror"), b"c=relaxed/relaxed": (b"c=mime", "neutral"), b"h=": (b"l=99999; h=", "permerror (l= is longer"),
    }
    for old, (new, want) in changes.items():
        if old == b"i=":
            old, new = b"i=@client.example", b"i=@example"
        mine = verdict("rsa", lambda m: m.replace(old, new, 1) if old != b"b=" else m.replace(b"; b=", b"; " + new, 1).replace(b"\r\n b=", b"\r\n " + new, 1))
        assert mine.startswith(want), (new, mine)


def test_dkim_with_a_length_is_good_for_the_whole_body_only(world, keys):
    w = world(client_zone(**key_zone(keys)))
    out = signed(MAIL, keys["rsa"], b"rsa", (b"relaxed", b"relaxed"), length=True)
    assert results(w.passed(out))["dkim"][0].startswith("pass")
    assert results(w.passed(out + b"more\r\n"))["dkim"][0].startswith("policy (a part of the body is not signed)")


def test_only_ten_signatures_are_looked_at(world, keys):
    w = world(client_zone(**key_zone(keys)))
    one = signed(MAIL, keys["rsa"], b"rsa", (b"relaxed", b"relaxed"))[:-len(MAIL)]
    found = results(w.passed(one * 15 + MAIL))["dkim"]
    assert len(found) == 10 and all(f.startswith("pass") for f in found)


@pytest.mark.parametrize("size", [0, 700_000])
def test_dkim_of_large_content_and_of_chunks_without_a_last_line_end(world, keys, size):
    w = world(client_zone(**key_zone(keys)))
    out = signed(MAIL + (b"y" * 98 + b"\r\n") * (size // 100), keys["rsa"], b"rsa", (b"simple", b"simple"))[:-2]
    with Outside(w.port) as talk:
        for command in ("EHLO mta.client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<u@next.example>"):
            talk.say(command)
        pieces = [out[:70], out[70:71], out[71:]]
        for number, piece in enumerate(pieces):
            talk.send(f"BDAT {len(piece)}{' LAST' if number == 2 else ''}\r\n".encode() + piece)
            assert talk.reply().startswith("250")
    got = w.hop.wait()[0].content
    assert results(got)["dkim"][0].startswith("pass") and got.endswith(out + b"\r\n")
    assert got.count(b"Received:") == 1


DMARC = [
    ("p=reject", "v=spf1 -all", "550 5.7.1", ""), ("p=quarantine", "v=spf1 -all", "250", "fail (p=quarantine)"), ("p=none", "v=spf1 -all", "250", "fail (p=none)"),
    ("p=reject; pct=0", "v=spf1 -all", "250", "fail (p=reject)"), ("p=reject", "v=spf1 +all", "250", "pass (p=reject)"), ("p=nonsense", "v=spf1 -all", "250", "none"),
    ("p=nonsense; rua=mailto:x@client.example", "v=spf1 -all", "250", "fail (p=none)"),
]


def test_dmarc_is_enforced(world):
    zone = client_zone()
    for n, (policy, spf, _, _) in enumerate(DMARC):
        zone |= {f"c{n}.example": [("TXT", spf)], f"_dmarc.c{n}.example": [("TXT", "v=DMARC1; " + policy)]}
    w = world(zone, rows='dmarc = "enforce"')
    for n, (policy, _, code, result) in enumerate(DMARC):
        mail, sender = MAIL.replace(b"client.example", f"c{n}.example".encode()), f"ann@c{n}.example"
        if code != "250":
            assert w.send(mail, sender=sender).startswith(code), policy
            continue
        got = w.passed(mail, sender=sender)
        assert results(got)["dmarc"][0].startswith(result), policy
        assert bool(fields(got, "X-Quarantine")) == ("p=quarantine" in policy or "pct=0" in policy)


def test_dmarc_alignment(world, keys):
    zone = dmarc("p=reject; sp=none")
    zone.update(key_zone(keys))
    zone.update({"mail.client.example": [("TXT", "v=spf1 +all"), ("A", "192.0.2.1")], "_dmarc.strict.example": [("TXT", "v=DMARC1; p=reject; aspf=s; adkim=s")],
                 "mail.strict.example": [("TXT", "v=spf1 +all")], "_dmarc.other.co.uk": [("TXT", "v=DMARC1; p=reject")], "client.co.uk": [("TXT", "v=spf1 +all")]})
    w = world(zone, rows='dmarc = "enforce"')
    assert results(w.passed(MAIL, sender="x@mail.client.example"))["dmarc"][0].startswith("pass"), "relaxed: the organisation counts"
    assert results(w.passed(signed(MAIL, keys["rsa"], b"rsa", (b"relaxed", b"relaxed"))))["dmarc"][0].startswith("pass"), "by DKIM alone"
    assert results(w.passed(MAIL.replace(b"ann@client", b"ann@sub.client")))["dmarc"][0].startswith("fail (p=none) header.from=sub.client.example"), "sp"
    strict = MAIL.replace(b"client.example", b"strict.example")
    assert w.send(strict, sender="x@mail.strict.example").startswith("550"), "strict"
    other = MAIL.replace(b"client.example", b"other.co.uk")
    assert w.send(other, sender="x@client.co.uk").startswith("550"), "co.uk is no organisation"
    tampered = signed(MAIL, keys["rsa"], b"rsa", (b"relaxed", b"relaxed")).replace(b"hello", b"hullo")
    assert w.send(tampered).startswith("550")


FROM = [
    (b"From: a@good.example, b@client.example\r\n", "550", ""), (b"From: a@good.example\r\nFrom: b@good.example\r\n", "550", ""),
    (b"X: 1\r\n", "250", "permerror (no From)"), (b"From: \"x@good.example\" <a@client.example>\r\n", "550", ""),
    (b"From: (x@client.example) a@good.example\r\n", "250", "none header.from=good.example"), (b"From: undisclosed:;\r\n", "250", "permerror"),
    (b"From: Team: a@good.example;\r\n", "250", "none header.from=good.example"), (b"From: <a@CLIENT.example.>\r\n", "550", ""),
]


def test_dmarc_and_odd_from_fields(world):
    w = world(dmarc("p=reject"), rows='dmarc = "enforce"')
    for header, code, result in FROM:
        if code == "250":
            assert results(w.passed(header + b"\r\nx\r\n"))["dmarc"][0].startswith(result), header
        else:
            assert w.send(header + b"\r\nx\r\n").startswith(code), header


def test_dmarc_without_an_answer(world):
    zone = dmarc("p=reject")
    zone["_dmarc.client.example"] = "servfail"
    w = world(zone, rows='dmarc = "enforce"')
    assert results(w.passed(MAIL))["dmarc"][0].startswith("temperror")
    w.g.reload(w.conf(rows='dmarc = "enforce"\ndns_failure = "tempfail"'))
    assert w.send(MAIL).startswith("451 4.7.1")


def test_a_header_without_end_is_refused(world):
    w = world(client_zone())
    assert w.send(b"X: y\r\n" * 60_000 + b"\r\n").startswith("552 5.3.4")


def test_a_trusted_forwarder_outweighs_dmarc(world, keys):
    zone = dmarc("p=reject")
    zone.update(key_zone(keys))
    w = world(zone, rows='dmarc = "enforce"')
    chain = arc_by_dkimpy(MAIL, keys["rsa"], b"rsa")
    assert w.send(chain).startswith("550")
    w.g.reload(w.conf(rows='dmarc = "enforce"\narc_trusted = ["client.example"]'))
    assert results(w.passed(chain))["dmarc"][0].startswith("fail (p=reject)")
    assert w.send(chain.replace(b"hello", b"hullo")).startswith("550")


def test_the_mail_log_has_what_was_found(world, tmp_path):
    log = tmp_path / "mail.log"
    w = world(client_zone(), top=f'log = "{log}"\nlog_format = "json"')
    w.passed(MAIL)
    line = wait_until(lambda: next((x for x in log.read_text().splitlines() if "authenticated" in x), None), 10, "the line")
    assert '"spf":"pass"' in line and '"name":"mta.client.example"' in line and '"client":"192.0.2.1"' in line

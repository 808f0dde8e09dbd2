"""Who really sent it: SPF, DKIM, DMARC, ARC, reverse DNS and HELO; our own signatures and seals. dkimpy and OpenDKIM judge ours, and
sign what we judge."""
import random
import shutil
import subprocess

import dkim
import pytest

from harness import free_port, run_genkan, wait_until
from mail_auth import Key, Outside, World, dkim_lookup, fields, random_message, results
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import add_user

MAIL = b"From: Ann <ann@client.example>\r\nTo: u@next.example\r\nSubject: x\r\n\r\nhello\r\n"


@pytest.fixture(scope="session")
def keys():
    return {"rsa": Key("rsa"), "ed25519": Key("ed25519"), "small": Key("rsa", 512), "thousand": Key("rsa", 1024)}


@pytest.fixture
def world(genkan, tmp_path):
    made = []

    def make(zone, **more):
        hop = Hop()
        made.append(hop)
        made.append(World(genkan, hop, tmp_path, zone, **more))
        return made[-1]
    yield make
    for one in reversed(made):
        one.stop()


def client_zone(spf="v=spf1 ip4:192.0.2.1 -all", **more):
    zone = {
        "client.example": [("TXT", spf), ("MX", "10 mta.client.example")],
        "mta.client.example": [("A", "192.0.2.1")],
        "1.2.0.192.in-addr.arpa": [("PTR", "mta.client.example")],
    }
    zone.update(more)
    return zone


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


SPF = [("pass", "v=spf1 ip4:192.0.2.1 -all", 250), ("fail", "v=spf1 -all", 550), ("softfail", "v=spf1 ~all", 250), ("neutral", "v=spf1 ?all", 250),
       ("none", "nothing", 250), ("permerror", "v=spf1 nonsense", 250), ("pass", "v=spf1 mx -all", 250), ("pass", "v=spf1 a:mta.%{d} -all", 250),
       ("pass", "v=spf1 ptr -all", 250), ("pass", "v=spf1 exists:%{ir}.%{v}.%{l1r+-}.lp.%{o} -all", 250), ("pass", "v=spf1 include:_inc.client.example -all", 250),
       ("pass", "v=spf1 redirect=_inc.client.example", 250)]


@pytest.mark.parametrize("result,record,code", SPF)
def test_spf_as_pyspf_sees_it(world, monkeypatch, result, record, code):
    import spf
    zone = client_zone(record, **{"_inc.client.example": [("TXT", "v=spf1 ip4:192.0.2.0/24 -all")], "1.2.0.192.in-addr.ann.lp.client.example": [("A", "127.0.0.2")]})

    def look(name, kind, strict=True, timeout=20):
        rows = zone.get(name.lower().rstrip("."), [])
        out = []
        for k, v in rows:
            if k == kind:
                out.append(((name, k), (v.encode(),) if k == "TXT" else (int(v.split()[0]), v.split()[1]) if k == "MX" else v))
        return out
    monkeypatch.setattr(spf, "DNSLookup", look)
    theirs = spf.check2(i="192.0.2.1", s="ann+tag@client.example", h="mta.client.example")[0]
    w = world(zone, rows='spf = "reject"')
    answer = w.send(MAIL, sender="ann+tag@client.example")
    assert theirs == result and answer.startswith(str(code)), (theirs, answer)
    if code == 250:
        assert results(w.hop.wait()[0].content)["spf"] == [f"{result} smtp.mailfrom=ann+tag@client.example"]
    else:
        assert answer.startswith("550 5.7.23")


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


def test_a_silent_name_server_holds_nobody_longer_than_timeout(world):
    w = world({"client.example": "silent", "mta.client.example": "silent", "1.2.0.192.in-addr.arpa": "silent", "_dmarc.client.example": "silent"}, rows='timeout = "1s"')
    with Outside(w.port) as talk, Talk(w.port) as other:
        talk.say("EHLO mta.client.example")
        talk.say("MAIL FROM:<ann@client.example>")
        talk.say("RCPT TO:<u@next.example>")
        talk.say("DATA")
        talk.send(MAIL + b".\r\n")
        assert other.say("NOOP").startswith("250"), "the worker serves others meanwhile"
        assert talk.reply().startswith("250")
    found = results(w.hop.wait()[0].content)
    assert found["spf"][0].startswith("temperror") and found["iprev"][0].startswith("temperror")


@pytest.mark.parametrize("ip,code", [("192.0.2.1", "250"), ("192.0.2.2", "550 5.7.25"), ("192.0.2.3", "550 5.7.25"), ("2001:db8::1", "250")])
def test_reverse_dns(world, ip, code):
    v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    w = world(client_zone(**{"3.2.0.192.in-addr.arpa": [("PTR", "mta.client.example")], v6: [("PTR", "six.client.example")], "six.client.example": [("AAAA", "2001:db8::1")]}),
              rows='reverse_dns = "reject"')
    assert w.send(MAIL, ip=ip).startswith(code)


@pytest.mark.parametrize("helo,code", [("mta.client.example", "250"), ("client.example", "250"), ("nowhere.example", "550 5.7.1"), ("single", "550 5.7.1"),
                                       ("mx.example.org", "550 5.7.1"), ("192.0.2.1", "550 5.7.1"), ("[192.0.2.1]", "250"), ("[192.0.2.9]", "550 5.7.1")])
def test_helo(world, helo, code):
    w = world(client_zone(), rows='helo = "reject"')
    answer = w.send(MAIL, helo=helo)
    assert answer.startswith(code) or (helo == "192.0.2.1" and answer.startswith("501")), answer


def signed(message, key, selector, canon, **more):
    return dkim.sign(message, selector, b"client.example", key.private, signature_algorithm=key.algorithm, canonicalize=canon, **more) + message


def key_zone(keys):
    return {f"{name}._domainkey.client.example": [("TXT", key.record)] for name, key in keys.items()}


def test_dkim_agrees_with_dkimpy_about_many_messages(world, keys):
    zone = client_zone(**key_zone(keys))
    w = world(zone)
    rng, sent = random.Random(7), {}
    canons = [(a, b) for a in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]
    with Outside(w.port) as talk:
        for number in range(160):
            name, canon = ["rsa", "ed25519"][number % 2], canons[number // 2 % 4]
            message = random_message(rng)
            include = [b"from", b"from", b"subject", b"subject", b"subject", b"to", b"x-other", b"x-mixed", b"received"] if rng.random() < 0.5 else None
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
    assert 40 < sum(good for good, _ in sent.values()) < 150, "both kinds are there"
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
            old, new = b"v=1;", b"v=1; i=@example;"
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


def dmarc(policy, **more):
    return client_zone(more.pop("spf", "v=spf1 -all"), **{"_dmarc.client.example": [("TXT", f"v=DMARC1; {policy}")]}, **more)


DMARC = [
    ("p=reject", {}, "550 5.7.1", "fail"), ("p=quarantine", {}, "250", "fail (p=quarantine)"), ("p=none", {}, "250", "fail (p=none)"),
    ("p=reject; pct=0", {}, "250", "fail (p=reject)"), ("p=reject", {"spf": "v=spf1 +all"}, "250", "pass"),
    ("p=nonsense", {}, "250", "none"), ("p=nonsense; rua=mailto:x@client.example", {}, "250", "fail (p=none)"),
]


@pytest.mark.parametrize("policy,zone,code,result", DMARC)
def test_dmarc_is_enforced(world, policy, zone, code, result):
    w = world(dmarc(policy, **zone), rows='dmarc = "enforce"')
    answer = w.send(MAIL)
    assert answer.startswith(code), answer
    if code == "250":
        got = w.hop.wait()[0].content
        assert results(got)["dmarc"][0].startswith(result)
        quarantined = "p=quarantine" in policy or "pct=0" in policy
        assert bool(fields(got, "X-Quarantine")) == quarantined


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


@pytest.mark.parametrize("header,code,result", [
    (b"From: a@good.example, b@client.example\r\n", "550", ""), (b"From: a@good.example\r\nFrom: b@good.example\r\n", "550", ""),
    (b"X: 1\r\n", "250", "permerror (no From)"), (b"From: \"x@good.example\" <a@client.example>\r\n", "550", ""),
    (b"From: (x@client.example) a@good.example\r\n", "250", "none header.from=good.example"), (b"From: undisclosed:;\r\n", "250", "permerror"),
    (b"From: Team: a@good.example;\r\n", "250", "none header.from=good.example"), (b"From: <a@CLIENT.example.>\r\n", "550", ""),
])
def test_dmarc_and_odd_from_fields(world, header, code, result):
    w = world(dmarc("p=reject"), rows='dmarc = "enforce"')
    answer = w.send(header + b"\r\nx\r\n")
    assert answer.startswith(code), answer
    if code == "250":
        assert results(w.hop.wait()[0].content)["dmarc"][0].startswith(result)


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


def key_files(tmp_path, keys, names=("rsa", "ed25519"), more=""):
    rows = ""
    for name in names:
        (tmp_path / f"{name}.pem").write_bytes(keys[name].pem)
        rows += f'[[smtp.dkim]]\ndomain = "client.example"\nselector = "{name}"\nkey = "{tmp_path}/{name}.pem"\n{more}\n'
    return rows


def test_our_signatures_hold_with_dkimpy(world, keys, tmp_path):
    zone = client_zone(**key_zone(keys))
    w = world(zone, more=key_files(tmp_path, keys), top='relay_from = ["192.0.2.0/24"]')
    rng, sent = random.Random(11), {}
    with Outside(w.port) as talk:
        for number in range(80):
            out = f"X-Mark: mark-{number}\r\n".encode() + random_message(rng)
            sent[f"mark-{number}"] = out
            assert talk.mail(out).startswith("250")
        large = b"X-Mark: large\r\n" + MAIL + (b"y \t z" * 16 + b"\r\n") * 8000
        sent["large"] = large
        assert talk.mail(large).startswith("250")
    for mail in w.hop.wait(len(sent)):
        assert mail.content.endswith(b"\r\n" + sent[fields(mail.content, "X-Mark")[0]])
        d = dkim.DKIM(mail.content)
        assert d.verify(idx=0, dnsfunc=dkim_lookup(zone)) and d.verify(idx=1, dnsfunc=dkim_lookup(zone)), mail.content
        for change in (b"From: eve@evil.example\r\n" + mail.content, mail.content.replace(b"To:", b"to: eve@evil.example,", 1), mail.content + b"more\r\n"):
            assert not dkim.verify(change, dnsfunc=dkim_lookup(zone))
        assert {f.split("a=")[1].split(";")[0] for f in fields(mail.content, "DKIM-Signature")} >= {"rsa-sha256", "ed25519-sha256"}
    got = w.passed(MAIL.replace(b"ann@client", b"ann@elsewhere"))
    assert not fields(got, "DKIM-Signature"), "only for its own domain"


def test_our_signature_holds_with_opendkim(world, keys, tmp_path):
    tool = shutil.which("opendkim") or "/usr/sbin/opendkim"
    w = world(client_zone(**key_zone(keys)), more=key_files(tmp_path, keys, ["rsa"]), top='relay_from = ["192.0.2.0/24"]')
    (tmp_path / "mail").write_bytes(w.passed(MAIL).replace(b"\r\n", b"\n"))
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {tmp_path}/keys\n")
    (tmp_path / "keys").write_text(f"rsa._domainkey.client.example {keys['rsa'].record}\n")
    done = subprocess.run([tool, "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "mail")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "verification (s=rsa" in done.stdout + done.stderr and "succeeded" in done.stdout + done.stderr, done.stdout + done.stderr


def test_users_are_signed_for_and_others_are_not(world, keys, tmp_path):
    zone, tls = client_zone(**key_zone(keys)), free_port()
    more = key_files(tmp_path, keys, ["rsa"]) + f"""
        [[smtp.listen]]
        address = ["127.0.0.1:{tls}"]
        submission = true
        implicit_tls = true
        [[certificate]]
        self_signed = true
        names = ["mx.example"]
        [webmail]
        enabled = true
        domains = ["client.example"]
    """
    w = world(zone, more=more)
    add_user(w.g, "ann@client.example")
    done = subprocess.run(["curl", "-sS", "-k", f"smtps://127.0.0.1:{tls}/c.example", "-u", "ann@client.example:secret pass phrase", "--mail-from",
                           "ann@client.example", "--mail-rcpt", "y@next.example", "-T", "-"], input=MAIL.decode(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    got = w.hop.wait()[0].content
    assert dkim.verify(got, dnsfunc=dkim_lookup(zone)) and not fields(got, "Authentication-Results")
    assert not fields(w.passed(MAIL), "DKIM-Signature")


def test_a_key_that_cannot_be_used_is_said_at_once(tmp_path, genkan, keys):
    (tmp_path / "small.pem").write_bytes(keys["small"].pem)
    conf = tmp_path / "c.toml"
    conf.write_text(f'[node]\nstate_dir = "{tmp_path}"\n[[smtp.dkim]]\ndomain = "client.example"\nselector = "s"\nkey = "{tmp_path}/small.pem"\n')
    done = run_genkan("check", conf)
    assert done.returncode != 0 and "less than 1024 bits" in done.stderr
    conf.write_text(conf.read_text().replace("small.pem", "nothing.pem"))
    assert "nothing.pem" in run_genkan("check", conf).stderr


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_keygen_makes_a_key_and_its_record(tmp_path, kind):
    file = tmp_path / "new.pem"
    done = run_genkan("dkim", "keygen", file, "--type", kind)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    shown = run_genkan("dkim", "record", file, "--domain", "example.org", "--selector", "s1")
    assert shown.stdout.startswith("s1._domainkey.example.org. IN TXT ("), shown.stdout + shown.stderr
    record = "".join(shown.stdout.split('"')[1::2])
    assert record.startswith(f"v=DKIM1; k={kind}; p=") and record in done.stdout.replace('" "', "").replace('"\n  "', "")
    signature_input = MAIL
    if kind == "rsa":
        out = dkim.sign(signature_input, b"s1", b"example.org", file.read_bytes()) + signature_input
        assert dkim.verify(out, dnsfunc=lambda name, timeout=5: record.encode())
    again = run_genkan("dkim", "keygen", file)
    assert again.returncode != 0 and "is there already" in again.stderr, "a key is never written over"


def arc_by_dkimpy(message, key, selector, result="none"):
    seen = b"Authentication-Results: lists.example; arc=" + result.encode() + b"; spf=pass smtp.mailfrom=client.example\r\n" + message
    return b"".join(dkim.arc_sign(seen, selector, b"client.example", key.private, b"lists.example")) + seen


def test_arc_chains_of_dkimpy_are_judged_as_dkimpy_does(world, keys):
    zone = client_zone(**key_zone(keys))
    w = world(zone)
    message, seen = MAIL, []
    for number in range(1, 5):
        message = arc_by_dkimpy(message, keys["rsa"], b"rsa", "none" if number == 1 else "pass")
        seen.append(message)
    for number, chain in enumerate(seen, 1):
        cases = {"as it is": chain, "body": chain.replace(b"hello", b"hullo"), "subject": chain.replace(b"Subject: x", b"Subject: y"),
                 "results": chain.replace(b"i=1; lists", b"i=1; evil"), "gap": chain.replace(b"ARC-Seal: i=1", b"X-Gone: i=1"),
                 "twice": chain[:chain.index(b"ARC-Message")] + chain, "number": chain.replace(b"ARC-Seal: i=1", b"ARC-Seal: i=x"),
                 "cv": chain.replace(b"cv=none", b"cv=pass"), "footer": chain + b"footer\r\n"}
        for name, content in cases.items():
            theirs = dkim.arc_verify(content, dnsfunc=dkim_lookup(zone))[0].decode().lower()
            mine = results(w.passed(content))["arc"][0]
            want = f"pass (i={number})" if name == "as it is" else "fail"
            assert theirs == want.split(" ")[0] and mine.startswith(want), (number, name, theirs, mine)


@pytest.mark.parametrize("size", [0, 700_000])
def test_our_seals_hold_with_dkimpy(world, keys, tmp_path, size):
    zone = client_zone(**key_zone(keys))
    w = world(zone, rows='arc_seal = "client.example"', more=key_files(tmp_path, keys))
    message = MAIL + (b"y" * 98 + b"\r\n") * (size // 100)
    for number in range(1, 5):
        message = w.passed(message)
        assert message.startswith(f"ARC-Seal: i={number};".encode()), message[:200]
        cv, sets, why = dkim.arc_verify(message, dnsfunc=dkim_lookup(zone))
        assert cv == b"pass", why
        assert f"cv={'none' if number == 1 else 'pass'};" in fields(message, "ARC-Seal")[0]
        if number == 2:
            message = arc_by_dkimpy(message, keys["rsa"], b"rsa", "pass")
            number = 3
            assert dkim.arc_verify(message, dnsfunc=dkim_lookup(zone))[0] == b"pass"
            break
    last = w.passed(message)
    assert results(last)["arc"][0].startswith("pass (i=3)") and dkim.arc_verify(last, dnsfunc=dkim_lookup(zone))[0] == b"pass"
    broken = w.passed(last.replace(b"hello", b"hullo"))
    assert "cv=fail;" in fields(broken, "ARC-Seal")[0]
    again = w.passed(broken)
    assert len(fields(again, "ARC-Seal")) == len(fields(broken, "ARC-Seal")), "nobody adds to a chain that is known to be broken"


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

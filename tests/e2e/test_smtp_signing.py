"""Our own DKIM signatures, ARC chains and seals, keys: dkimpy and OpenDKIM judge what we sign."""
import random
import shutil
import subprocess

import dkim
import pytest

from harness import free_port, run_genkan
from mail_auth import MAIL, Outside, arc_by_dkimpy, client_zone, dkim_lookup, fields, key_zone, random_message, results
from mail_auth import keys, world  # noqa: F401 (fixtures)
from test_smtp import add_user
from test_smtp_filters import Filter, packet


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
        for number in range(60):
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


@pytest.mark.parametrize("size", [0, 700_000])
def test_what_a_filter_has_changed_is_signed_and_sealed_as_it_leaves(world, keys, tmp_path, size):
    zone = client_zone(**key_zone(keys))
    change = Filter(packet(b"h", b"Subject\0added by a filter\0") + packet(b"b", b"another body\r\n" * (1 + size // 14)) + packet(b"a"))
    try:
        more = key_files(tmp_path, keys, ["rsa"]) + f'[[smtp.milter]]\naddress = "127.0.0.1:{change.port}"\n'
        w = world(zone, rows='arc_seal = "client.example"', more=more, top='relay_from = ["198.51.100.1"]')
        own = w.passed(MAIL, ip="198.51.100.1")
        assert b"another body" in own and b"hello" not in own and dkim.verify(own, dnsfunc=dkim_lookup(zone))
        other = w.passed(MAIL)
        assert dkim.arc_verify(other, dnsfunc=dkim_lookup(zone))[0] == b"pass" and b"another body" in other
        assert results(other)["spf"][0].startswith("pass") and not fields(other, "DKIM-Signature")
    finally:
        change.stop()


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
            theirs = (dkim.arc_verify(content, dnsfunc=dkim_lookup(zone))[0] or b"fail").decode().lower()
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

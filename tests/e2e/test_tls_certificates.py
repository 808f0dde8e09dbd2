"""Which certificate a client gets, and how a running program takes in new ones."""
import os
import socket
import ssl

import pytest

from ca import Ca, openssl
from harness import Http, free_port, http_get, insecure_tls, run_genkan, wait_until

SITE = '[[listen]]\naddress = ["127.0.0.1:{port}"]\ntls = true\n[[route]]\nstatus = 200\nbody = "hello"\n'


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path)


def shown(port, name=None, *argv):
    """SHA-256 of the certificate that a client gets which asks for `name`."""
    more = ["-servername", name] if name else ["-noservername"]
    done = openssl("s_client", "-connect", f"127.0.0.1:{port}", *more, *argv, stdin=b"", check=False)
    text = openssl("x509", "-noout", "-fingerprint", "-sha256", stdin=done.stdout).stdout.decode()
    return text.split("=")[1].strip().replace(":", "").lower()


def test_exact_names_go_before_wildcards_and_the_first_certificate_serves_the_rest(genkan, ca):
    port = free_port()
    first, wild, exact = ca.issue("first.example"), ca.issue("*.shop.example"), ca.issue("www.shop.example")
    genkan(first.toml() + wild.toml() + exact.toml() + SITE.format(port=port))
    assert shown(port, "www.shop.example") == exact.fingerprint()
    assert shown(port, "WWW.Shop.Example") == exact.fingerprint()
    assert shown(port, "other.shop.example") == wild.fingerprint()
    assert shown(port, "deep.other.shop.example") == first.fingerprint()  # a wildcard is one label (RFC 6125 6.4.3)
    assert shown(port, "shop.example") == first.fingerprint()
    assert shown(port, "nobody.example") == shown(port) == first.fingerprint()


def test_of_two_kinds_of_key_a_client_gets_the_one_it_can_verify(genkan, ca, tmp_path):
    port = free_port()
    ecdsa = ca.issue("a.example")
    rsa = ca.issue("a.example", rsa=True, into=tmp_path / "rsa")
    genkan(ecdsa.toml() + rsa.toml() + SITE.format(port=port))
    assert shown(port, "a.example") == ecdsa.fingerprint()
    assert shown(port, "a.example", "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256") == rsa.fingerprint()


def test_a_new_certificate_is_taken_by_reload_and_connections_go_on(genkan, ca):
    port = free_port()
    old = ca.issue("a.example")
    g = genkan("[tls]\nwatch_interval = \"0s\"\n" + old.toml() + SITE.format(port=port))
    before = old.fingerprint()
    with Http(port, tls=True, name="a.example") as kept:
        assert kept.get("/").status == 200
        new = ca.issue("a.example")
        assert new.fingerprint() != before and shown(port, "a.example") == before
        g.reload()
        assert shown(port, "a.example") == new.fingerprint()
        assert kept.get("/").text == "hello"


def test_files_that_change_are_noticed_and_connections_go_on(genkan, ca, tmp_path):
    port = free_port()
    old = ca.issue("a.example")
    other = ca.issue("b.example")
    g = genkan('[tls]\nwatch_interval = "100ms"\n' + old.toml() + other.toml() + SITE.format(port=port))
    with Http(port, tls=True, name="a.example") as kept:
        assert kept.get("/").status == 200
        new = ca.issue("a.example", into=tmp_path / "new")
        os.replace(new.cert, old.cert)  # as certbot and its like do: one after the other
        os.replace(new.key, old.key)
        want = old.fingerprint()
        wait_until(lambda: shown(port, "a.example") == want, 10, "the new certificate is in use")
        assert kept.get("/").text == "hello"
    assert shown(port, "b.example") == other.fingerprint()
    assert not g.log_lines("can't be used")
    assert [c for c in g.api("/api/v1/certificates").json() if c["fingerprint"] == want and c["names"] == ["a.example"]]


@pytest.mark.parametrize("spoil, word", [
    (lambda pair, ca: pair.cert.write_text("no certificate"), "a.example.crt"),
    (lambda pair, ca: pair.key.write_text("no key"), "a.example.key"),
    (lambda pair, ca: pair.key.write_bytes(ca.issue("x.example").key.read_bytes()), "a.example.key"),
    (lambda pair, ca: pair.cert.unlink(), "a.example.crt"),
], ids=["no certificate", "no key", "another's key", "gone"])
def test_a_bad_new_pair_changes_nothing_and_says_why(genkan, ca, tmp_path, spoil, word):
    port = free_port()
    pair = ca.issue("a.example")
    good = pair.fingerprint()
    g = genkan('[tls]\nwatch_interval = "100ms"\n' + pair.toml() + SITE.format(port=port))
    spoil(pair, ca)
    line = g.wait_log("changed certificate files can't be used")[0]
    assert word in line
    assert shown(port, "a.example") == good
    better = ca.issue("a.example", into=tmp_path / "better")
    os.replace(better.key, pair.key)
    os.replace(better.cert, pair.cert)
    want = pair.fingerprint()
    wait_until(lambda: shown(port, "a.example") == want, 10, "the next good pair is in use")
    wait_until(lambda: g.metrics()['genkan_tls_certificate_changes_total{result="taken"}'] >= 1, 10, "it is counted")


def test_a_reload_with_a_bad_certificate_changes_nothing(genkan, ca):
    port = free_port()
    pair = ca.issue("a.example")
    good = pair.fingerprint()
    g = genkan("[tls]\nwatch_interval = \"0s\"\n" + pair.toml() + SITE.format(port=port))
    pair.cert.write_text("no certificate")
    assert any("a.example.crt" in line for line in g.reload())
    assert shown(port, "a.example") == good and http_get(port, "/", tls=True, name="a.example").text == "hello"


def test_how_long_each_certificate_is_good_is_shown(genkan, ca):
    port = free_port()
    long, short = ca.issue("a.example"), ca.issue("b.example", end=3)
    g = genkan(long.toml() + short.toml() + SITE.format(port=port))
    days = {c["names"][0]: c["days_left"] for c in g.api("/api/v1/certificates").json()}
    assert days == {"a.example": 29, "b.example": 2}
    values = g.metrics()
    left = [values[f'genkan_tls_certificate_expiry_timestamp_seconds{{certificate="{n}"}}'] for n in days]
    assert 26.9 < (left[0] - left[1]) / 86400 < 27.1
    assert "b.example" in g.wait_log("a certificate runs out soon")[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_the_modern_preset_speaks_tls_1_3_only(genkan, ca):
    port = free_port()
    genkan('[tls]\npreset = "modern"\n' + ca.issue("a.example").toml() + SITE.format(port=port))
    context = insecure_tls()
    assert http_get(port, "/", tls=True, name="a.example").status == 200
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname="a.example")


def cipher(port, *argv):
    done = openssl("s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example", *argv, stdin=b"", check=False)
    return done.stdout.decode()


def test_ciphers_and_curves_are_those_of_the_configuration(genkan, ca):
    port = free_port()
    genkan('[tls]\ncurves = ["P-384"]\ncipher_suites = "TLS_AES_256_GCM_SHA384"\nciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"\n'
           + ca.issue("a.example").toml() + SITE.format(port=port))
    text = cipher(port)
    assert "TLS_AES_256_GCM_SHA384" in text and "384 bits" in text
    assert "ECDHE-ECDSA-CHACHA20-POLY1305" in cipher(port, "-tls1_2")
    assert "Cipher is (NONE)" in cipher(port, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "Cipher is (NONE)" in cipher(port, "-groups", "X25519")


@pytest.mark.parametrize("suite", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"])
def test_the_intermediate_preset_refuses_weak_suites(genkan, ca, suite):
    port = free_port()
    genkan(ca.issue("a.example").toml() + SITE.format(port=port))
    assert "Cipher is (NONE)" in cipher(port, "-tls1_2", "-cipher", suite)
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in cipher(port, "-tls1_2", "-cipher", suite + ":ECDHE-ECDSA-AES128-GCM-SHA256")


def test_names_of_ciphers_and_curves_that_nobody_knows_end_the_start(genkan, ca):
    pair = ca.issue("a.example")
    for row, word in (('ciphers = "NOPE"', "ciphers"), ('curves = ["nope"]', "curves"), ('cipher_suites = "NOPE"', "cipher_suites")):
        g = genkan(f"[tls]\n{row}\n" + pair.toml() + SITE.format(port=free_port()), start=False)
        done = run_genkan("run", "-c", g.file)
        assert done.returncode > 0 and word in done.stderr

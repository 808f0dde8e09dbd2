"""HTTPS: versions, names, ALPN, broken handshakes, and what the origin is told."""
import socket
import ssl
import subprocess

import pytest

from harness import Http, free_port, http_get, insecure_tls, raw_http, run_genkan, wait_until


def make_cert(folder, name):
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:*.{name}", "-keyout", str(key),
                    "-out", str(cert)], check=True, capture_output=True)
    return f'[[certificate]]\ncert = "{cert}"\nkey = "{key}"\n'


@pytest.fixture
def front(genkan, nginx, tmp_path):
    one = nginx("one")
    port = free_port()
    g = genkan(f'''
        {make_cert(tmp_path, "first.example")}
        {make_cert(tmp_path, "second.example")}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        tls = true
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{one.port}"
        [[route]]
        pool = "web"
    ''')
    return port, one, g


def subject(der):
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, capture_output=True)
    return done.stdout.decode()


@pytest.mark.parametrize("name, cert", [("first.example", "first"), ("second.example", "second"), ("www.second.example", "second"),
                                        ("unknown.example", "first")])
def test_the_name_chooses_the_certificate(front, name, cert):
    answer = http_get(front[0], "/x", tls=True, name=name)
    assert answer.text == "one GET /x\n"
    assert f"{cert}.example" in subject(answer.peer_cert)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version, ok", [(ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)])
def test_only_tls_1_2_and_later_are_spoken(front, version, ok):
    context = insecure_tls()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", front[0]), timeout=10) as plain:
        if not ok:
            with pytest.raises(OSError):
                context.wrap_socket(plain, server_hostname="first.example")
            return
        with context.wrap_socket(plain, server_hostname="first.example") as s:
            assert s.version() == {ssl.TLSVersion.TLSv1_3: "TLSv1.3", ssl.TLSVersion.TLSv1_2: "TLSv1.2"}[version]


def test_alpn_gives_http_1_1(front):
    with socket.create_connection(("127.0.0.1", front[0]), timeout=10) as plain:
        with insecure_tls(["http/1.1"]).wrap_socket(plain, server_hostname="first.example") as s:
            assert s.selected_alpn_protocol() == "http/1.1"


def test_the_origin_is_told_that_it_was_https(front):
    port, one, _ = front
    http_get(port, "/told", tls=True, name="first.example")
    seen = wait_until(lambda: [r for r in one.requests() if r["uri"] == "/told"], 5)[0]
    assert seen["proto"] == "https" and "proto=https" in seen["forwarded"]


def test_large_bodies_pass_over_tls_both_ways(front):
    port, one, _ = front
    with Http(port, tls=True, name="first.example") as client:
        assert client.get("/size/10m").body == (one.folder / "10m").read_bytes()
        assert client.request("POST", "/up", body=b"x" * (2 << 20)).status == 200


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"\x16", b""])
def test_what_is_no_handshake_harms_nobody(front, junk):
    port, _, g = front
    raw_http(port, junk, half_close=True, timeout=5)
    assert http_get(port, "/x", tls=True, name="first.example").status == 200 and g.running()


def test_a_self_signed_certificate_is_made_and_kept(genkan, tmp_path):
    port = free_port()
    conf = f'''
        [[certificate]]
        names = ["demo.example"]
        self_signed = true
        [[listen]]
        address = ["127.0.0.1:{port}"]
        tls = true
        [[route]]
        status = 200
        body = "x"
    '''
    first = genkan(conf)
    one = http_get(port, "/", tls=True, name="demo.example")
    first.stop()
    genkan(conf)
    two = http_get(port, "/", tls=True, name="demo.example")
    assert one.status == 200 and one.peer_cert == two.peer_cert and "demo.example" in subject(one.peer_cert)


@pytest.mark.parametrize("break_it, words", [
    (lambda f: (f / "a.crt").unlink(), "a.crt"),
    (lambda f: (f / "a.crt").write_text("no certificate"), "a.crt"),
    (lambda f: (f / "a.key").write_text("no key"), "a.key"),
    (lambda f: make_cert(f, "b") and (f / "b.key").replace(f / "a.key"), "a.key"),
], ids=["missing", "no certificate", "no key", "another's key"])
def test_a_certificate_that_cannot_be_used_ends_the_start_with_its_file_named(genkan, tmp_path, break_it, words):
    cert = make_cert(tmp_path, "a")
    break_it(tmp_path)
    g = genkan(f'{cert}\n[[listen]]\naddress = ["127.0.0.1:{free_port()}"]\ntls = true\n[[route]]\nstatus = 200', start=False)
    done = run_genkan("run", "-c", g.file)
    assert done.returncode not in (0, None) and done.returncode > 0
    assert words in done.stderr, done.stderr

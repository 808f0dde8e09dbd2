"""Certificates of clients: who gets in, what rules and backends learn, and how nobody gets around it."""
import re
import socket
import ssl

import pytest

from ca import Ca
from h2wire import DATA, END_HEADERS, END_STREAM, H2, HEADERS, frame
from harness import free_port, http_get, run_genkan, wait_until
from test_http2_origin import backend  # noqa: F401 (a fixture)
from wire import insecure_tls

SITE = '[[listen]]\naddress = ["127.0.0.1:{port}"]\ntls = true\n{listen}\n[[pool]]\nname = "web"\n[pool.health]\nenabled = false\n[[pool.backend]]\naddress = "127.0.0.1:{origin}"\n'
ANN = "/O=Example/CN=Ann Smith"


def echo(connection, request):
    """Answers with the head that it got."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(request), request))
    return True


class People:
    def __init__(self, folder):
        self.ca = Ca(folder, "people")
        self.ann = self.ca.issue("ann", subject=ANN, san="email:ann@example.org,DNS:ann.example", chain=False)
        self.bob = self.ca.issue("bob", subject="/O=Example/CN=Bob", chain=False)
        self.mallory = Ca(folder, "others").issue("mallory", subject=ANN, chain=False)


@pytest.fixture
def people(tmp_path):
    return People(tmp_path)


@pytest.fixture
def hosts(tmp_path):
    return Ca(tmp_path, "hosts")


def context(client=None, version=None):
    made = insecure_tls()
    if client:
        made.load_cert_chain(client.cert, client.key)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def ask(port, name, *, client=None, host=None, path="/", fields=(), made=None, session=None, method="GET"):
    """One request; returns the answer as text, or raises OSError (the handshake failed, or what came after it)."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with (made or context(client)).wrap_socket(plain, server_hostname=name, session=session) as s:
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host or name}", "Connection: close", *fields]
            s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            data = b""
            while True:
                part = s.recv(65536)
                if not part:
                    break
                data += part
            ask.session, ask.resumed, ask.version = s.session, s.session_reused, s.version()
            return data.decode("latin-1")


def field(text, name):
    return re.findall(rf"(?im)^{re.escape(name)}: (.*?)\r?$", text.split("\r\n\r\n", 1)[1])


def conf(port, origin, people, hosts, auth, more="", listen=""):
    rows = [f'client_auth = "{auth}"', f'client_ca = "{people.ca.cert}"'] if auth != "off" else []
    return hosts.issue("a.example").toml(*rows) + SITE.format(port=port, origin=origin, listen=listen) + (more or '[[route]]\npool = "web"\n')


def test_required_lets_only_those_in_who_show_a_certificate_of_the_ca(genkan, origin, people, hosts):
    port, web = free_port(), origin(echo)
    genkan(conf(port, web.port, people, hosts, "required"))
    assert " 200 " in ask(port, "a.example", client=people.ann)
    for client in (None, people.mallory):
        with pytest.raises(OSError):
            ask(port, "a.example", client=client)
    assert len(web.seen) == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_optional_lets_everybody_in_but_no_bad_certificate(genkan, origin, people, hosts, version):
    port, web = free_port(), origin(echo)
    genkan(conf(port, web.port, people, hosts, "optional"))
    assert field(ask(port, "a.example", made=context(None, version)), "X-Client-Cert-Subject") == []
    assert field(ask(port, "a.example", made=context(people.ann, version)), "X-Client-Cert-Subject") == ["CN=Ann Smith,O=Example"]
    with pytest.raises(OSError):
        ask(port, "a.example", made=context(people.mallory, version))


def test_a_revoked_certificate_and_a_stale_list_let_nobody_in(genkan, origin, people, hosts):
    port, web = free_port(), origin(echo)
    crl = people.ca.crl()
    rows = [f'client_auth = "required"', f'client_ca = "{people.ca.cert}"', f'client_crl = "{crl}"']
    g = genkan('[tls]\nwatch_interval = "100ms"\n' + hosts.issue("a.example").toml(*rows)
               + SITE.format(port=port, origin=web.port, listen="") + '[[route]]\npool = "web"\n')
    made = context(people.ann)
    assert " 200 " in ask(port, "a.example", made=made)
    session = ask.session
    people.ca.revoke(people.ann)
    people.ca.crl()
    g.wait_log("certificates that changed are in use")
    with pytest.raises(OSError):
        ask(port, "a.example", client=people.ann)
    with pytest.raises(OSError):  # nor by a session of before
        ask(port, "a.example", made=made, session=session)
    assert " 200 " in ask(port, "a.example", client=people.bob)


def test_backends_are_told_and_what_clients_claim_is_removed(genkan, origin, people, hosts):
    port, plain, web = free_port(), free_port(), origin(echo)
    facts = ["verified", "subject", "issuer", "serial", "fingerprint", "san", "not_after"]
    fields = ", ".join(f'"X-C-{f.replace("_", "-")}: {f}"' for f in facts) + ', "X-Whole: certificate"'
    genkan(f"[tls]\nclient_fields = [{fields}]\n" + conf(port, web.port, people, hosts, "optional")
           + f'[[listen]]\nname = "plain"\naddress = ["127.0.0.1:{plain}"]\n')
    text = ask(port, "a.example", client=people.ann, fields=["Connection: X-C-Subject, X-C-Verified"])
    got = {f: field(text, "X-C-" + f.replace("_", "-")) for f in facts}
    assert got["verified"] == ["SUCCESS"] and got["subject"] == ["CN=Ann Smith,O=Example"] and got["issuer"] == ["CN=people"]
    assert got["serial"] == ["1001"] and got["fingerprint"] == [people.ann.fingerprint()]
    assert got["san"] == ["email:ann@example.org, DNS:ann.example"] and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", got["not_after"][0])
    assert re.fullmatch(r":MII[A-Za-z0-9+/=]+:", field(text, "X-Whole")[0])  # RFC 9440

    claims = ["X-C-Subject: CN=root", "x-c-VERIFIED: SUCCESS", "X_C_Subject: CN=root", "X-C_Subject: CN=root",
              "Client-Cert: :AAAA:", "Client-Cert-Chain: :AAAA:", "X-Harmless: stays"]
    with_claims = ask(port, "a.example", client=people.ann, fields=claims)
    assert field(with_claims, "X-C-Subject") == ["CN=Ann Smith,O=Example"] and field(with_claims, "X-C-Verified") == ["SUCCESS"]
    answers = [ask(port, "a.example", fields=claims),
               http_get(plain, "/", fields=dict(c.split(": ") for c in claims)).text]
    answers[1] = "\r\n\r\n" + answers[1]
    for text in answers:
        assert "CN=root" not in text and not re.search(r"(?im)^(x[-_]c[-_]\w+|client-cert[\w-]*):", text)
        assert field(text, "X-Harmless") == ["stays"]
    assert "CN=root" not in with_claims and "Client-Cert" not in with_claims


# --- what a stranger may say of himself -----------------------------------------------------------------------------

CLAIMS = [("X-C-Subject", "CN=root"), ("x-c-verified", "SUCCESS"), ("X_C_Subject", "CN=root"), ("Client-Cert", ":AAAA:"),
          ("X_Forwarded_For", "198.51.100.9")]
HARMLESS = ("X-Harmless", "stays")


def whole_request(seen):
    """An HTTP/1.1 backend that reads chunked content to its end, and keeps everything."""
    def handler(connection, data):
        while not data.endswith(b"\r\n\r\n") or b"\r\n0\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return False
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        seen.append([[tuple(line.split(": ", 1)) for line in part.decode().split("\r\n") if ": " in line]
                     for part in (head, rest.partition(b"\r\n0\r\n")[2])])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    return handler


def send_h1(port, client):
    """A request with content, the claims in its fields and again in its trailers. Returns the status."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with context(client).wrap_socket(plain, server_hostname="a.example") as s:
            claims = "".join(f"{k}: {v}\r\n" for k, v in [*CLAIMS, HARMLESS])
            s.sendall(f"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n{claims}Connection: close\r\n\r\n"
                      f"3\r\nabc\r\n0\r\n{claims}\r\n".encode())
            return int(s.recv(65536).split(b" ")[1])


def send_h2(port, client):
    made = context(client)
    made.set_alpn_protocols(["h2"])
    with H2(port, tls=True, name="a.example", context=made) as c:
        assert c.alpn == "h2"
        claims = [(k.lower(), v) for k, v in [*CLAIMS, HARMLESS]]
        stream = c.open(method="POST", authority="a.example", more=claims, end=False)
        c.send(frame(DATA, 0, stream, b"abc") + frame(HEADERS, END_HEADERS | END_STREAM, stream, c.block(claims)))
        return c.answer(stream)["status"]


@pytest.mark.parametrize("client_side", ["h1", "h2"])
@pytest.mark.parametrize("backend_side", ["http/1.1", "h2"])
def test_claims_reach_no_backend_in_fields_or_trailers(genkan, origin, backend, people, hosts, client_side, backend_side):  # noqa: F811
    port, seen = free_port(), []
    if backend_side == "h2":
        def keep(c, stream, fields, body, trailers):
            assert body == b"abc"
            seen.append([fields, trailers or []])
            c.answer(stream)
        web = backend(keep)
    else:
        web = origin(whole_request(seen))
    text = conf(port, web.port, people, hosts, "optional").replace('name = "web"\n[pool', f'name = "web"\nprotocol = "{backend_side}"\n[pool')
    genkan('[tls]\nclient_fields = ["X-C-Subject: subject", "X-C-Verified: verified"]\n' + text)
    send = send_h1 if client_side == "h1" else send_h2
    assert send(port, None) == 200 and send(port, people.ann) == 200

    def told(part):
        return sorted((k.lower(), v) for k, v in part if re.fullmatch(r"(?i)x[-_]c[-_].*|client[-_]cert.*|x[-_]forwarded[-_]for|x-harmless", k))
    (fields, trailers), (ann_fields, ann_trailers) = seen
    stays = ("x-harmless", "stays")
    assert told(fields) == [("x-forwarded-for", "127.0.0.1"), stays]
    assert told(ann_fields) == [("x-c-subject", "CN=Ann Smith,O=Example"), ("x-c-verified", "SUCCESS"), ("x-forwarded-for", "127.0.0.1"), stays]
    assert told(trailers) == told(ann_trailers) == [stays], "a trailer may be merged into the fields by who reads it"


RULES = '''
    [[route]]
    name = "for-ann"
    path = "/ann"
    client_certificate = "CN=Ann"
    status = 200
    body = "for Ann"
    [[route]]
    path = "/members"
    allow_certificates = ["^CN=Ann Smith,", "^CN=Carol,"]
    status = 200
    body = "for members"
    [[route]]
    path = "/who"
    status = 200
    body = "x"
      [route.response]
      set = ["X-Who: {client_certificate}|{client_verified}|{client_serial}|{client_fingerprint}|{tls_cipher}"]
    [[route]]
    status = 200
    body = "for all"
'''


def test_rules_and_log_know_the_certificate(genkan, origin, people, hosts, tmp_path):
    port, web = free_port(), origin(echo)
    log = tmp_path / "access.log"
    g = genkan(f'[access_log]\npath = "{log}"\nformat = "{{path}} [{{client_certificate}}] [{{client_issuer}}] [{{client_fingerprint}}] '
               f'[{{client_verified}}] [{{tls_version}}] [{{tls_resumed}}] [{{early_data}}]"\n'
               + conf(port, web.port, people, hosts, "optional", RULES))
    body = lambda text: text.split("\r\n\r\n", 1)[1]
    assert body(ask(port, "a.example", client=people.ann, path="/ann")) == "for Ann"
    assert body(ask(port, "a.example", client=people.bob, path="/ann")) == "for all"
    assert body(ask(port, "a.example", path="/ann")) == "for all"
    assert body(ask(port, "a.example", client=people.ann, path="/members")) == "for members"
    assert " 403 " in ask(port, "a.example", client=people.bob, path="/members")
    assert " 403 " in ask(port, "a.example", path="/members")
    who = re.search(r"X-Who: (.*)\r", ask(port, "a.example", client=people.ann, path="/who")).group(1)
    assert who.startswith(f"CN=Ann Smith,O=Example|SUCCESS|1001|{people.ann.fingerprint()}|TLS_")
    assert "X-Who: |NONE|||TLS_" in ask(port, "a.example", path="/who")
    lines = wait_until(lambda: len(log.read_text().splitlines()) >= 8 and log.read_text().splitlines(), 5)
    assert lines[0] == f"/ann [CN=Ann Smith,O=Example] [CN=people] [{people.ann.fingerprint()}] [SUCCESS] [TLSv1.3] [no] [no]"
    assert lines[2] == "/ann [-] [-] [-] [NONE] [TLSv1.3] [no] [no]"

    def explain(path, *argv):
        return run_genkan("explain", "-c", g.file, f"https://a.example{path}", *argv).stdout
    assert "yes  for-ann" in explain("/ann", "--certificate", "CN=Ann")
    assert "no   for-ann" in explain("/ann", "--certificate", "CN=Bob")
    assert "client_certificate: CN=Ann; the client's is none" in explain("/ann")
    assert "allow_certificates: ^CN=Ann Smith, is found in CN=Ann Smith,O=X" in explain("/members", "--certificate", "CN=Ann Smith,O=X")
    assert "403: allow_certificates" in explain("/members", "--certificate", "CN=Bob")
    assert "which is none" in explain("/members")


@pytest.fixture
def two_hosts(genkan, people, hosts):
    """public.example asks nobody, private.example everybody; one port."""
    port = free_port()
    rows = ['client_auth = "required"', f'client_ca = "{people.ca.cert}"']
    g = genkan(hosts.issue("public.example").toml() + hosts.issue("private.example").toml(*rows)
               + f'[[listen]]\naddress = ["127.0.0.1:{port}"]\ntls = true\n'
               + '[[route]]\nhosts = ["private.example"]\nstatus = 200\nbody = "secret"\n[[route]]\nstatus = 200\nbody = "open"\n')
    return port, g


def test_the_host_that_is_asked_for_must_be_the_one_that_was_shaken_hands_with(two_hosts, people):
    port, g = two_hosts
    assert "open" in ask(port, "public.example") and "secret" in ask(port, "private.example", client=people.ann)
    for host in ("private.example", "PRIVATE.example", "private.example:443"):
        answer = ask(port, "public.example", host=host, client=people.ann)
        assert " 421 " in answer and "secret" not in answer
    assert " 421 " in ask(port, "nobody.example", host="private.example")
    assert " 421 " in ask(port, "public.example", path="https://private.example/", host="public.example")
    assert g.metrics()["genkan_http_misdirected_total"] == 5
    assert "open" in ask(port, "private.example", host="public.example", client=people.ann)  # who showed more may ask for less


def h2_to(port, name, client=None):
    made = context(client)
    made.set_alpn_protocols(["h2"])
    c = H2(port, tls=True, name=name, context=made)
    assert c.alpn == "h2"
    return c


def test_on_http_2_too_and_the_connection_goes_on(two_hosts, people):
    port, g = two_hosts
    with h2_to(port, "public.example", people.ann) as c:
        assert c.request(authority="public.example")["body"] == b"open"
        for host in ("private.example", "PRIVATE.example", "private.example:443"):
            answer = c.request(authority=host)
            assert answer["status"] == 421 and b"secret" not in answer["body"], answer
        # Host beside :authority must not lead anybody astray (RFC 9113 8.3.1).
        answer = c.request(authority="public.example", more=[("host", "private.example")])
        assert b"secret" not in answer["body"] and (answer["reset"] is not None or answer["status"] in (200, 400)), answer
        # Streams of one connection, the answers apart: one is refused, the others are not.
        streams = [c.open(authority=host) for host in ("public.example", "private.example", "public.example")]
        assert [c.answer(s)["status"] for s in streams] == [200, 421, 200]
    assert g.metrics()["genkan_http_misdirected_total"] == 4
    with h2_to(port, "nobody.example") as c:
        assert c.request(authority="private.example")["status"] == 421
    with h2_to(port, "private.example", people.ann) as c:  # coalesced: who showed more may ask for less
        assert c.request(authority="private.example")["body"] == b"secret"
        assert c.request(authority="public.example")["body"] == b"open"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_an_open_host_does_not_open_a_private_one(two_hosts, version):
    port, _ = two_hosts
    made = context(None, version)
    ask(port, "public.example", made=made)
    session = ask.session
    ask(port, "public.example", made=made, session=session)
    assert ask.resumed  # the ticket is good where it was made
    with pytest.raises(OSError):
        ask(port, "private.example", made=made, session=session)


def test_a_resumed_session_still_knows_the_certificate(two_hosts, people):
    port, _ = two_hosts
    made = context(people.ann)
    ask(port, "private.example", made=made)
    assert "secret" in ask(port, "private.example", made=made, session=ask.session) and ask.resumed


def test_a_port_can_ask_whatever_the_host(genkan, origin, people, hosts):
    port, inside, web = free_port(), free_port(), origin(echo)
    genkan(hosts.issue("a.example").toml() + SITE.format(port=port, origin=web.port, listen="")
           + f'[[listen]]\nname = "inside"\naddress = ["127.0.0.1:{inside}"]\ntls = true\nclient_auth = "required"\n'
           + f'client_ca = "{people.ca.cert}"\n[[route]]\npool = "web"\n')
    made = context()
    assert field(ask(port, "a.example", made=made), "X-Client-Cert-Subject") == []
    for session in (None, ask.session):
        with pytest.raises(OSError):
            ask(inside, "a.example", made=made, session=session)
    assert field(ask(inside, "a.example", client=people.ann), "X-Client-Cert-Subject") == ["CN=Ann Smith,O=Example"]


def test_ca_files_that_cannot_be_used_end_the_start(genkan, people, hosts, tmp_path):
    empty = tmp_path / "empty.crt"
    empty.write_text("nothing")
    for file in (tmp_path / "missing.crt", empty):
        rows = ['client_auth = "required"', f'client_ca = "{file}"']
        g = genkan(hosts.issue("a.example").toml(*rows) + f'[[listen]]\naddress = ["127.0.0.1:{free_port()}"]\ntls = true\n[[route]]\nstatus = 200\n', start=False)
        done = run_genkan("run", "-c", g.file)
        assert done.returncode > 0 and file.name in done.stderr, done.stderr

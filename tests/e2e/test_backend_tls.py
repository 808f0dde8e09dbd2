"""TLS to backends: HTTP/1.1 and HTTP/2 with real nginx and nghttpx, names, authorities, ends, client certificates."""
import re
import shutil

import grpc
import pytest
from backend_tls import Authority, nginx_tls
from concurrent import futures
from harness import Http, Process, free_port, http_get, port_answers, run_genkan, wait_until
from mail_dns import Names


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def good(authority):
    return authority.sign("backend.example", san="DNS:backend.example,IP:127.0.0.1")


def conf(port, backends, more="", health="enabled = false", http=""):
    rows = "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{b}"\n' for b in backends)
    return (f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{http}\n[[pool]]\nname = "o"\ntls = "on"\n{more}\n[pool.health]\n{health}\n{rows}'
            f'[[route]]\npool = "o"\n')


@pytest.fixture
def backend(nginx, good):
    """backend(cert_and_key, more=..., http2=...) -> the TLS port of a real nginx."""
    def make(pair=None, **options):
        port = free_port()
        cert, key = pair or good
        make.one = nginx(f"tls{port}", main=nginx_tls(cert, key, port, **options))
        wait_until(lambda: port_answers(port), 10)
        return port
    return make


def test_http_1_1_over_tls_with_the_name_of_the_pool(genkan, backend, authority):
    port = free_port()
    genkan(conf(port, [backend()], f'tls_ca = "{authority.cert}"\ntls_name = "backend.example"'))
    answer = http_get(port, "/x")
    assert answer.status == 200, answer.text
    assert answer.text.startswith("HTTP/1.1 TLSv1.3") and "sni=backend.example" in answer.text


def test_the_default_name_is_the_backends_address(genkan, backend, authority):
    port = free_port()
    genkan(conf(port, [backend()], f'tls_ca = "{authority.cert}"'))
    answer = http_get(port, "/x")  # the certificate names 127.0.0.1; an address is no SNI
    assert answer.status == 200 and "sni= " in answer.text


def test_each_address_of_a_name_must_be_certified_for_the_name(genkan, nginx, authority, tmp_path):
    at, port = free_port(), free_port()
    cert, key = authority.sign("many.example")  # for the name alone, not for any address
    nginx("both", main=nginx_tls(cert, key, at, more=f"listen 127.0.0.2:{at} ssl; listen 127.0.0.3:{at} ssl;"))
    names = Names({"many.example": [("A", "127.0.0.2"), ("A", "127.0.0.3")], "other.example": [("A", "127.0.0.2")]}, ttl=1)
    try:
        def pool(name):
            return (f'[node]\nname = "front"\nstate_dir = "{tmp_path}/state"\nworkers = 1\nname_servers = ["127.0.0.1:{names.port}"]\n'
                    + conf(port, [], f'tls_ca = "{authority.cert}"', 'path = "/"\ninterval = "100ms"').replace(
                        "[[route]]", f'[[pool.backend]]\naddress = "{name}:{at}"\n[[route]]'))

        def states():
            return sorted((b["name"], b["state"]) for b in g.api("/api/v1/pools").json()[0]["backends"])
        g = genkan(pool("many.example"))
        wait_until(lambda: states() == [(f"many.example:{at}/127.0.0.{n}", "up") for n in (2, 3)], 15, "both are found, and checked over TLS")
        answers = [http_get(port, "/") for _ in range(4)]
        assert all(a.status == 200 and "sni=many.example" in a.text for a in answers), [a.text for a in answers]
        g.reload(pool("other.example"))
        wait_until(lambda: states() == [(f"other.example:{at}/127.0.0.2", "down")], 15, "another name is not what the certificate is for")
        assert http_get(port, "/").status == 502
    finally:
        names.stop()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_connections_are_kept_and_sessions_resumed(genkan, backend, authority, version):
    port = free_port()
    tls_port = backend(version=version)
    genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"\nidle_connections = 4'), workers=1)
    with Http(port) as client:
        first = client.get("/").text
        assert "reused=." in first and client.get("/").text.split()[-1] == first.split()[-1]  # the same connection
        # nginx closes after this one: the next connection resumes the session.
    port2 = free_port()
    genkan(conf(port2, [backend(more="keepalive_requests 1;", version=version)], f'tls_ca = "{authority.cert}"'), name="second", workers=1)
    with Http(port2) as client:
        assert "reused=." in client.get("/").text
        for _ in range(5):
            assert "reused=r" in client.get("/").text


def test_large_answers_and_uploads_pass(genkan, backend, authority):
    port = free_port()
    tls_port = backend()
    genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"'))
    with Http(port) as client:
        assert client.request("POST", "/up", body=b"x" * (3 << 20)).status == 200


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_http_2_over_tls(genkan, backend, authority, protocol):
    port = free_port()
    genkan(conf(port, [backend(http2=True)], f'tls_ca = "{authority.cert}"\nprotocol = "{protocol}"'), workers=1)
    with Http(port) as client:
        answers = [client.get("/").text for _ in range(5)]
    assert all(a.startswith("HTTP/2.0 TLSv1.3") for a in answers), answers
    assert len({a.split()[-1] for a in answers}) == 1  # one connection


def test_auto_takes_http_1_1_where_the_backend_has_nothing_else(genkan, backend, authority):
    port = free_port()
    old, new = backend(), backend(http2=True)
    genkan(conf(port, [old, new], f'tls_ca = "{authority.cert}"\nprotocol = "auto"'), workers=1)
    with Http(port) as client:
        seen = {client.get("/").text.split()[0] for _ in range(8)}
    assert seen == {"HTTP/1.1", "HTTP/2.0"}


def test_http_2_is_asked_for_and_missed_with_a_clear_word(genkan, backend, authority):
    port = free_port()
    g = genkan(conf(port, [backend()], f'tls_ca = "{authority.cert}"\nprotocol = "h2"'))
    assert http_get(port, "/").status == 502
    g.wait_log("it does not speak HTTP/2|it refused the handshake")


def test_http_2_over_tls_to_nghttpx(genkan, nginx, good, authority, tmp_path):
    plain, port, tls_port = nginx("plain"), free_port(), free_port()
    proxy = Process("nghttpx", tmp_path / "nghttpx")
    proxy.spawn([shutil.which("nghttpx") or "/usr/sbin/nghttpx", f"--frontend=127.0.0.1,{tls_port}", f"--backend=127.0.0.1,{plain.port}",
                 "--workers=1", "--errorlog-file=/dev/stderr", str(good[1]), str(good[0])])
    try:
        wait_until(lambda: port_answers(tls_port), 10, "nghttpx listens")
        genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"\nprotocol = "h2"'))
        with Http(port) as client:
            assert client.get("/x").text == "plain GET /x\n"
            assert client.get("/size/1m").body == (plain.folder / "1m").read_bytes()
            assert client.request("POST", "/up", body=b"y" * (1 << 20)).status == 200
        assert plain.asked(1)[0]["via"]
    finally:
        proxy.end()


def test_grpc_over_tls(genkan, good, authority):
    def handler(call):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request[::-1]) if call.method == "/t.T/Turn" else None
    generic = type("Generic", (grpc.GenericRpcHandler,), {"service": lambda self, call: handler(call)})()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((generic,))
    credentials = grpc.ssl_server_credentials([(good[1].read_bytes(), good[0].read_bytes())])
    tls_port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        port = free_port()
        genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"\nprotocol = "h2"'))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert channel.unary_unary("/t.T/Turn")(b"abc", timeout=20) == b"cba"
    finally:
        server.stop(0)


@pytest.mark.parametrize("what, words", [
    ("name", "hostname mismatch"), ("address", "IP address mismatch"), ("authority", "unable to get local issuer|self-signed"),
    ("expired", "has expired"), ("plain", "TLS: ")])
def test_what_is_not_the_backend_gets_nothing(genkan, nginx, backend, authority, good, tmp_path, what, words):
    more = f'tls_ca = "{authority.cert}"\ntls_name = "backend.example"'
    if what == "name":
        more, tls_port = f'tls_ca = "{authority.cert}"\ntls_name = "other.example"', backend()
    elif what == "address":
        more, tls_port = f'tls_ca = "{authority.cert}"', backend(authority.sign("only-a-name.example"))
    elif what == "authority":
        tls_port = backend(Authority(tmp_path, "stranger").sign("backend.example"))
    elif what == "expired":
        tls_port = backend(authority.sign("old.example", san="DNS:backend.example", days=-1))
    else:
        tls_port = nginx("plain").port
    port = free_port()
    g = genkan(conf(port, [tls_port], more))
    answer = http_get(port, "/secret")
    assert answer.status == 502 and "could not be reached" in answer.text
    line = g.wait_log("a backend failed a request")[0]
    assert re.search(words, line), line
    assert not any("/secret" in r["uri"] for r in backend.one.requests()) if what != "plain" else True


def test_another_backend_serves_when_one_shows_a_wrong_certificate(genkan, backend, authority):
    port = free_port()
    bad = backend(authority.sign("old2.example", san="DNS:backend.example,IP:127.0.0.1", days=-1))
    genkan(conf(port, [bad, backend()], f'tls_ca = "{authority.cert}"'))
    assert [http_get(port, "/").status for _ in range(6)] == [200] * 6


def test_a_handshake_that_hangs_is_504(genkan, origin, authority):
    silent = origin(lambda connection, data: True)
    port = free_port()
    genkan(conf(port, [silent.port], f'tls_ca = "{authority.cert}"\nconnect_timeout = "300ms"'))
    assert http_get(port, "/").status == 504


def test_without_verification_it_works_and_is_warned_about(genkan, backend, authority, tmp_path):
    port = free_port()
    tls_port = backend(Authority(tmp_path, "stranger").sign("whoever.example"))
    g = genkan(conf(port, [tls_port], "tls_verify = false"))
    assert http_get(port, "/").status == 200
    done = run_genkan("check", str(g.file))
    assert "certificates of the backends are not checked" in done.stdout + done.stderr


def test_a_client_certificate_is_shown(genkan, backend, authority):
    cert, key = authority.sign("front.example", client=True)
    tls_port = backend(more=f"ssl_client_certificate {authority.cert}; ssl_verify_client on;")
    port, bare = free_port(), free_port()
    genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"\ntls_cert = "{cert}"\ntls_key = "{key}"'))
    assert "cert=SUCCESS" in http_get(port, "/").text
    genkan(conf(bare, [tls_port], f'tls_ca = "{authority.cert}"'), name="bare")
    assert http_get(bare, "/").status == 400  # nginx says so in HTTP


@pytest.mark.parametrize("kind", ["http", "tls", "h2"])
def test_checks_go_over_tls(genkan, backend, authority, kind):
    port = free_port()
    bad = backend(authority.sign(f"gone-{kind}.example", san="IP:127.0.0.1", days=-1), http2=kind == "h2")
    ok = backend(http2=kind == "h2")
    more = f'tls_ca = "{authority.cert}"\neject_after = 0' + ('\nprotocol = "h2"' if kind == "h2" else "")
    check = "tls" if kind == "tls" else "http"
    g = genkan(conf(port, [bad, ok], more, f'type = "{check}"\ninterval = "100ms"\nrise = 1\nfall = 1'))
    line = g.wait_log("backend changed state.*down")[0]
    assert f"127.0.0.1:{bad}" in line and "has expired" in line, line
    states = {b["name"]: b["state"] for b in g.api("/api/v1/pools").json()[0]["backends"]}
    assert states[f"127.0.0.1:{ok}"] == "up"


def test_a_reload_takes_a_new_authority_and_drops_connections_of_the_old(genkan, backend, authority, tmp_path):
    port, tls_port = free_port(), backend()
    g = genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"'), workers=1)
    assert http_get(port, "/").status == 200
    g.reload(conf(port, [tls_port], f'tls_ca = "{Authority(tmp_path, "stranger").cert}"'))
    assert http_get(port, "/").status == 502
    g.reload(conf(port, [tls_port], f'tls_ca = "{authority.cert}"'))
    wait_until(lambda: http_get(port, "/").status == 200, 15)


def test_files_that_can_not_be_used_end_the_start_with_their_name(genkan, tmp_path):
    (tmp_path / "bad.crt").write_text("nothing")
    for more in (f'tls_ca = "{tmp_path}/bad.crt"', f'tls_ca = "{tmp_path}/missing.crt"'):
        g = genkan(conf(free_port(), [1], more), start=False, name=f"bad{len(more)}")
        done = run_genkan("run", "-c", g.file)
        assert done.returncode > 0 and ".crt" in done.stderr, done.stderr


def test_connections_over_tls_are_kept_warm(genkan, backend, authority):
    port = free_port()
    tls_port = backend(more="location = /number { return 200 $connection-$connections_active; }")
    genkan(conf(port, [tls_port], f'tls_ca = "{authority.cert}"\nwarm_connections = 2'), workers=1)
    seen = {}

    def two_wait():
        with Http(tls_port, tls=True, name="backend.example") as client:
            number, active = client.get("/number").text.split("-")
        seen["number"] = int(number)
        return int(active) >= 3
    wait_until(two_wait, 10, "two warm connections and ours")
    before = seen["number"]
    assert int(http_get(port, "/").text.split()[-1]) < before  # a connection that was there already

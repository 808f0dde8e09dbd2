"""How backends are reached and checked: PROXY headers, Unix sockets, the kinds of checks."""
import socket
import struct
import threading
from concurrent import futures

import grpc
import pytest
from backend_tls import Authority
from harness import Http, free_port, http_get, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def conf(port, address, more="", health="enabled = false"):
    rows = "".join(f'[[pool.backend]]\naddress = "{a}"\n' for a in ([address] if isinstance(address, str) else address))
    return f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[pool]]\nname = "o"\n{more}\n[pool.health]\n{health}\n{rows}[[route]]\npool = "o"\n'


def states(g):
    return {b["address"]: b["state"] for b in g.api("/api/v1/pools").json()[0]["backends"]}


# --- PROXY protocol ---

def proxy_nginx(nginx, name="told"):
    port = free_port()
    one = nginx(name, main=f'''server {{ listen 127.0.0.1:{port} proxy_protocol; keepalive_requests 100000;
        location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $connection\\n"; }} }}''')
    return one, port


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_real_nginx_reads_the_clients_address(genkan, nginx, version):
    _, backend = proxy_nginx(nginx)
    port = free_port()
    genkan(conf(port, f"127.0.0.1:{backend}", f'send_proxy = "{version}"'), workers=1)
    with Http(port) as one, Http(port) as two:
        answers = [(c, c.get("/").text.split()) for c in (one, two, one, two)]
    seen = {}
    for client, (address, client_port, connection) in answers:
        assert address == "127.0.0.1"
        seen.setdefault(client, set()).add((client_port, connection))
    assert all(len(s) == 1 for s in seen.values()), seen  # each client keeps its own connection ...
    assert seen[one] != seen[two]  # ... and shares it with nobody


def test_the_header_comes_first_and_names_both_ends(genkan, origin):
    heads = []

    def handler(connection, data):
        heads.append(data)
        connection.sendall(OK)
        return True
    o = origin(handler)
    port = free_port()
    genkan(conf(port, f"127.0.0.1:{o.port}", 'send_proxy = "v1"'), workers=1)
    with socket.create_connection(("127.0.0.1", port)) as s:
        mine = s.getsockname()[1]
        for _ in range(2):
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert s.recv(1000).startswith(b"HTTP/1.1 200")
    assert heads[0].startswith(f"PROXY TCP4 127.0.0.1 127.0.0.1 {mine} {port}\r\nGET / HTTP/1.1\r\n".encode())
    assert heads[1].startswith(b"GET / ") and o.connections == 1


def test_what_an_earlier_proxy_said_is_passed_on(genkan, nginx):
    _, backend = proxy_nginx(nginx)
    port = free_port()
    genkan(conf(port, f"127.0.0.1:{backend}", 'send_proxy = "v2"').replace("[[pool]]", 'proxy_protocol_from = ["127.0.0.1/32"]\n[[pool]]', 1))
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b""
        while part := s.recv(4096):
            text += part
    assert b"2001:db8::1 4711" in text


def test_checks_say_that_they_are_nobodys_connection(genkan, nginx):
    one, backend = proxy_nginx(nginx)
    port = free_port()
    for version in ("v1", "v2"):
        g = genkan(conf(port, f"127.0.0.1:{backend}", f'send_proxy = "{version}"', 'interval = "100ms"\nrise = 1\nfall = 1'),
                   name=f"g{version}")
        wait_until(lambda: any("check" in r["agent"] and r["status"] == 200 for r in one.requests()), 10)
        assert states(g)[f"127.0.0.1:{backend}"] == "up" and not g.log_lines("check failed")
        g.stop()


# --- Unix sockets ---

def test_a_backend_on_a_unix_socket(genkan, nginx, tmp_path):
    path = f"{tmp_path}/app.sock"
    one = nginx("unix", main=f'server {{ listen unix:{path}; location / {{ return 200 "by unix $request_uri\\n"; }} location = /1m {{ alias FOLDER/1m; }} }}'.replace(
        "FOLDER", str(tmp_path / "unix.nginx")))
    port = free_port()
    g = genkan(conf(port, f"unix:{path}", "", 'interval = "100ms"\nrise = 1\nfall = 1'))
    with Http(port) as client:
        assert client.get("/a").text == "by unix /a\n"
        assert len(client.get("/1m").body) == 1 << 20
        assert client.request("POST", "/b", body=b"x" * 100_000).status == 200
    assert states(g)[f"unix:{path}"] == "up"
    one.stop()
    g.wait_log("backend changed state.*down")


# --- checks ---

def test_a_check_looks_at_the_content(genkan, nginx):
    chunked = 'location = /ssi { ssi on; ssi_types text/plain; alias FOLDER/ssi; }'
    one = nginx("one", locations='location = /health { return 200 "status: \\"fine\\"\\n"; }' + chunked)
    two = nginx("two", locations='location = /health { return 200 "status: \\"broken\\"\\n"; }')
    port = free_port()
    a, b = f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"
    g = genkan(conf(port, [a, b], "", 'path = "/health"\nbody = "status: .fine"\ninterval = "100ms"\nrise = 1\nfall = 1'))
    line = g.wait_log("backend changed state.*down")[0]
    assert b in line and "the content does not hold" in line
    assert states(g)[a] == "up"
    assert {http_get(port, "/").text.split()[0] for _ in range(6)} == {"one"}


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1 of a real gRPC server; the messages by hand: {service: status}."""

    def __init__(self, known):
        self.known, self.asked = known, []

    def service(self, call):
        if call.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, context):
        name = request[2:].decode() if request else ""
        self.asked.append(name)
        if name not in self.known:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return struct.pack("BB", 8, self.known[name])


@pytest.fixture
def grpc_server():
    servers = []

    def make(known, credentials=None):
        server = grpc.server(futures.ThreadPoolExecutor(4))
        handler = Health(known)
        server.add_generic_rpc_handlers((handler,))
        handler.port = server.add_secure_port("127.0.0.1:0", credentials) if credentials else server.add_insecure_port("127.0.0.1:0")
        server.start()
        handler.server = server
        servers.append(server)
        return handler
    yield make
    for server in servers:
        server.stop(0)


def test_the_grpc_health_service_is_asked(genkan, grpc_server):
    serving, sick, ignorant = grpc_server({"a.B": 1}), grpc_server({"a.B": 2}), grpc_server({"": 1})
    names = [f"127.0.0.1:{h.port}" for h in (serving, sick, ignorant)]
    port = free_port()
    g = genkan(conf(port, names, 'protocol = "h2"', 'type = "grpc"\nservice = "a.B"\ninterval = "100ms"\nrise = 2\nfall = 2'))
    g.wait_log("backend changed state.*down", count=2)
    assert states(g) == {names[0]: "up", names[1]: "down", names[2]: "down"}
    assert any("NOT_SERVING" in line for line in g.log_lines("down")) and any("grpc-status 5" in line for line in g.log_lines("down"))
    wait_until(lambda: set(serving.asked) == {"a.B"}, 10)
    sick.known["a.B"] = 1
    wait_until(lambda: states(g)[names[1]] == "up", 10, "it is taken back")
    serving.server.stop(0)
    wait_until(lambda: states(g)[names[0]] == "down", 10, "it is gone")


def test_the_grpc_health_service_over_tls(genkan, grpc_server, tmp_path):
    ca = Authority(tmp_path)
    cert, key = ca.sign("g.example", san="IP:127.0.0.1")
    h = grpc_server({"": 1}, grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())]))
    port = free_port()
    g = genkan(conf(port, f"127.0.0.1:{h.port}", f'protocol = "h2"\ntls = "on"\ntls_ca = "{ca.cert}"', 'type = "grpc"\ninterval = "100ms"'))
    wait_until(lambda: len(h.asked) > 3, 10)
    assert states(g)[f"127.0.0.1:{h.port}"] == "up"


def test_a_check_over_http_2_reads_the_status(genkan, nginx):
    port, h2 = free_port(), free_port()
    nginx("h2", main=f'''server {{ listen 127.0.0.1:{h2} http2; location / {{ return 200 "h2 $server_protocol\\n"; }} location = /sick {{ return 503; }} }}''')
    g = genkan(conf(port, f"127.0.0.1:{h2}", 'protocol = "h2"', 'path = "/sick"\ninterval = "100ms"\nrise = 1\nfall = 1'))
    assert "status 503, expected 200-399" in g.wait_log("backend changed state.*down")[0]


def test_a_backend_that_accepts_and_says_nothing_fails_its_check(genkan, origin):
    port = free_port()
    for kind, more in (("http", ""), ("grpc", 'protocol = "h2"')):
        o = origin(lambda connection, data: threading.Event().wait(5))
        g = genkan(conf(port, f"127.0.0.1:{o.port}", more, f'type = "{kind}"\ninterval = "200ms"\ntimeout = "200ms"\nrise = 1\nfall = 1'), name=kind)
        g.wait_log("backend changed state.*down")
        g.stop()

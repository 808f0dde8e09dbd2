"""Requests find their pool by host, path, pattern, User-Agent, method and fields; origins are real nginx processes."""
import pytest

from harness import Http, free_port, http_get, wait_until

HEALTH = '[pool.health]\npath = "/health"\ninterval = "200ms"\ntimeout = "2s"\nrise = 1\nfall = 2\n'


def pool(name, *servers, more="", health=HEALTH):
    backends = "".join(f'[[pool.backend]]\nname = "{s.name}"\naddress = "127.0.0.1:{s.port}"\n' for s in servers)
    return f'[[pool]]\nname = "{name}"\n{more}\n{backends}{health}\n'


@pytest.fixture
def site(genkan, nginx):
    """Five origins named after what leads to them, and a program in front of them."""
    shop, app, mobile, images, rest = (nginx(n) for n in ("shop", "app", "mobile", "images", "rest"))
    port = free_port()
    conf = f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {pool("shop", shop)}{pool("app", app)}{pool("mobile", mobile)}{pool("images", images)}{pool("rest", rest)}
        [[route]]
        hosts = ["shop.example", "*.shop.example"]
        pool = "shop"
        [[route]]
        path_prefix = "/app/"
        pool = "app"
        [[route]]
        path_pattern = '\\.(png|jpe?g)$'
        pool = "images"
        [[route]]
        user_agent = "iphone|android"
        pool = "mobile"
        [[route]]
        methods = ["DELETE"]
        status = 405
        body = "not here"
        [[route]]
        headers = ["X-Beta: ^yes$"]
        pool = "app"
        [[route]]
        path = "/old"
        redirect = "https://{{host}}/new"
        status = 301
        [[route]]
        path_prefix = "/nothing/"
        status = 204
        [[route]]
        pool = "rest"
    '''
    genkan(conf)
    return port


@pytest.mark.parametrize("fields, path, name", [
    ({"Host": "shop.example"}, "/", "shop"),
    ({"Host": "SHOP.example"}, "/", "shop"),
    ({"Host": "shop.example:8080"}, "/", "shop"),
    ({"Host": "www.shop.example"}, "/app/", "shop"),
    ({"Host": "notshop.example"}, "/", "rest"),
    ({}, "/app/x?y=1", "app"),
    ({}, "/apple", "rest"),
    ({}, "/a/b.jpeg", "images"),
    ({}, "/a/b.jpeg/c", "rest"),
    ({"User-Agent": "Mozilla/5.0 (iPhone; CPU)"}, "/", "mobile"),
    ({"User-Agent": "curl/8"}, "/", "rest"),
    ({"X-Beta": "yes"}, "/", "app"),
    ({"X-Beta": "yes please"}, "/", "rest"),
])
def test_a_request_reaches_the_pool_of_the_first_route_that_fits(site, fields, path, name):
    answer = http_get(site, path, fields)
    assert answer.status == 200 and answer.text == f"{name} GET {path}\n"


def test_fixed_answers_and_redirects_need_no_origin(site):
    assert http_get(site, "/x", method="DELETE").status == 405
    assert http_get(site, "/nothing/x").status == 204
    moved = http_get(site, "/old", {"Host": "www.example.org"})
    assert moved.status == 301 and moved.get("Location") == "https://www.example.org/new"


def test_a_request_without_a_route_is_404(genkan):
    port = free_port()
    genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[route]]\npath = "/only"\nstatus = 200\nbody = "x"')
    assert http_get(port, "/only").text == "x"
    assert http_get(port, "/other").status == 404


def test_round_robin_gives_every_backend_the_same_and_weights_their_share(genkan, nginx):
    one, two, three = nginx("one"), nginx("two"), nginx("three")
    port, weighted = free_port(), free_port()
    genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}", "127.0.0.1:{weighted}"]
        {pool("even", one, two, three)}
        [[pool]]
        name = "uneven"
        [[pool.backend]]
        address = "127.0.0.1:{one.port}"
        weight = 3
        [[pool.backend]]
        address = "127.0.0.1:{two.port}"
        [[pool.backend]]
        address = "127.0.0.1:{three.port}"
        weight = 0
        [[route]]
        path_prefix = "/w/"
        pool = "uneven"
        [[route]]
        pool = "even"
    ''', workers=1)
    with Http(port) as client:
        names = [client.get("/").text.split()[0] for _ in range(30)]
        heavy = [client.get("/w/").text.split()[0] for _ in range(40)]
    assert {n: names.count(n) for n in set(names)} == {"one": 10, "two": 10, "three": 10}
    assert heavy.count("one") == 30 and heavy.count("two") == 10 and heavy.count("three") == 0


def test_least_connections_avoids_the_backend_that_is_busy(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {pool("web", one, two, more='scheduler = "least_connections"')}
        [[route]]
        pool = "web"
    ''', workers=1)
    with Http(port, timeout=60) as slow, Http(port) as quick:
        slow.connect()
        slow.conn.request("GET", "/slow", headers={"Host": "x"})
        busy = wait_until(lambda: [s for s in (one, two) if established(s.port)], 5, "one origin has the slow request")
        response = slow.conn.getresponse()  # its head is there, its body is under way for seconds
        assert response.status == 200
        names = [quick.get("/").text.split()[0] for _ in range(12)]
        free = two if busy[0] is one else one
        assert names.count(free.name) == 12, names


def established(port):
    """Connections from anywhere to a local port that are open now."""
    hexport = f":{port:04X}"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return [r for r in rows if r[2].endswith(hexport) and r[3] == "01"]


def test_a_chain_of_candidacy_functions_chooses(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {pool("web", one, two, more='scheduler = "chain"' + chr(10) + 'chain = ["byAge 5s", "byRandom", "byLoad"]')}
        [[route]]
        pool = "web"
    ''')
    with Http(port) as client:
        names = {client.get("/").text.split()[0] for _ in range(60)}
    assert names <= {"one", "two"} and names  # without announced load every healthy backend stays a candidate


def test_the_origin_is_told_who_asked(genkan, nginx):
    one = nginx("one")
    port = free_port()
    genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {pool("web", one)}
        [[route]]
        pool = "web"
    ''')
    http_get(port, "/told", {"Host": "www.example.org", "X-Forwarded-For": "203.0.113.7", "X-Test": "kept",
                             "Connection": "close, X-Hop", "X-Hop": "1"})
    seen = wait_until(lambda: [r for r in one.requests() if r["uri"] == "/told"], 5)[0]
    assert seen["host"] == "www.example.org" and seen["test"] == "kept"
    assert seen["xff"].replace(" ", "").split(",")[-1] == "127.0.0.1"
    assert seen["proto"] == "http"
    assert "for=127.0.0.1" in seen["forwarded"] and "proto=http" in seen["forwarded"]
    assert seen["via"].startswith("1.1 ")
    assert seen["version"] == "HTTP/1.1"


def test_the_answer_names_the_proxy(genkan, nginx):
    one = nginx("one")
    port = free_port()
    genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{pool("web", one)}\n[[route]]\npool = "web"')
    answer = http_get(port, "/")
    assert "1.1 " in (answer.get("Via") or "")


def test_connections_are_kept_on_both_sides(genkan, nginx):
    one = nginx("one")
    port = free_port()
    genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{pool("web", one, health="[pool.health]" + chr(10) + "enabled = false" + chr(10))}\n[[route]]\npool = "web"',
           workers=1)
    with Http(port) as client:
        first = None
        for i in range(50):
            assert client.get(f"/k{i}").status == 200
            first = first or client.conn.sock
            assert client.conn.sock is first
    one.asked(1, "/k49")
    used = {r["connection"] for r in one.requests() if r["uri"].startswith("/k")}
    assert len(used) == 1, used


@pytest.mark.parametrize("size", ["1k", "100k", "1m", "10m"])
def test_bodies_arrive_whole(genkan, nginx, size):
    one = nginx("one")
    port = free_port()
    genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{pool("web", one)}\n[[route]]\npool = "web"')
    answer = http_get(port, f"/size/{size}")
    assert answer.status == 200 and answer.body == (one.folder / size).read_bytes()


def test_head_is_answered_without_a_body_and_keeps_the_connection(genkan, nginx):
    one = nginx("one")
    port = free_port()
    genkan(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n{pool("web", one)}\n[[route]]\npool = "web"')
    with Http(port) as client:
        head = client.request("HEAD", "/size/1m")
        assert head.status == 200 and head.body == b"" and head.get("Content-Length") == str(1 << 20)
        assert client.get("/").text == "one GET /\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_request_bodies_reach_the_origin_whole(genkan, origin, chunked):
    got = []

    def handler(connection, data):
        head, body = data.split(b"\r\n\r\n", 1)
        if b"chunked" in head.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
            whole, rest = b"", body
            while True:
                size, rest = rest.split(b"\r\n", 1)
                if int(size, 16) == 0:
                    break
                whole, rest = whole + rest[:int(size, 16)], rest[int(size, 16) + 2:]
            body = whole
        else:
            length = int([f for f in head.split(b"\r\n") if f.lower().startswith(b"content-length:")][0].split(b":")[1])
            while len(body) < length:
                body += connection.recv(65536)
        got.append(body)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    o = origin(handler)
    port = free_port()
    genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{o.port}"
        [pool.health]
        enabled = false
        [[route]]
        pool = "web"
    ''')
    sent = bytes(range(256)) * 4096  # 1 MiB
    with Http(port) as client:
        body = iter([sent[i:i + 50_000] for i in range(0, len(sent), 50_000)]) if chunked else sent
        fields = {"Transfer-Encoding": "chunked"} if chunked else {}
        client.connect()
        client.conn.request("POST", "/up", body=body, headers={"Host": "x", **fields}, encode_chunked=chunked)
        assert client.conn.getresponse().read() == b"ok"
    assert got == [sent]

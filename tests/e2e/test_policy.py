"""What stands around a route's action: access, limits, errors, browsers, maintenance, shadow traffic."""
import base64
import crypt
import socket
import threading
import time

import pytest

from harness import SLOW, Http, http_get, raw_http, read_all, status_of, wait_until
from policy_site import site


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_addresses_are_allowed_and_denied(genkan, nginx):
    port, _ = site(genkan, {"web": nginx("web")}, '''
        [[route]]
        path_prefix = "/inside/"
        allow = ["127.0.0.0/8"]
        pool = "web"
        [[route]]
        path_prefix = "/outside/"
        allow = ["192.0.2.0/24"]
        pool = "web"
        [[route]]
        deny = ["127.0.0.1/32"]
        pool = "web"
    ''')
    assert http_get(port, "/inside/").status == 200
    assert http_get(port, "/outside/").status == 403
    assert http_get(port, "/").status == 403


def test_names_and_passwords_are_asked_for(genkan, nginx, tmp_path):
    web = nginx("web", locations="location = /who { return 200 $http_x_test; }")
    users = tmp_path / "users"
    users.write_text("# people\nann:" + crypt.crypt("secret", crypt.METHOD_SHA512) + "\n"
                     + "bob:" + crypt.crypt("höhle", crypt.METHOD_BLOWFISH) + "\n"
                     + "old:" + crypt.crypt("password", crypt.METHOD_SHA256) + "\n")
    port, _ = site(genkan, {"web": web}, f'''
        [[route]]
        pool = "web"
        basic.file = "{users}"
        basic.realm = "The \\"inner\\" part"
        request.set = ["X-Test: {{user}}"]
    ''')
    asked = http_get(port, "/")
    assert asked.status == 401
    assert asked.get("WWW-Authenticate") == 'Basic realm="The \\"inner\\" part", charset="UTF-8"'
    for user, password in (("ann", "wrong"), ("nobody", "secret"), ("ann", ""), ("ann", "secret\0x")):
        assert http_get(port, "/", basic(user, password)).status == 401
    assert not [r for r in web.requests() if r["uri"] != "/health"], "no backend sees who was refused"
    for user, password in (("ann", "secret"), ("bob", "höhle"), ("old", "password")):
        for _ in range(2):  # the second time from memory
            assert http_get(port, "/who", basic(user, password)).text == user
    assert http_get(port, "/", {"Authorization": "Bearer x"}).status == 401


def test_a_file_of_passwords_with_a_useless_hash_is_refused_at_start(genkan, nginx, tmp_path):
    users = tmp_path / "users"
    users.write_text("ann:$apr1$abcdefgh$xxxxxxxxxxxxxxxxxxxxxx\n")
    port, g = site(genkan, {"web": nginx("web")}, f'[[route]]\npool = "web"\nbasic.file = "{users}"\n', ready=False)
    g.expected = 78
    wait_until(lambda: not g.running(), 15, "it ended")
    assert "line 1: the hash is of no kind that is known here" in g.log()


def test_another_server_decides(genkan, nginx):
    web = nginx("web", locations="location /in/ { return 200 '$http_x_user|$http_x_original_uri'; }")
    judge = nginx("judge", locations="""
        location = /check { add_header X-User "$http_x_who-checked" always; add_header X-Secret no;
          if ($http_x_who = "ann") { return 204; }
          if ($http_x_who = "out") { add_header WWW-Authenticate Bearer always; return 401; }
          if ($http_x_who = "login") { return 302 https://login.example/; }
          if ($http_x_who = "broken") { return 500; }
          return 403; }""")
    port, _ = site(genkan, {"web": web, "judge": judge}, '''
        [[route]]
        pool = "web"
        auth.pool = "judge"
        auth.path = "/check"
        auth.copy = ["X-User"]
    ''')
    passed = http_get(port, "/in/a?b=c", {"X-Who": "ann", "X-User": "forged"})
    assert passed.status == 200 and passed.text == "ann-checked|"
    asked = wait_until(lambda: [r for r in judge.requests() if r["uri"] == "/check"], 10, "the judge's log")
    assert asked[0]["method"] == "GET"
    inside = lambda: [r for r in web.requests() if r["uri"].startswith("/in/")]  # noqa: E731
    wait_until(lambda: len(inside()) == 1, 10, "the backend's log")
    out = http_get(port, "/in/", {"X-Who": "out"})
    assert out.status == 401 and out.get("WWW-Authenticate") == "Bearer"
    login = http_get(port, "/in/", {"X-Who": "login"})
    assert login.status == 302 and login.get("Location") == "https://login.example/"
    assert http_get(port, "/in/", {"X-Who": "else"}).status == 403
    assert http_get(port, "/in/", {"X-Who": "broken"}).status == 502
    assert len(inside()) == 1, "nobody else got there"
    posted = http_get(port, "/in/", {"X-Who": "ann"}, method="POST", body=b"x" * 100_000)
    assert posted.status == 200, "the content is for the backend, not for the one who decides"


def test_what_comes_too_often_is_told_when_to_come_again(genkan, nginx):
    web = nginx("web")
    conf_routes = '''
        [[limit]]
        name = "visitors"
        rate = "6/h"
        burst = 3
        [[limit]]
        name = "keys"
        key = "{header:X-Api-Key}"
        rate = "2/h"
        [[route]]
        path_prefix = "/api/"
        limits = ["keys"]
        pool = "web"
        [[route]]
        path = "/free"
        pool = "web"
        [[route]]
        limits = ["visitors"]
        pool = "web"
    '''
    port, g = site(genkan, {"web": web}, conf_routes)
    statuses = [http_get(port, "/").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = http_get(port, "/")
    assert 1 <= int(refused.get("Retry-After")) <= 600
    assert http_get(port, "/free").status == 200
    assert [http_get(port, "/api/", {"X-Api-Key": k}).status for k in ("a", "b", "a", "b", "a")] == [200, 200, 429, 429, 429]
    assert http_get(port, "/api/").status == 200, "without a key there is no limit of it"
    g.reload()
    assert http_get(port, "/").status == 429, "a reload forgets nothing"
    assert g.metrics()['genkan_proxy_limited_total{limit="visitors"}'] >= 3


def test_a_limit_of_all_routes_stands_in_http(genkan, nginx):
    port, _ = site(genkan, {"web": nginx("web")}, '''
        [[limit]]
        name = "all"
        key = "{client}"
        rate = "2/h"
        burst = 2
        [[route]]
        path = "/fixed"
        status = 200
        [[route]]
        pool = "web"
    ''', http='limits = ["all"]')
    assert [http_get(port, p).status for p in ("/", "/fixed", "/", "/fixed")] == [200, 200, 429, 429]


def test_requests_in_work_at_once_are_limited(genkan, origin):
    go = threading.Event()

    def slow(connection, data):
        if b"GET /health" not in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            go.wait(30 * SLOW)
            connection.sendall(b"cd")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True
    backend = origin(slow)
    port, _ = site(genkan, {"web": backend}, '''
        [[limit]]
        name = "few"
        concurrent = 2
        [[route]]
        limits = ["few"]
        pool = "web"
    ''')
    held = []
    for _ in range(2):
        s = socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW)
        s.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = b""
        while b"\r\n\r\nab" not in got:
            got += s.recv(4096)
        held.append(s)
    assert http_get(port, "/x").status == 429
    go.set()
    for s in held:
        assert read_all(s).endswith(b"cd")
        s.close()
    wait_until(lambda: http_get(port, "/x").status == 200, 10, "the places are free again")


def test_bodies_have_limits_of_the_route(genkan, nginx, origin):
    web = nginx("web", locations="location /big { alias FOLDER/100k; }")
    endless = origin(lambda c, d: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                            + b"1000\r\n" + b"x" * 4096 + b"\r\n" * 1 + b"2000\r\n" + b"y" * 8192 + b"\r\n0\r\n\r\n"))
    port, _ = site(genkan, {"web": web, "endless": endless}, '''
        [[route]]
        path = "/endless"
        pool = "endless"
        max_response_body = "6KiB"
        [[route]]
        path = "/big"
        pool = "web"
        max_response_body = "50KiB"
        [[route]]
        pool = "web"
        max_body = "1KiB"
    ''')
    assert http_get(port, "/", method="POST", body=b"x" * 1024).status == 200
    assert http_get(port, "/", method="POST", body=b"x" * 1025).status == 413
    head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status_of(raw_http(port, head + "800\r\n" + "x" * 2048 + "\r\n0\r\n\r\n")) == 413
    assert status_of(raw_http(port, head + "3ff\r\n" + "x" * 1023 + "\r\n0\r\n\r\n")) == 200
    assert http_get(port, "/big").status == 502
    cut = raw_http(port, "GET /endless HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status_of(cut) in (200, 502) and not cut.endswith(b"0\r\n\r\n"), "never ended as if it were whole"


def drip(port, head, piece, seconds):
    """Sends `piece` every 50 ms until the other side ends the connection. Returns what it said."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds * SLOW) as s:
        s.sendall(head)
        s.settimeout(0.05)
        end, got = time.monotonic() + seconds * SLOW, b""
        while time.monotonic() < end:
            try:
                s.sendall(piece)
                part = s.recv(65536)
                if not part:
                    return got
                got += part
            except socket.timeout:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return got
    raise AssertionError(f"the connection still lives after {seconds} s: {got!r}")


def test_who_sends_or_takes_a_byte_at_a_time_is_cut_off(genkan, nginx):
    web = nginx("web")
    port, _ = site(genkan, {"web": web}, '[[route]]\npool = "web"\n',
                   http='head_timeout = "1s"\nmin_rate = 500\nmin_rate_grace = "1s"')
    assert status_of(drip(port, b"GET / HTTP/1.1\r\nX-Slow: ", b"x", 20)) == 408
    upload = drip(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"x", 20)
    assert status_of(upload) in (200, 408), "nginx may have answered before"
    chunked = drip(port, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 20)
    assert status_of(chunked) in (200, 408)


def test_who_is_slow_but_not_too_slow_is_served(genkan, origin):
    def echo(connection, data):
        if b"POST" not in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        want = data.index(b"\r\n\r\n") + 4 + 40 * 100
        while len(data) < want:
            data += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    port, _ = site(genkan, {"web": origin(echo)}, '[[route]]\npool = "web"\n', http='min_rate = 20\nmin_rate_grace = "1s"')
    with socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW) as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4000\r\n\r\n")
        for _ in range(40):  # two seconds and more, over the grace, with a hundred times the rate
            s.sendall(b"x" * 100)
            time.sleep(0.05)
        assert read_all(s).endswith(b"ok")


def test_own_pages_for_errors(genkan, nginx, tmp_path):
    page, sorry = tmp_path / "404.html", tmp_path / "sorry.txt"
    page.write_text("<h1>lost {status}</h1>")
    sorry.write_text("sorry: {status}\n")
    port, _ = site(genkan, {"web": nginx("web")}, f'''
        [[route]]
        path_prefix = "/own/"
        error_pages = ["404: {page}", "5xx: {sorry}"]
        error_pages_for_backend = true
        pool = "web"
        rewrite = ["^/own(/.*) -> {{1}}"]
        [[route]]
        path_prefix = "/maintenance/"
        maintenance = true
        error_pages = ["5xx: {sorry}"]
        pool = "web"
        [[route]]
        error_pages = ["4xx: {page}"]
        rewrite = ["^/refused -> /%2e%2e/x"]
        pool = "web"
    ''')
    lost = http_get(port, "/own/status/404")
    assert (lost.status, lost.text, lost.get("Content-Type")) == (404, "<h1>lost 404</h1>", "text/html; charset=utf-8")
    broken = http_get(port, "/own/status/503")
    assert (broken.status, broken.text) == (503, "sorry: 503\n")
    assert http_get(port, "/own/x").text.startswith("web GET /x")
    assert http_get(port, "/status/404").text == "web 404\n", "what a backend says stays, unless it is told otherwise"
    assert http_get(port, "/refused").status == 400
    assert http_get(port, "/maintenance/").status == 503


def test_maintenance_lets_the_operators_in(genkan, nginx):
    port, _ = site(genkan, {"web": nginx("web")}, '''
        [[route]]
        path_prefix = "/ours/"
        maintenance = true
        maintenance_except = ["127.0.0.1/32"]
        pool = "web"
        [[route]]
        maintenance = true
        pool = "web"
    ''')
    closed = http_get(port, "/")
    assert closed.status == 503 and closed.get("Retry-After") == "300"
    assert http_get(port, "/ours/").status == 200


def test_other_sites_may_use_what_cors_gives_them(genkan, nginx):
    web = nginx("web")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        path_prefix = "/all/"
        cors.origins = ["*"]
        pool = "web"
        [[route]]
        pool = "web"
        cors = { origins = ["https://app.example", "https://*.example.org"], methods = ["GET", "PUT"], headers = ["X-A"], expose = ["X-B"], credentials = true, max_age = "1h" }
    ''')
    asks = {"Access-Control-Request-Method": "PUT"}
    may = http_get(port, "/x", {"Origin": "https://app.example", **asks}, method="OPTIONS")
    assert may.status == 204 and may.get("Access-Control-Allow-Origin") == "https://app.example"
    assert may.get("Access-Control-Allow-Methods") == "GET, PUT" and may.get("Access-Control-Allow-Headers") == "X-A"
    assert may.get("Access-Control-Allow-Credentials") == "true" and may.get("Access-Control-Max-Age") == "3600"
    no = http_get(port, "/x", {"Origin": "https://evil.example", **asks}, method="OPTIONS")
    assert no.get("Access-Control-Allow-Origin") is None and no.get("Vary") == "Origin"
    got = http_get(port, "/x", {"Origin": "https://a.b.example.org"})
    assert got.get("Access-Control-Allow-Origin") == "https://a.b.example.org" and got.get("Access-Control-Expose-Headers") == "X-B"
    assert http_get(port, "/x", {"Origin": "https://example.org"}).get("Access-Control-Allow-Origin") is None
    assert http_get(port, "/x", {"Origin": "https://evil.example/.example.org"}).get("Access-Control-Allow-Origin") is None
    assert http_get(port, "/all/x").get("Access-Control-Allow-Origin") == "*"
    web.asked(1, "/all/x")
    assert not [r for r in web.requests() if r["method"] == "OPTIONS"], "preflights are answered here"


def test_browsers_are_told_to_be_careful(genkan, nginx):
    web = nginx("web", locations="location /own { add_header X-Frame-Options DENY; return 200 x; }")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        pool = "web"
        security = { enabled = true, hsts = "365d", content_security_policy = "default-src 'self'" }
    ''')
    told = http_get(port, "/")
    assert told.get("X-Content-Type-Options") == "nosniff" and told.get("X-Frame-Options") == "SAMEORIGIN"
    assert told.get("Content-Security-Policy") == "default-src 'self'"
    assert told.get("Referrer-Policy") == "strict-origin-when-cross-origin"
    assert told.get("Strict-Transport-Security") is None, "not over plain HTTP (RFC 6797 7.2)"
    assert http_get(port, "/own").all("X-Frame-Options") == ["DENY"]


def test_a_shadow_gets_copies_and_disturbs_nobody(genkan, nginx, origin):
    web = nginx("web")
    bodies = []

    def shadow(connection, data):
        head, _, body = data.partition(b"\r\n\r\n")
        if b"GET /health" in head:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        bodies.append((head.split(b" ")[0:2], body))
        return False  # never an answer
    port, g = site(genkan, {"web": web, "shadow": origin(shadow)}, '''
        [[route]]
        pool = "web"
        mirror.pool = "shadow"
        mirror.max_body = "10KiB"
    ''')
    with Http(port) as client:
        for n in range(5):
            assert client.get(f"/a{n}").text == f"web GET /a{n}\n"
        assert client.request("POST", "/big", body=b"y" * 50_000).status == 200

        def copied():  # nginx may answer before it has all of the content: then there is no copy
            assert client.request("POST", "/p", body=b"y" * 5000).status == 200
            return ([b"POST", b"/p"], b"y" * 5000) in bodies
        wait_until(copied, 20, "a copy with its content", every=0.1)
    wait_until(lambda: len(bodies) >= 6, 10, "the copies are there")
    assert not [b for b in bodies if b[0][1] == b"/big"]
    assert g.metrics()['genkan_proxy_mirrored_total{copy="sent"}'] >= 6


@pytest.mark.parametrize("path, status", [("/", 200), ("/deep/page", 200), ("/app.js", 200), ("/sub/", 200),
                                          ("/secret", 200), ("/.hidden", 200)])
def test_files_are_tried_in_order_and_none_leaves_the_folder(genkan, tmp_path, path, status):
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("shell")
    (root / "app.js").write_text("code")
    (root / "sub" / "home.htm").write_text("sub home")
    (root / ".hidden").write_text("hidden")
    (tmp_path / "outside").write_text("outside")
    (root / "secret").symlink_to(tmp_path / "outside")
    port, _ = site(genkan, {}, f'''
        [[route]]
        root = "{root}"
        index = ["home.htm", "index.html"]
        try_files = ["{{path}}", "/index.html"]
    ''')
    answer = http_get(port, path)
    expected = {"/app.js": "code", "/sub/": "sub home"}.get(path, "shell")
    assert (answer.status, answer.text) == (status, expected)

"""The conditions of routes beyond host and path, rewriting, header fields, splits, and `genkan explain`."""
import pytest

from harness import free_port, http_get, raw_http, run_genkan, status_of
from policy_site import pool, site

PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def test_a_route_asks_for_cookie_argument_client_and_kind_of_program(genkan, nginx):
    a, rest = nginx("a"), nginx("rest")
    port, _ = site(genkan, {"a": a, "rest": rest}, '''
        [[route]]
        cookies = ["beta: ^1$"]
        pool = "a"
        [[route]]
        args = ["v: ^2$"]
        pool = "a"
        [[route]]
        path_prefix = "/phone/"
        agents = ["mobile"]
        pool = "a"
        [[route]]
        path_prefix = "/here/"
        from = ["127.0.0.0/8"]
        scheme = "http"
        pool = "a"
        [[route]]
        path_prefix = "/there/"
        from = ["192.0.2.0/24"]
        pool = "a"
        [[route]]
        pool = "rest"
    ''')

    def who(path, **fields):
        return http_get(port, path, {k.replace("_", "-"): v for k, v in fields.items()}).text.split()[0]
    assert who("/", Cookie="x=y; beta=1") == "a"
    assert who("/", Cookie="x=beta=1") == "rest"
    assert who("/?u=1&v=2") == "a"
    assert who("/?v=22") == "rest"
    assert who("/phone/", User_Agent=PHONE) == "a"
    assert who("/phone/", User_Agent=DESKTOP) == "rest"
    assert who("/phone/") == "rest"
    assert who("/here/x") == "a"
    assert who("/there/x") == "rest"


def test_many_routes_of_all_kinds_lead_to_the_first_that_fits(genkan, nginx):
    web = nginx("web")
    kinds = ['path = "/exact/{i}"', 'path_prefix = "/prefix/{i}/"', "path_pattern = '^/pattern/{i}/[0-9]+$'",
             'hosts = ["h{i}.example"]']
    rows = "".join(f'[[route]]\nname = "r{i}"\n{kinds[i % 4].format(i=i)}\nstatus = 200\nbody = "row {i}"\n'
                   for i in range(2000))
    port, _ = site(genkan, {"web": web}, rows + '[[route]]\npool = "web"\n')
    assert http_get(port, "/exact/1996").text == "row 1996"
    assert http_get(port, "/prefix/1997/x").text == "row 1997"
    assert http_get(port, "/pattern/1998/7").text == "row 1998"
    assert http_get(port, "/", {"Host": "h1999.example"}).text == "row 1999"
    assert http_get(port, "/exact/2").text.startswith("web ")


@pytest.mark.parametrize("trick", [
    "/public/%2e%2e%2fadmin", "/public/..%2fadmin", "/public/..%5cadmin", "/public/..\\admin", "/public/..;/admin",
    "/public/%2e%2e;x/admin", "/public/x%00.png", "/public/%c0%ae%c0%ae/admin", "/../admin", "/public/%zz"])
def test_a_trick_with_the_path_reaches_no_backend(genkan, nginx, trick):
    web = nginx("web")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        path_prefix = "/admin"
        status = 403
        [[route]]
        pool = "web"
    ''')
    assert status_of(raw_http(port, f"GET {trick} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 400
    assert not [r for r in web.requests() if r["uri"] != "/health"]


def test_the_backend_gets_the_path_that_the_rules_saw(genkan, nginx):
    web = nginx("web")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        path_prefix = "/admin"
        status = 403
        [[route]]
        pool = "web"
    ''')
    for path in ("/public/../admin", "/public/%2e%2e/admin", "//admin", "/./admin", "/%61dmin", "/x//../admin"):
        answer = raw_http(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status_of(answer) == 403, path
    for path, seen in (("/a/../b%2fc", "/b%2Fc"), ("//a///b", "/a/b"), ("/a;p=1/b", "/a;p=1/b"), ("/a\\b", "/a%5Cb")):
        answer = raw_http(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.rstrip().endswith(f"web GET {seen}".encode()), path


def test_double_slashes_stay_where_they_are_wanted(genkan, nginx):
    web = nginx("web")
    port, _ = site(genkan, {"web": web}, '[[route]]\npool = "web"\n', http="merge_slashes = false")
    answer = raw_http(port, "GET /a//b/../c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.rstrip().endswith(b"web GET /a//c")


def test_paths_queries_and_fields_are_rewritten(genkan, nginx):
    web = nginx("web", locations="location /f/ { add_header X-Inner yes; add_header Server inner; return 200 "
                                 "'$request_uri|$http_x_client|$http_x_id|$http_cookie|$http_x_multi'; }")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        path_prefix = "/old/"
        rewrite = ["^/old/none -> /none", "^/old/([a-z]+)/(.*)$ -> /f/{2}/{1}"]
        rewrite_query = "{query}&host={host}"
        pool = "web"
        request.set = ["X-Client: {client}", "X-Id: {header:X-Trace}/{cookie:sid}/{method}"]
        request.add = ["X-Multi: {arg:name}"]
        request.remove = ["Cookie"]
        response.set = ["X-Route: {status} {path}"]
        response.remove = ["X-Inner"]
        [[route]]
        path = "/go"
        redirect = "https://www.example/{header:X-Where}?from={host}&q={arg:q}"
        status = 308
    ''')
    answer = http_get(port, "/old/shoes/a%20b?name=x%20y", {"Host": "shop.example", "Cookie": "sid=77", "X-Trace": "t"})
    uri, client, trace, cookie, multi = answer.text.split("|")
    assert uri == "/f/a%20b/shoes?name=x%20y&host=shop.example"
    assert (client, trace, cookie, multi) == ("127.0.0.1", "t/77/GET", "", "x y")
    assert answer.get("X-Route") == "200 /old/shoes/a%20b" and answer.get("X-Inner") is None
    moved = http_get(port, "/go?q=a%0d%0aX-Evil:%201", {"Host": "h.example", "X-Where": "p q"})
    assert moved.status == 308
    assert moved.get("Location") == "https://www.example/p%20q?from=h.example&q=a%0D%0AX-Evil:%201"
    assert moved.get("X-Evil") is None


def test_a_field_made_of_an_argument_can_not_begin_another(genkan, nginx):
    web = nginx("web", locations="location = /echo { return 200 $http_x_test|$http_x_evil; }")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        pool = "web"
        request.set = ["X-Test: {arg:a}"]
        response.set = ["X-Echo: {arg:a}"]
    ''')
    answer = http_get(port, "/echo?a=1%0d%0aX-Evil:%20yes")
    assert answer.get("X-Evil") is None and answer.get("X-Echo") == "1  X-Evil: yes"
    assert answer.text == "1  X-Evil: yes|"


def test_the_request_id_is_kept_or_made_and_told_to_both_sides(genkan, nginx):
    web = nginx("web", locations="location /id { return 200 $http_x_request_id; }")
    port, _ = site(genkan, {"web": web}, '''
        [[route]]
        pool = "web"
        request.set = ["X-Request-ID: {request_id}"]
        response.set = ["X-Request-ID: {request_id}"]
    ''')
    one, two = http_get(port, "/id"), http_get(port, "/id")
    assert one.text and one.text == one.get("X-Request-ID") and one.text != two.text
    assert http_get(port, "/id", {"X-Request-ID": "abc-1"}).text == "abc-1"
    assert http_get(port, "/id", {"X-Request-ID": "no good"}).text != "no good"


def test_a_share_of_the_visitors_is_split_off(genkan, nginx):
    old, new = nginx("old"), nginx("new")
    port, _ = site(genkan, {"old": old, "new": new}, '''
        [[route]]
        pool = "old"
        split_by = "cookie:sid"
        [[route.split]]
        pool = "new"
        weight = 30
        header = "X-Canary: ^1$"
        cookie = "canary: ^yes$"
    ''')

    def who(**fields):
        return http_get(port, "/", fields).text.split()[0]
    assert who(**{"X-Canary": "1"}) == "new"
    assert who(Cookie="canary=yes; sid=1") == "new"
    visitors = [who(Cookie=f"sid={n}") for n in range(60)]
    assert 4 <= visitors.count("new") <= 36, "about 18: the hash is fixed, so this does not change from run to run"
    assert [who(Cookie=f"sid={n}") for n in range(60)] == visitors, "who was split off stays"


def test_explain_says_which_row_and_why_the_others_not(tmp_path):
    file = tmp_path / "explain.toml"
    file.write_text('''
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:1"
        [[route]]
        name = "shop"
        hosts = ["shop.example"]
        pool = "web"
        [[route]]
        name = "posts"
        methods = ["POST"]
        pool = "web"
        [[route]]
        name = "inside"
        from = ["10.0.0.0/8"]
        pool = "web"
        [[route]]
        name = "beta"
        headers = ["X-Beta: yes"]
        redirect = "https://beta.example/"
        [[route]]
        name = "night"
        times = ["Sat,Sun", "22:00-06:00"]
        status = 204
        path = "/office"
        [[route]]
        name = "named"
        server_names = ["inner.example"]
        status = 204
        [[route]]
        name = "cookie"
        cookies = ["sid: ^7"]
        status = 204
        [[route]]
        name = "arg"
        args = ["n: ^1$"]
        status = 204
        [[route]]
        name = "phone"
        agents = ["mobile"]
        status = 204
        [[route]]
        name = "curl"
        user_agent = "^curl/"
        status = 204
        [[route]]
        name = "secure"
        tls_versions = ["1.3"]
        status = 204
    ''')

    def explain(*args):
        return run_genkan("explain", "-c", file, *args)
    told = explain("http://www.example/a/../b?x", "-H", "X-Beta: yes")
    assert told.returncode == 0
    lines = told.stdout.splitlines()
    assert lines[0] == "GET http://www.example/b?x"
    assert lines[1] == "no   shop: hosts: shop.example; the request is for www.example"
    assert lines[2] == "no   posts: methods: POST; the request's is GET"
    assert lines[3] == "no   inside: from: the client 127.0.0.1 is in none of its networks"
    assert lines[4].startswith("yes  beta (") and lines[5] == "  redirect = https://beta.example/"
    assert "yes  posts" in explain("http://x/", "--method", "POST").stdout
    assert "yes  inside" in explain("http://x/", "--from", "10.1.2.3").stdout
    assert "yes  secure" in explain("https://x/").stdout
    assert "yes  night" in explain("http://x/office", "--at", "2026-03-28 12:00").stdout  # a Saturday
    assert "yes  night" in explain("http://x/office", "--at", "2026-03-26 05:59").stdout
    noon = explain("http://x/office", "--at", "2026-03-26 12:00")
    assert "no   night: times: it is not Sat,Sun, 22:00-06:00" in noon.stdout
    assert explain("http://x/office", "--at", "noon").returncode == 64
    assert "yes  named" in explain("https://www.example/", "--server-name", "Inner.example").stdout
    assert "no   named: server_names" in explain("https://www.example/").stdout
    assert "yes  cookie" in explain("http://x/", "-H", "Cookie: a=b; sid=77").stdout
    assert "yes  arg" in explain("http://x/?n=1").stdout and "no   arg: args" in explain("http://x/?n=11").stdout
    assert "yes  phone" in explain("http://x/", "-H", "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148").stdout
    assert "yes  curl" in explain("http://x/", "-H", "User-Agent: curl/8.0").stdout
    nobody = explain("http://x/")
    assert nobody.returncode != 0 and "404: no route takes it" in nobody.stdout
    assert "400" in explain("http://x/..;/a").stdout
    assert explain("nothing").returncode == 64


def test_a_wrong_rule_is_named_with_its_place(tmp_path):
    port = free_port()
    for line, complaint in (('cookies = ["no pattern"]', "a cookie name, a colon and a pattern"),
                            ('times = ["Someday"]', "not a time of the week"),
                            ('rewrite = ["^/a"]', "an arrow"),
                            ('rewrite = ["^/( -> /b"]', "no regular expression"),
                            ('request.set = ["X-A: {nothing}"]', "knows no placeholder {nothing}"),
                            ('request.set = ["Connection: close"]', "belongs to the connection"),
                            ('limits = ["visitor"]', "did you mean `visitors`"),
                            ('agents = ["robot"]', "robot"),
                            ('error_pages = ["404"]', "a status, a colon and a file"),
                            ('split_by = "moon"', "`split_by` must be"),
                            ('cors.origins = ["app.example"]', "is not an origin"),
                            ('auth.pool = "wab"', "there is no pool `wab`")):
        file = tmp_path / "bad.toml"
        file.write_text(f'[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[limit]]\nname = "visitors"\nrate = "1/s"\n'
                        + pool("web", type("S", (), {"port": 1})) + f'[[route]]\n{line}\npool = "web"\n')
        told = run_genkan("check", file)
        assert told.returncode == 78 and complaint in told.stderr and "bad.toml:" in told.stderr, (line, told.stderr)

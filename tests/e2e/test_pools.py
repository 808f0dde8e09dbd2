"""How a pool chooses, retries, waits and stands in for another, against real backends."""
import threading

from harness import Http, free_port, http_get, run_genkan, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def front(port, pools, more=""):
    return f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {pools}
        [[route]]
        pool = "web"
        {more}
    '''


def pool(*ports, name="web", more="", backend=""):
    rows = "".join(f'[[pool.backend]]\nname = "b{i}"\naddress = "127.0.0.1:{p}"\n{backend}\n' for i, p in enumerate(ports))
    return f'[[pool]]\nname = "{name}"\n{more}\n{rows}\n[pool.health]\nenabled = false\n'


def who(port, path="/", fields=None, count=1):
    with Http(port) as client:
        return [client.request("GET", path, fields=fields).text.split()[0] for _ in range(count)]


def test_every_scheduler_serves_from_all_backends(genkan, nginx):
    ports = [nginx(f"n{i}").port for i in range(3)]
    for scheduler in ("round_robin", "least_connections", "random", "two_choices", "peak_ewma"):
        port = free_port()
        g = genkan(front(port, pool(*ports, more=f'scheduler = "{scheduler}"')), name=f"genkan-{scheduler}", workers=1)
        assert set(who(port, count=200)) == {"n0", "n1", "n2"}, scheduler
        g.stop()


def test_a_hash_of_the_path_keeps_each_path_at_one_backend(genkan, nginx):
    ports = [nginx(f"n{i}").port for i in range(4)]
    port = free_port()
    # One worker: with two, the next request may come while the last one is still counted, and bounded loads pass it on.
    genkan(front(port, pool(*ports, more='scheduler = "hash"\nhash_key = "path"')), workers=1)
    homes = {path: set(who(port, path, count=6)) for path in (f"/page/{i}" for i in range(30))}
    assert all(len(home) == 1 for home in homes.values()), homes
    assert len(set.union(*homes.values())) == 4


def test_a_hash_of_a_header_follows_it(genkan, nginx):
    ports = [nginx(f"n{i}").port for i in range(4)]
    port = free_port()
    genkan(front(port, pool(*ports, more='scheduler = "hash"\nhash_key = "header:X-Tenant"')), workers=1)
    homes = {t: set(who(port, fields={"X-Tenant": t}, count=5)) for t in "abcdefghij"}
    assert all(len(home) == 1 for home in homes.values()), homes
    assert len(set.union(*homes.values())) > 1


def test_a_sticky_cookie_brings_a_client_back_also_while_its_backend_drains(genkan, nginx):
    ports = [nginx(f"n{i}").port for i in range(3)]
    port = free_port()
    g = genkan(front(port, pool(*ports, more='sticky_cookie = "home"')))
    first = http_get(port, "/")
    cookie = first.get("set-cookie")
    assert cookie.startswith("home=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie, cookie
    token, home = cookie.split(";")[0], first.text.split()[0]
    assert set(who(port, fields={"Cookie": f"other=1; {token}"}, count=12)) == {home}
    assert not http_get(port, "/", fields={"Cookie": token}).get("set-cookie")
    assert len(set(who(port, count=12))) == 3
    # What was made up leads nowhere in particular.
    assert http_get(port, "/", fields={"Cookie": "home=AAAAAAAAAAAAAAAA"}).get("set-cookie")
    csrf = {"X-Genkan-CSRF": g.api("/api/v1/csrf").text.strip()}
    target = {"pool": "web", "backend": f"b{home[1]}"}
    assert g.api("/api/v1/actions/drain", method="POST", body=target, fields=csrf).status == 200
    assert set(who(port, fields={"Cookie": token}, count=6)) == {home}
    assert home not in who(port, count=12)


def test_the_key_of_sticky_cookies_outlives_a_restart(genkan, nginx):
    ports = [nginx(f"n{i}").port for i in range(3)]
    port = free_port()
    g = genkan(front(port, pool(*ports, more='sticky_cookie = "home"')))
    first = http_get(port, "/")
    token, home = first.get("set-cookie").split(";")[0], first.text.split()[0]
    g.stop()
    g.start()
    assert set(who(port, fields={"Cookie": token}, count=9)) == {home}


def test_a_status_in_retry_on_is_tried_elsewhere(genkan, nginx, origin):
    sick = origin(lambda connection, data: connection.sendall(
        b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy") is None)
    well = nginx("well")
    port = free_port()
    genkan(front(port, pool(sick.port, well.port, more='retry_on = ["connect", "503"]\neject_after = 0')), workers=1)
    assert set(who(port, count=20)) == {"well"}
    assert sick.connections > 0
    # What may not be repeated shows what the backend said.
    with Http(port) as client:
        assert 503 in [client.request("POST", "/", body=b"x").status for _ in range(6)]


def test_another_pool_stands_in_and_steps_back(genkan, nginx):
    main, spare = nginx("main"), nginx("spare")
    port = free_port()
    health = '[pool.health]\npath = "/health"\ninterval = "100ms"\nrise = 1\nfall = 1\n'
    pools = pool(main.port, more='fallback = "reserve"').replace("[pool.health]\nenabled = false\n", health)
    genkan(front(port, pools + pool(spare.port, name="reserve")))
    assert who(port) == ["main"]
    main.stop()
    wait_until(lambda: who(port) == ["spare"], 10, "the reserve serves")
    main.start()
    wait_until(lambda: who(port) == ["main"], 10, "the pool serves again")


def test_requests_wait_in_line_when_all_backends_are_full(genkan, origin):
    release = threading.Event()
    busy, most, lock = [0], [0], threading.Lock()

    def slow(connection, data):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        release.wait(20)
        with lock:
            busy[0] -= 1
        connection.sendall(OK)
        return True
    o = origin(slow)
    port = free_port()
    g = genkan(front(port, pool(o.port, more='queue = 20\nqueue_timeout = "30s"', backend="max_connections = 2")), workers=1)
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(http_get(port, "/", timeout=40).status)) for _ in range(10)]
    for c in clients:
        c.start()
    wait_until(lambda: busy[0] == 2, 10, "two are served")
    release.set()
    for c in clients:
        c.join(60)
    assert answers == [200] * 10 and most[0] == 2, (answers, most)
    assert not g.log_lines("no backend can take a request")


def test_waiting_in_line_ends_with_503(genkan, origin):
    release = threading.Event()
    served = threading.Event()

    def slow(connection, data):
        served.set()
        release.wait(30)
        connection.sendall(OK)
        return True
    o = origin(slow)
    port = free_port()
    genkan(front(port, pool(o.port, more='queue = 1\nqueue_timeout = "1s"', backend="max_connections = 1")), workers=1)
    first = threading.Thread(target=lambda: http_get(port, "/", timeout=60))
    first.start()
    assert served.wait(10)
    waited = http_get(port, "/", timeout=30)
    assert waited.status == 503 and waited.get("retry-after")
    release.set()
    first.join(30)


def test_wrong_words_about_a_pool_are_named(tmp_path):
    conf = tmp_path / "bad.toml"
    conf.write_text('''
[[pool]]
name = "web"
scheduler = "hash"
hash_key = "cookies:x"
hash_balance = 90
retry_on = ["404", "conect"]
sticky_cookie = "a b"
fallback = "wbe"
  [[pool.backend]]
  address = "127.0.0.1:1"
[[pool]]
name = "one"
fallback = "two"
  [[pool.backend]]
  address = "127.0.0.1:1"
[[pool]]
name = "two"
fallback = "one"
queue = 5
  [[pool.backend]]
  address = "127.0.0.1:1"
''')
    done = run_genkan("check", str(conf))
    said = done.stdout + done.stderr
    for words in ('"cookies:x" is nothing that can be hashed', "not every request finds room", '"404" is nothing that can be retried',
                  '"conect" is nothing that can be retried', "no name for a cookie", "there is no pool `wbe`",
                  "lead back to it", "nobody will ever wait"):
        assert words in said, (words, said)

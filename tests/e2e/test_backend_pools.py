"""Second requests of slow ones, warm connections, limits while connecting, and members that come and go by DNS and by agents."""
import signal
import socket
import struct
import threading
import time

import pytest
from harness import Http, Process, free_port, http_get, program, wait_until
from mail_dns import Names
from peers import RawOrigin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
KEY = "a key that only this test has"


def conf(port, rows, more="", top="", health="enabled = false"):
    return f'{top}\n[[listen]]\naddress = ["127.0.0.1:{port}"]\n[[pool]]\nname = "o"\n{more}\n[pool.health]\n{health}\n{rows}\n[[route]]\npool = "o"\n'


def rows(*ports, more=""):
    return "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{p}"\n{more}\n' for p in ports)


# --- hedging ---

class Slow:
    """Answers with its name, slowly while `delay` is set; `late` counts those that the front gave up."""

    def __init__(self, origin, name):
        self.name, self.delay, self.asked, self.given_up = name.encode(), threading.Event(), 0, 0
        self.o = origin(self.handle)
        self.port = self.o.port

    def handle(self, connection, data):
        self.asked += 1
        if self.delay.is_set():
            connection.settimeout(20)
            try:
                if connection.recv(1) == b"":
                    self.given_up += 1
            except OSError:
                self.given_up += 1
            return False
        connection.sendall(OK + self.name)
        return True


@pytest.fixture
def pair(origin):
    return Slow(origin, "aaaa"), Slow(origin, "bbbb")


def test_a_slow_request_is_answered_by_a_second_backend(genkan, pair):
    a, b = pair
    port = free_port()
    g = genkan(conf(port, rows(a.port, b.port), 'hedge_after = "100ms"\nhedge_budget = 100'), workers=1)
    with Http(port) as client:
        assert {client.get("/").text for _ in range(6)} == {"aaaa", "bbbb"}
        a.delay.set()
        start = time.monotonic()
        assert [client.get("/").text for _ in range(4)] == ["bbbb"] * 4
        assert time.monotonic() - start < 15
        wait_until(lambda: a.given_up >= 1, 10, "the slow one is given up")
        asked = a.asked + b.asked
    m = g.metrics()
    assert m["genkan_proxy_hedges_total"] >= 1 and m["genkan_proxy_hedges_won_total"] == m["genkan_proxy_hedges_total"], m
    assert asked > 10
    wait_until(lambda: sum(x["inflight"] for x in g.api("/api/v1/pools").json()[0]["backends"]) == 0, 10, "nothing is left in flight")


def test_what_may_not_be_sent_twice_waits(genkan, origin):
    release = threading.Event()
    count = [0]

    def slow(connection, data):
        count[0] += 1
        release.wait(20)
        connection.sendall(OK + b"slow")
        return True
    one, two = origin(slow), origin(slow)
    port = free_port()
    g = genkan(conf(port, rows(one.port, two.port), 'hedge_after = "50ms"\nhedge_budget = 100'), workers=1)
    answers = []
    with Http(port) as warm:  # budget
        release.set()
        for _ in range(5):
            warm.get("/")
        release.clear()
    before = count[0]
    post = threading.Thread(target=lambda: answers.append(http_get(port, "/", method="POST", body=b"x", timeout=30).text))
    post.start()
    wait_until(lambda: count[0] == before + 1, 10)
    get = threading.Thread(target=lambda: answers.append(http_get(port, "/", timeout=30).text))
    get.start()
    wait_until(lambda: count[0] == before + 3, 10, "the GET is there twice")
    assert g.metrics()["genkan_proxy_hedges_total"] >= 1
    release.set()
    post.join(30)
    get.join(30)
    assert answers == ["slow", "slow"] and count[0] == before + 3


def test_the_budget_ends_second_requests(genkan, pair):
    a, b = pair
    port = free_port()
    g = genkan(conf(port, rows(a.port, b.port), 'hedge_after = "20ms"\nhedge_budget = 10\nresponse_timeout = "200ms"\neject_after = 0\nretries = 0'), workers=1)
    with Http(port) as client:
        for _ in range(30):
            client.get("/")
        assert g.metrics()["genkan_proxy_hedges_total"] == 0
        a.delay.set()
        b.delay.set()
        for _ in range(12):
            client.get("/")
    assert 1 <= g.metrics()["genkan_proxy_hedges_total"] <= 4  # 30 requests allow 3, the 12 one more


def test_the_percentile_is_learned(genkan, pair):
    a, b = pair
    port = free_port()
    g = genkan(conf(port, rows(a.port, b.port), 'hedge_percentile = 95\nhedge_after = "30ms"\nhedge_budget = 100'), workers=1)
    with Http(port) as client:
        for _ in range(80):
            client.get("/")
        a.delay.set()
        assert [client.get("/").text for _ in range(4)] == ["bbbb"] * 4
    assert g.metrics()["genkan_proxy_hedges_won_total"] >= 1


def test_a_client_that_leaves_ends_both(genkan, pair):
    a, b = pair
    a.delay.set()
    b.delay.set()
    port = free_port()
    g = genkan(conf(port, rows(a.port, b.port), 'hedge_after = "50ms"\nhedge_budget = 100'), workers=1)
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves with a reset
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: a.asked + b.asked == 2, 10, "both are asked")
    wait_until(lambda: a.given_up + b.given_up == 2, 10, "both are given up")
    wait_until(lambda: sum(x["inflight"] for x in g.api("/api/v1/pools").json()[0]["backends"]) == 0, 10)


def test_large_answers_of_hedged_pools_are_whole(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    genkan(conf(port, rows(one.port, two.port), 'hedge_after = "1ms"\nhedge_budget = 100'), workers=2)
    with Http(port) as client:
        for _ in range(10):
            assert client.get("/size/1m").body == (one.folder / "1m").read_bytes()
        assert client.request("HEAD", "/size/1m").status == 200
        assert client.get("/status/204").status == 204


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_a_paused_backend_is_hedged_away(genkan, nginx, tmp_path, protocol):
    ports, http2 = [free_port(), free_port()], " http2" if protocol == "h2" else ""
    one, two = (nginx(n, main=f'''server {{ listen 127.0.0.1:{p}{http2}; location / {{ return 200 "{n}\\n"; }}
        location = /1m {{ alias {tmp_path}/{n}.nginx/1m; }} }}''') for n, p in zip(("one", "two"), ports))
    port = free_port()
    g = genkan(conf(port, rows(*ports), f'protocol = "{protocol}"\nhedge_after = "50ms"\nhedge_budget = 100\nretries = 0\neject_after = 0'), workers=1)
    with Http(port) as client:
        assert {client.get("/").text for _ in range(8)} == {"one\n", "two\n"}
        one.signal(signal.SIGSTOP)
        try:
            assert [client.get("/").text for _ in range(8)] == ["two\n"] * 8
            assert [client.get("/1m").body == (two.folder / "1m").read_bytes() for _ in range(4)] == [True] * 4
        finally:
            one.signal(signal.SIGCONT)
        assert "one\n" in [client.get("/").text for _ in range(8)]
    assert g.metrics()["genkan_proxy_hedges_won_total"] >= 4


# --- warm connections, pending ones ---

@pytest.mark.parametrize("more", ["", 'protocol = "h2"'])
def test_connections_are_there_before_the_first_request(genkan, origin, more):
    o = origin(lambda connection, data: threading.Event().wait(5))
    port = free_port()
    genkan(conf(port, rows(o.port), f"warm_connections = 3\n{more}"), workers=2)
    wanted = 2 if more else 6
    wait_until(lambda: o.connections == wanted, 10, f"{wanted} connections")
    with o.lock:
        gone = list(o.open)[0]
    gone.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: o.connections == wanted + 1, 10, "the one that went is opened again")


def test_a_request_takes_a_warm_connection(genkan, origin):
    o = origin(lambda connection, data: connection.sendall(OK + b"warm") is None)
    port = free_port()
    g = genkan(conf(port, rows(o.port), "warm_connections = 2"), workers=1)
    wait_until(lambda: o.connections == 2, 10)
    g.reload(conf(port, rows(o.port), "warm_connections = 4"))
    wait_until(lambda: o.connections == 4, 10)
    o.listener.shutdown(socket.SHUT_RDWR)  # from here on nobody can connect
    assert http_get(port, "/").text == "warm"


def full_listener():
    """A port whose line of connections is full: further ones are never accepted, nor refused."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        fillers.append(s)
    return listener, fillers


def test_pending_connections_have_a_limit_and_more_is_503_at_once(genkan):
    listener, fillers = full_listener()
    port = free_port()
    g = genkan(conf(port, rows(listener.getsockname()[1]), 'max_pending = 2\nconnect_timeout = "3s"\neject_after = 0\nretries = 0'), workers=2)
    statuses, lock = [], threading.Lock()

    def ask():
        start = time.monotonic()
        answer = http_get(port, "/", timeout=60)
        with lock:
            statuses.append((answer.status, time.monotonic() - start, answer.get("retry-after")))
    clients = [threading.Thread(target=ask) for _ in range(8)]
    for c in clients:
        c.start()
    wait_until(lambda: len([s for s in statuses if s[0] == 503]) == 6, 10, "six are turned away while two wait")
    assert all(s[2] == "1" for s in statuses if s[0] == 503)
    for c in clients:
        c.join(60)
    assert sorted(s[0] for s in statuses) == [503] * 6 + [504] * 2, statuses
    states = g.api("/api/v1/pools").json()[0]["backends"]
    assert states[0]["connect_failed"] == 2  # being busy is no failure of the backend
    for s in [*fillers, listener]:
        s.close()


def test_a_waiting_line_that_is_full_turns_the_next_away_at_once(genkan, origin):
    release, served = threading.Event(), threading.Event()

    def slow(connection, data):
        served.set()
        release.wait(30)
        connection.sendall(OK + b"slow")
        return True
    o = origin(slow)
    port = free_port()
    g = genkan(conf(port, rows(o.port, more="max_connections = 1"), 'queue = 2\nqueue_timeout = "60s"'), workers=1)
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(http_get(port, "/", timeout=90).status)) for _ in range(5)]
    for c in clients:
        c.start()
    assert served.wait(10)
    wait_until(lambda: answers == [503, 503], 20, "two are turned away: one is served, two wait")
    g.wait_log("no backend can take a request.*max_connections")
    release.set()
    for c in clients:
        c.join(60)
    assert sorted(answers) == [200, 200, 200, 503, 503]


# --- SRV ---

def test_an_srv_record_names_the_backends_with_ports_weights_and_priorities(genkan, nginx):
    one, two, spare = nginx("one"), nginx("two"), nginx("spare")
    names = Names({"_http._tcp.app.example": [("SRV", f"10 30 {one.port} a.app.example"), ("SRV", f"10 10 {two.port} b.app.example"),
                                             ("SRV", f"20 0 {spare.port} c.app.example")],
                   **{f"{n}.app.example": [("A", "127.0.0.1")] for n in "abc"}}, ttl=1)
    port = free_port()
    try:
        g = genkan(conf(port, '[[pool.backend]]\naddress = "srv:_http._tcp.app.example"\n', 'retries = 3',
                        f'[node]\nname = "front"\nstate_dir = "STATE"\nworkers = 1\nname_servers = ["127.0.0.1:{names.port}"]\n',
                        'path = "/health"\ninterval = "100ms"\nrise = 1\nfall = 1').replace("STATE", str(one.folder / "state")))

        def served(n=40):
            with Http(port) as client:
                answers = [client.get("/") for _ in range(n)]
            assert all(a.status == 200 for a in answers), [a.status for a in answers]
            return [a.text.split()[0] for a in answers]
        wait_until(lambda: served(4), 15, "the record is found")
        wait_until(lambda: set(served()) == {"one", "two"}, 15, "those of the best priority serve")
        counts = served()
        assert 25 <= counts.count("one") <= 35, counts  # 3 : 1
        one.stop()
        two.stop()
        wait_until(lambda: set(served(8)) == {"spare"}, 15, "the spare one stands in")
        two.start()
        wait_until(lambda: set(served(8)) == {"two"}, 15, "and steps back")
        names.zone["_http._tcp.app.example"] = [("SRV", f"10 10 {spare.port} c.app.example")]
        wait_until(lambda: set(served(8)) == {"spare"}, 20, "the record has changed")
        assert {b["name"] for b in g.api("/api/v1/pools").json()[0]["backends"]} == {f"c.app.example:{spare.port}"}
        names.zone.pop("_http._tcp.app.example")
        wait_until(lambda: http_get(port, "/").status == 503, 30, "the record is gone")
    finally:
        names.stop()


# --- names with many addresses ---

def backends(g):
    return {b["name"].partition("/")[2]: b for b in g.api("/api/v1/pools").json()[0]["backends"]}


def named(port, origin_port, names, state, more="", row=""):
    return conf(port, f'[[pool.backend]]\naddress = "app.example:{origin_port}"\n{row}\n', more,
                f'[node]\nname = "front"\nstate_dir = "{state}"\nworkers = 1\nname_servers = ["127.0.0.1:{names.port}"]\n',
                'path = "/health"\ninterval = "100ms"\nrise = 1\nfall = 1')


def answers(port, n=12):
    with Http(port) as client:
        got = [client.get(f"/{i}") for i in range(n)]
    assert all(a.status == 200 for a in got), [a.status for a in got]
    return [a.text.split()[0] for a in got]


def test_each_address_of_a_name_is_a_backend_with_its_own_health(genkan, nginx):
    at = free_port()
    one, two = nginx("one", port=at, listen="127.0.0.2"), nginx("two", port=at, listen="127.0.0.3")
    names = Names({"app.example": [("A", "127.0.0.2"), ("A", "127.0.0.3"), ("AAAA", "2001:db8::1")]}, ttl=1)
    port = free_port()
    try:
        g = genkan(named(port, at, names, one.folder / "state", "retries = 3"))
        wait_until(lambda: len(backends(g)) == 2 and answers(port), 15, "the name is resolved")
        assert sorted(backends(g)) == ["127.0.0.2", "127.0.0.3"], "IPv6 is another way to the same servers"
        assert sorted(answers(port)) == ["one"] * 6 + ["two"] * 6
        assert {b["endpoint"] for b in backends(g).values()} == {f"127.0.0.2:{at}", f"127.0.0.3:{at}"}
        one.stop()
        wait_until(lambda: backends(g)["127.0.0.2"]["state"] == "down", 10, "one is found dead")
        assert backends(g)["127.0.0.3"]["state"] == "up" and set(answers(port)) == {"two"}
        one.start()
        wait_until(lambda: set(answers(port)) == {"one", "two"}, 10, "it is back")
        # The order of an answer, and an answer that does not come, change nothing.
        changes = len(g.log_lines("members of a pool changed"))
        for value in ([("A", "127.0.0.3"), ("A", "127.0.0.2")], "servfail"):
            names.zone["app.example"] = value
            asked = len(names.asked)
            wait_until(lambda: len(names.asked) >= asked + 4, 20, "the name is looked up again")
            assert sorted(backends(g)) == ["127.0.0.2", "127.0.0.3"] and set(answers(port)) == {"one", "two"}
        # Half an answer, IPv6 alone, takes nobody's place; a name that is gone does.
        names.failing = {("app.example", "A")}
        names.zone["app.example"] = [("AAAA", "2001:db8::1")]
        asked = len([one for one in names.asked if one == ("app.example", 28)])
        wait_until(lambda: len([one for one in names.asked if one == ("app.example", 28)]) >= asked + 2, 30, "the name is looked up again")
        assert sorted(backends(g)) == ["127.0.0.2", "127.0.0.3"] and set(answers(port)) == {"one", "two"}
        assert len(g.log_lines("members of a pool changed")) == changes
        names.zone.pop("app.example")
        names.failing = set()
        wait_until(lambda: http_get(port, "/").status == 503, 30, "the name is gone")
        alone = g.api("/api/v1/pools").json()[0]["backends"]
        assert [(b["name"], b["state"]) for b in alone] == [(f"app.example:{at}", "down")] and "does not resolve" in alone[0]["reason"]
        names.zone["app.example"] = [("A", "127.0.0.3")]
        wait_until(lambda: set(answers(port)) == {"two"}, 20, "it is there again")
    finally:
        names.stop()


def test_an_address_that_vanishes_ends_what_it_has_begun(genkan, nginx, tmp_path):
    hold, held = threading.Event(), threading.Event()

    def slow(connection, data):
        if data.startswith(b"GET /held"):
            held.set()
            hold.wait(30)
        connection.sendall(OK + b"slow")
        return True
    old = RawOrigin(slow, host="127.0.0.4")
    new = nginx("new", port=old.port, listen="127.0.0.2")
    names = Names({"app.example": [("A", "127.0.0.4")]}, ttl=1)
    port, got = free_port(), []
    try:
        g = genkan(named(port, old.port, names, tmp_path / "state").replace('path = "/health"', 'path = "/"'))
        wait_until(lambda: answers(port, 1) == ["slow"], 15, "the name is resolved")
        client = threading.Thread(target=lambda: got.append(http_get(port, "/held", timeout=60)))
        client.start()
        assert held.wait(20)
        names.zone["app.example"] = [("A", "127.0.0.2")]
        wait_until(lambda: list(backends(g)) == ["127.0.0.2"], 20, "the other address is the only one")
        wait_until(lambda: set(answers(port, 4)) == {"new"}, 10, "new requests go there")
        hold.set()
        client.join(30)
        assert [a.text for a in got] == ["slow"], "it was let finish"
        new.asked(4)
    finally:
        hold.set()
        names.stop()
        old.stop()


def test_one_of_many_addresses_when_that_is_wished(genkan, nginx, tmp_path):
    at = free_port()
    one, two = nginx("one", port=at, listen="127.0.0.2"), nginx("two", port=at, listen="127.0.0.3")
    names = Names({"app.example": [("A", "127.0.0.2"), ("A", "127.0.0.3")]}, ttl=1)
    port = free_port()
    try:
        g = genkan(named(port, at, names, tmp_path / "state", row='addresses = "first"'))
        served = wait_until(lambda: answers(port, 6), 15, "the name is resolved")
        assert len(set(served)) == 1 and [b["name"] for b in g.api("/api/v1/pools").json()[0]["backends"]] == [f"app.example:{at}"]
        names.zone["app.example"] = [("A", "127.0.0.3" if served[0] == "one" else "127.0.0.2")]
        wait_until(lambda: set(answers(port, 6)) == {"two" if served[0] == "one" else "one"}, 20, "the name no longer has it")
    finally:
        names.stop()


# --- agents ---

class Agent(Process):
    def __init__(self, folder, name, to, serves):
        super().__init__(name, folder / name)
        self.file = self.folder / "agent.toml"
        self.file.write_text(f'[node]\nname = "{name}"\nstate_dir = "{self.folder}"\n[cluster]\nenabled = true\nkey = "{KEY}"\n'
                             f'listen = "127.0.0.1:0"\npeers = ["127.0.0.1:{to}"]\ninterval = "100ms"\nserves = ["{serves}"]\n[admin]\nenabled = false\n')

    def start(self):
        self.spawn([program(), "agent", "-c", str(self.file)])


def test_agents_announce_themselves_as_backends_and_leave_when_they_are_not_heard(genkan, nginx, tmp_path):
    fixed, one, two = nginx("fixed"), nginx("one"), nginx("two")
    port, channel = free_port(), free_port()
    g = genkan(conf(port, "", 'from_agents = "web"\nscheduler = "round_robin"', f'[cluster]\nenabled = true\nkey = "{KEY}"\nlisten = "127.0.0.1:{channel}"\n'
                    'interval = "100ms"\nmax_age = "500ms"\n'))
    assert http_get(port, "/").status == 503
    agents = [Agent(tmp_path, "n1", channel, f"web:{one.port}"), Agent(tmp_path, "n2", channel, f"web:127.0.0.1:{two.port}"),
              Agent(tmp_path, "n3", channel, f"api:{fixed.port}")]
    try:
        for a in agents:
            a.start()

        def served():
            with Http(port) as client:
                answers = [client.get("/") for _ in range(8)]
            return {a.text.split()[0] if a.status == 200 else a.status for a in answers}
        wait_until(lambda: served() == {"one", "two"}, 15, "both serve")
        # A reload keeps them; a new backend of the configuration comes beside them.
        g.reload(conf(port, rows(fixed.port), 'from_agents = "web"', f'[cluster]\nenabled = true\nkey = "{KEY}"\nlisten = "127.0.0.1:{channel}"\n'
                      'interval = "100ms"\nmax_age = "500ms"\n'))
        wait_until(lambda: served() == {"fixed", "one", "two"}, 15, "three serve")
        agents[0].kill()
        wait_until(lambda: served() == {"fixed", "two"}, 15, "who is not heard has left")
        agents[0].start()
        wait_until(lambda: served() == {"fixed", "one", "two"}, 15, "and is back")
    finally:
        for a in agents:
            a.end()

"""What follows a request: X-Request-ID and traceparent, figures of each route, phases of each request."""
import re
import time

from h2wire import CONTINUATION, END_HEADERS, END_STREAM, H2, HEADERS, frame
from harness import Http, free_port, http_get, wait_until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")


def echo(connection, data):
    """Answers with the head that it got."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
    return True


def start(genkan, origin, tmp_path, http="", access="", listen="", handler=echo):
    o, port, log = origin(handler), free_port(), tmp_path / "access.log"
    g = genkan(f'''
        [access_log]
        path = "{log}"
        format = "{{path}} {{request_id}} {{trace_id}} {{accept}} {{tls}} {{head}} {{wait}} {{connect}} {{first_byte}} {{duration}}"
        {access}
        [http]
        {http}
        [[listen]]
        address = ["127.0.0.1:{port}"]
        {listen}
        [[certificate]]
        names = ["localhost"]
        self_signed = true
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{o.port}"
        [pool.health]
        enabled = false
        [[route]]
        name = "shop"
        path_prefix = "/shop/"
        pool = "web"
        [[route]]
        path_prefix = "/x/"
        pool = "web"
    ''')
    return port, log, g


def field(answer, name):
    found = re.findall(rf"(?im)^{name}: ([^\r\n]*)", answer.text)
    return found[0] if len(found) == 1 else found


def row(log, path):
    return wait_until(lambda: log.exists() and [l.split() for l in log.read_text().splitlines() if l.split()[0] == path], 10, path)[0]


def test_every_request_has_an_id_in_the_backend_and_the_log(genkan, origin, tmp_path):
    port, log, _ = start(genkan, origin, tmp_path, "request_id = true")
    with Http(port) as client:
        ids = [field(client.get(f"/x/{i}", X_Request_ID="a-strangers"), "X-Request-ID") for i in range(5)]
    assert len(set(ids)) == 5 and all(re.fullmatch("[0-9a-f]{32}", i) for i in ids), ids
    assert row(log, "/x/3")[1] == ids[3]


def test_the_id_of_a_trusted_peer_is_kept(genkan, origin, tmp_path):
    port, log, _ = start(genkan, origin, tmp_path, 'request_id = true\nrequest_id_from = ["127.0.0.0/8"]')
    assert field(http_get(port, "/x/a", {"X-Request-ID": "front-17"}), "X-Request-ID") == "front-17"
    assert row(log, "/x/a")[1] == "front-17"
    assert re.fullmatch("[0-9a-f]{32}", field(http_get(port, "/x/b", {"X-Request-ID": 'a"b c'}), "X-Request-ID"))


def test_a_trace_is_passed_on_or_begun(genkan, origin, tmp_path):
    port, log, _ = start(genkan, origin, tmp_path, "trace = true")
    kept = http_get(port, "/x/kept", {"traceparent": PARENT, "tracestate": "a=1,b=2"})
    assert field(kept, "traceparent") == PARENT and field(kept, "tracestate") == "a=1,b=2"
    assert row(log, "/x/kept")[2] == PARENT.split("-")[1]
    begun = http_get(port, "/x/begun")
    assert VALID.fullmatch(field(begun, "traceparent")), begun.text
    assert row(log, "/x/begun")[2] == field(begun, "traceparent").split("-")[1]
    bad = http_get(port, "/x/bad", {"traceparent": PARENT.upper(), "tracestate": "a=1"})
    assert VALID.fullmatch(field(bad, "traceparent")) and field(bad, "tracestate") == [], bad.text


def test_without_the_settings_both_pass_as_every_field(genkan, origin, tmp_path):
    port, _, _ = start(genkan, origin, tmp_path)
    answer = http_get(port, "/x/", {"traceparent": "nonsense", "X-Request-ID": "own"})
    assert field(answer, "traceparent") == "nonsense" and field(answer, "X-Request-ID") == "own"
    assert field(http_get(port, "/x/"), "traceparent") == []


def test_each_route_has_its_own_figures(genkan, origin, tmp_path):
    port, _, g = start(genkan, origin, tmp_path)
    with Http(port) as client:
        for _ in range(7):
            client.get("/shop/a")
        client.get("/x/a")
        client.get("/nowhere")

    def counted():
        m = g.metrics()
        return (m['genkan_route_responses_total{route="shop",class="2xx"}'] == 7
                and m['genkan_route_responses_total{route="route[1]",class="2xx"}'] == 1
                and m['genkan_route_responses_total{route="(none)",class="4xx"}'] == 1
                and m['genkan_route_request_duration_seconds_count{route="shop"}'] == 7)
    wait_until(counted, 10, "the figures of each route")
    row = {r["name"]: r for r in g.api("/api/v1/routes").json()}
    assert row["shop"]["requests"] == 7 and row["shop"]["errors"] == 0 and row["shop"]["action"] == "web"
    wait_until(lambda: {r["name"]: r for r in g.api("/api/v1/status").json()["routes"]}["shop"]["requests_per_second"] > 0, 10, "a rate")


def test_the_phases_of_a_request_are_told_apart(genkan, origin, tmp_path):
    def late(connection, data):
        time.sleep(0.25)  # the slowness under test
        return echo(connection, data)
    port, log, g = start(genkan, origin, tmp_path, access='slow = "100ms"', listen="tls = true", handler=late)
    with Http(port, tls=True, name="localhost") as client:
        client.get("/x/first")
        client.get("/x/second")
    _, _, _, accept, tls, head, wait, connect, first, last = row(log, "/x/first")
    accept, tls, head, wait, connect, first, last = map(float, (accept, tls, head, wait, connect, first, last))
    assert tls > 0 and accept < 0.25 and head < 0.25 and wait < 0.25 and connect < 0.25, row(log, "/x/first")
    assert 0.25 <= first <= last
    second = row(log, "/x/second")
    assert float(second[3]) == 0 and float(second[4]) == 0 and float(second[7]) == 0, second
    line = g.wait_log("a request was slow")[0]
    for name in ("accept_ms", "tls_ms", "head_ms", "wait_ms", "connect_ms", "first_byte_ms", "last_byte_ms"):
        assert name in line, line


def test_a_slow_head_is_not_taken_for_a_slow_backend(genkan, origin, tmp_path):
    import socket
    port, log, _ = start(genkan, origin, tmp_path)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"GET /x/head HTTP/1.1\r\n")
        time.sleep(0.25)  # the slowness under test
        s.sendall(b"Host: a\r\nConnection: close\r\n\r\n")
        while s.recv(4096):
            pass
    r = row(log, "/x/head")
    assert float(r[5]) >= 0.2 and float(r[9]) < 0.2, r


def test_how_long_a_head_took_over_http_2(genkan, origin, tmp_path):
    port, log, _ = start(genkan, origin, tmp_path)
    with H2(port) as c:
        assert c.request(path="/x/quick")["status"] == 200
        block = c.block(c.get("/x/slow"))
        c.send(frame(HEADERS, END_STREAM, 3, block[:5]))
        time.sleep(0.3)  # the slowness under test
        c.send(frame(CONTINUATION, END_HEADERS, 3, block[5:]))
        assert c.answer(3)["status"] == 200
    assert float(row(log, "/x/quick")[5]) < 0.2 and 0.29 <= float(row(log, "/x/slow")[5]) < 5

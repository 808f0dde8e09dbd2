"""Backends that fail: checks, ejection, retries, clear error pages, and never a broken body that looks whole."""
import socket
import threading
import time

import pytest

from harness import Http, SLOW, free_port, http_get, raw_http, wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def backends(*ports):
    return "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{p}"\n' for p in ports)


def front(port, *ports, more="", health="enabled = false"):
    return f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        {more}
        {backends(*ports)}
        [pool.health]
        {health}
        [[route]]
        pool = "web"
    '''


QUICK = 'path = "/health"\ninterval = "100ms"\ntimeout = "2s"\nrise = 2\nfall = 2'


def names(port, count=20):
    with Http(port) as client:
        return [client.get("/").text.split()[0] for _ in range(count)]


def test_a_backend_that_dies_gets_no_requests_and_comes_back(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    genkan(front(port, one.port, two.port, more='eject_for = "300ms"', health=QUICK))
    wait_until(lambda: set(names(port)) == {"one", "two"}, 10, "both serve")
    two.stop()
    # Not one request fails meanwhile: those that meet the dead backend are tried again at the other.
    wait_until(lambda: set(names(port)) == {"one"}, 10, "only one serves")
    two.start()
    wait_until(lambda: set(names(port)) == {"one", "two"}, 10, "both serve again")


def test_a_backend_that_answers_its_check_badly_is_left_out(genkan, nginx):
    one = nginx("one")
    two = nginx("two", locations="location = /health { return 503; }")
    port = free_port()
    genkan(front(port, one.port, two.port, health=QUICK))
    wait_until(lambda: set(names(port)) == {"one"}, 10, "the sick one gets nothing")


def test_a_backend_that_fails_real_requests_is_ejected_for_a_while(genkan, nginx, origin):
    def drop(connection, data):
        return False
    bad = origin(drop)
    good = nginx("good")
    port = free_port()
    g = genkan(front(port, good.port, bad.port, more='eject_after = 3\neject_for = "60s"'), workers=1)
    assert set(names(port, 40)) == {"good"}  # every request was answered, thanks to retries
    tried = bad.connections
    assert 3 <= tried <= 8, tried
    assert set(names(port, 40)) == {"good"}
    assert bad.connections == tried, "an ejected backend was asked again"
    g.wait_log("(?i)eject")


def test_a_repeatable_request_is_tried_at_another_backend(genkan, origin):
    one = origin(lambda connection, data: False)
    two = origin(lambda connection, data: connection.sendall(OK) is None)
    port = free_port()
    genkan(front(port, one.port, two.port, more="eject_after = 0"), workers=1)
    with Http(port) as client:
        assert [client.get(f"/{i}").status for i in range(10)] == [200] * 10
    assert one.connections > 0


def test_a_request_that_must_not_be_repeated_is_not(genkan, origin):
    asked = []

    def drop(connection, data):
        asked.append(data)
        return False
    one, two = origin(drop), origin(drop)
    port = free_port()
    genkan(front(port, one.port, two.port, more="eject_after = 0"), workers=1)
    assert http_get(port, "/pay", method="POST", body=b"amount=1").status == 502
    assert len(asked) == 1


def test_a_post_goes_elsewhere_when_it_was_never_sent(genkan, origin):
    dead = free_port()
    got = []

    def take(connection, data):
        got.append(data)
        connection.sendall(OK)
        return True
    two = origin(take)
    port = free_port()
    genkan(front(port, dead, two.port, more="eject_after = 0"), workers=1)
    with Http(port) as client:
        answers = [client.request("POST", "/pay", body=b"x").status for _ in range(4)]
    assert answers == [200] * 4 and len(got) == 4


def test_a_kept_connection_that_the_backend_closed_is_no_error(genkan, origin):
    def once(connection, data):
        connection.sendall(OK)
        return False  # closes although it did not say so
    o = origin(once)
    port = free_port()
    genkan(front(port, o.port, more="retries = 1"), workers=1)
    with Http(port) as client:
        for i in range(20):
            assert client.get(f"/{i}").status == 200


def test_without_a_backend_the_answer_is_a_clear_502_or_503(genkan):
    port = free_port()
    g = genkan(front(port, free_port(), more='connect_timeout = "500ms"'))
    answer = http_get(port, "/x")
    assert answer.status in (502, 503)
    assert answer.get("Content-Type", "").startswith("text/html") and str(answer.status).encode() in answer.body
    assert g.running()


def test_when_every_check_fails_requests_are_tried_all_the_same(genkan, nginx):
    one = nginx("one", locations="location = /health { return 500; }")
    port = free_port()
    g = genkan(front(port, one.port, health=QUICK))
    g.wait_log("to=down")
    assert http_get(port, "/").text == "one GET /\n"  # a check that is wrong about all of them must not end the site
    one.stop()
    assert http_get(port, "/").status in (502, 503)


def test_a_silent_backend_is_504_after_its_time(genkan, origin):
    waiting = threading.Event()
    o = origin(lambda connection, data: waiting.wait(30) and False)
    port = free_port()
    genkan(front(port, o.port, more='response_timeout = "1s"\nretries = 0'))
    began = time.monotonic()
    answer = http_get(port, "/x")
    waiting.set()
    assert answer.status == 504 and b"504" in answer.body
    assert 0.9 < time.monotonic() - began < 5 * SLOW


@pytest.mark.parametrize("answer", [
    b"",
    b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000 + b"\r\n\r\n",
    b"HTTP/1.1 99 Low\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
], ids=["nothing", "garbage", "two lengths", "negative length", "unknown coding", "huge head", "status 99", "no colon"])
def test_an_answer_that_is_not_http_is_502_and_the_rest_goes_on(genkan, origin, answer):
    o = origin(lambda connection, data: connection.sendall(OK if b"/good" in data else answer) is None and b"/good" in data)
    port = free_port()
    genkan(front(port, o.port, more="eject_after = 0\nretries = 0"))
    assert http_get(port, "/bad").status == 502
    assert http_get(port, "/good").text == "ok"


@pytest.mark.parametrize("framing", [b"Content-Length: 1000\r\n\r\n" + b"x" * 500,
                                     b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"x" * 500 + b"\r\n",
                                     b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"x" * 500 + b"\r\nZZ\r\n"],
                         ids=["short of its length", "no last chunk", "bad chunk"])
def test_a_body_that_breaks_is_never_ended_cleanly(genkan, origin, framing):
    o = origin(lambda connection, data: connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing) is not None)
    port = free_port()
    genkan(front(port, o.port, more="retries = 0"))
    raw = raw_http(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    if b"chunked" in head.lower():
        assert not body.endswith(b"0\r\n\r\n"), "the end of a body that never ended"
    else:
        assert len(body) < 1000


def test_a_client_that_leaves_does_not_keep_the_backend_busy(genkan, nginx):
    one = nginx("one")
    port = free_port()
    g = genkan(front(port, one.port))
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(100)
    wait_until(lambda: open_connections(one.port) == 0, 10, "the connection for the slow answer is given up")
    assert http_get(port, "/").status == 200 and g.running()


def open_connections(port):
    with open("/proc/net/tcp") as table:
        return sum(1 for r in table if r.split()[2].endswith(f":{port:04X}") and r.split()[3] == "01")


def test_a_slow_client_does_not_make_the_program_keep_the_body(genkan, nginx):
    one = nginx("one")
    port = free_port()
    g = genkan(front(port, one.port))
    http_get(port, "/size/10m")
    before = g.memory()
    readers = []
    for _ in range(8):  # eight clients that ask for 10 MiB each and read nothing
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"GET /size/10m HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(10)
        readers.append(s)
    end = time.monotonic() + 1
    while time.monotonic() < end:  # all the while: what is in memory must not follow what the origin would send
        assert g.memory() - before < 30 << 20
        assert http_get(port, "/").status == 200
    for s in readers:
        s.close()

"""A reload with many open connections under load fails no request. $GENKAN_TEST_CONNECTIONS says how many (10,000 as promised)."""
import http.client
import os
import resource
import selectors
import signal
import socket
import threading

import pytest

from harness import SLOW, free_port, wait_until
from load import Load

COUNT = int(os.environ.get("GENKAN_TEST_CONNECTIONS", "2000"))
REQUEST = b"GET /idle HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def many_files():
    """Descriptors for COUNT connections here, and for as many in the program with as many to backends."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * COUNT // 2 + 4000  # the program gives three quarters to clients
    hard = before[1]
    if wanted > hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            hard = wanted
        except ValueError:
            assert hard * 3 // 4 > COUNT + 200, f"{COUNT} connections need {wanted} open files; the system allows {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], hard))


def ask_all(connections):
    """One request on each connection; the number of answers that were 200 and kept the connection."""
    with selectors.DefaultSelector() as ready:
        for s in connections:
            s.setblocking(False)
            ready.register(s, selectors.EVENT_READ, bytearray())
            s.send(REQUEST)
        good, left = 0, len(connections)
        while left:
            events = ready.select(30 * SLOW)
            assert events, f"{left} connections without an answer"
            for key, _ in events:
                part = key.fileobj.recv(65536)
                key.data.extend(part)
                if part and not key.data.endswith(b"here"):
                    continue
                good += key.data.startswith(b"HTTP/1.1 200") and b"Connection: close" not in key.data
                ready.unregister(key.fileobj)
                left -= 1
    return good


def test_a_reload_with_many_open_connections_fails_no_request(genkan, nginx, many_files):
    one, port = nginx("one"), free_port()

    def conf(body):
        return f'''
            [http]
            idle_timeout = "10m"
            head_timeout = "10m"
            [[listen]]
            address = ["127.0.0.1:{port}"]
            [[pool]]
            name = "web"
            [[pool.backend]]
            address = "127.0.0.1:{one.port}"
            [[route]]
            path = "/idle"
            status = 200
            body = "{body}here"
            [[route]]
            pool = "web"
        '''
    g = genkan(conf("first "))
    connections = []
    try:
        for _ in range(COUNT):
            connections.append(socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW))
        assert ask_all(connections) == COUNT
        with Load(port, kept=4, fresh=2) as load:
            for round in range(5):
                reached = load.served
                assert any("was reloaded" in line for line in g.reload(conf(f"round {round} "))), g.log()[-2000:]
                wait_until(lambda: load.served > reached + 20, 20, "load after the reload")
            assert ask_all(connections) == COUNT
        assert load.failures == [], load.failures[:5]
        assert g.metrics()['genkan_http_connections{side="public"}'] >= COUNT
    finally:
        for s in connections:
            s.close()


def test_a_stop_says_so_to_clients_that_keep_their_connection(genkan, nginx):
    """Each of them asks without a pause: one answer says that it was the last, and none is missing."""
    one, port = nginx("one"), free_port()
    g = genkan(f'''
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        [[pool.backend]]
        address = "127.0.0.1:{one.port}"
        [[route]]
        pool = "web"
    ''')
    served, failures, told = [0] * 6, [], []

    def ask(i):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30 * SLOW)
        try:
            while True:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                served[i] += 1
                if answer.will_close:
                    told.append(i)
                    return
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        finally:
            connection.close()
    clients = [threading.Thread(target=ask, args=(i,)) for i in range(len(served))]
    for t in clients:
        t.start()
    wait_until(lambda: min(served) > 20, 20, "load")
    g.signal(signal.SIGTERM)
    for t in clients:
        t.join(30 * SLOW)
    assert failures == [] and sorted(told) == list(range(len(served)))
    assert g.child.wait(20 * SLOW) == 0

"""Mail yields first: while HTTP is under load, SMTP slows down, then turns mail away; HTTP goes on, and no accepted mail is lost."""
import threading
import time

import pytest

from harness import SLOW, Http, free_port, wait_until
from mail_hop import Hop
from mail_peers import Talk
from test_pools import OK, front, pool
from test_smtp import site, wait_empty

LIMIT = 10  # requests in flight that count as pressure 1
DELAY = 0.4


class Visitors:
    """People who ask for pages, so many at once; `bad` are answers that were not 200."""

    def __init__(self, port):
        self.port, self.threads, self.good, self.bad, self.worst = port, [], 0, [], 0.0
        self.lock, self.going = threading.Lock(), threading.Event()
        self.going.set()

    def come(self, count):
        while len(self.threads) < count:
            self.threads.append(threading.Thread(target=self._ask, daemon=True))
            self.threads[-1].start()

    def _ask(self):
        with Http(self.port) as client:
            while self.going.is_set():
                began = time.monotonic()
                status = client.request("GET", "/").status
                with self.lock:
                    self.good += status == 200
                    self.worst = max(self.worst, time.monotonic() - began)
                    if status != 200:
                        self.bad.append(status)

    def leave(self):
        self.going.clear()
        for thread in self.threads:
            thread.join(30)
        self.threads = []


@pytest.fixture
def hop():
    one = Hop()
    yield one
    one.stop()


@pytest.fixture
def house(genkan, origin, hop):
    """(genkan, its port for mail, visitors): pages that take 0.3 s, limits that only requests in flight can reach."""
    def slow(connection, _):
        time.sleep(0.3)
        connection.sendall(OK)
        return True
    page, web, mail = origin(slow), free_port(), free_port()
    rules = f'yield_requests = {LIMIT}\nyield_load = 0\nyield_busy = 0\nyield_lag = "0s"\nyield_delay = "{int(DELAY * 1000)}ms"\nyield_hold = "1s"'
    g = genkan(front(web, pool(page.port)) + site(mail, [(hop.port, 10)], more=rules))
    visitors = Visitors(web)
    yield g, mail, visitors
    visitors.leave()


def level(g):
    return g.api("/api/v1/mail_yield").json()["name"]


def greeting_takes(port):
    began = time.monotonic()
    with Talk(port, timeout=30):
        return time.monotonic() - began


def send(port, subject, sent):
    with Talk(port, timeout=60) as talk:
        answer = talk.message("u@next.example", f"Subject: {subject}\r\n\r\n")
        assert answer.startswith("250"), answer
        sent.append(subject)


def test_mail_yields_under_load_while_http_is_served_and_comes_back(genkan, house, hop):
    g, mail, visitors = house
    sent = []
    send(mail, "before", sent)
    visitors.come(LIMIT * 6 // 5)
    wait_until(lambda: level(g) == "slow", 30, "mail slows down")
    assert greeting_takes(mail) >= DELAY
    began = time.monotonic()
    send(mail, "slow", sent)
    assert time.monotonic() - began >= 3 * DELAY, "greeting, MAIL and DATA wait"

    early = Talk(mail, timeout=30)
    visitors.come(LIMIT * 5 // 2)
    wait_until(lambda: level(g) == "refuse", 30, "mail is turned away")
    with Talk(mail, greeting=False, timeout=30) as talk:
        assert talk.reply().startswith("421 4.3.2") and talk.closed()
    assert early.say("EHLO client.example").startswith("250")
    assert early.say("MAIL FROM:<s@client.example>").startswith("451 4.3.2"), "who was connected before"
    assert early.say("NOOP").startswith("250")
    good = visitors.good
    wait_until(lambda: visitors.good > good + 20, 30, "HTTP goes on")
    told = g.api("/api/v1/mail_yield").json()
    assert told["why"] == "requests" and told["pressure_percent"] >= 200 and told["http_is_used"] is True
    seen = g.metrics()
    assert seen["genkan_smtp_yield_level"] == 3
    assert seen['genkan_smtp_yielded_total{how="refused"}'] >= 1 and seen['genkan_smtp_yielded_total{how="held_up"}'] >= 3

    visitors.leave()
    assert not visitors.bad and visitors.worst < 3 * SLOW
    wait_until(lambda: level(g) == "none", 30, "mail is back")
    assert early.say("MAIL FROM:<s@client.example>").startswith("250")
    early.socket.close()
    send(mail, "after", sent)
    wait_empty(g)
    subjects = [m.own.split(b"\r\n")[0].decode().removeprefix("Subject: ") for m in hop.wait(3)]
    assert sorted(subjects) == sorted(sent), "each once"
    g.wait_log("mail yields to HTTP")
    g.wait_log("mail yields less to HTTP")


def test_a_stop_does_not_wait_for_clients_that_are_held_up(genkan, house):
    g, mail, visitors = house
    visitors.come(LIMIT * 6 // 5)
    wait_until(lambda: level(g) == "slow", 30, "mail slows down")
    with Talk(mail, greeting=False, timeout=30) as talk:
        wait_until(lambda: g.metrics()["genkan_smtp_connections"] >= 1, 10, "it is connected")
        visitors.leave()
        g.stop()
        assert talk.closed()


def test_users_who_send_are_not_held_up_and_it_can_be_switched_off(house):
    g, mail, visitors = house
    submission = free_port()
    g.stop()
    g.write(g.file.read_text() + f'''
        [[smtp.listen]]
        address = ["127.0.0.1:{submission}"]
        submission = true
        [[certificate]]
        names = ["mx.example"]
        self_signed = true
    ''')
    g.start()
    visitors.come(LIMIT * 5 // 2)
    wait_until(lambda: level(g) == "refuse", 30, "mail is turned away")
    with Talk(submission, timeout=30) as talk:
        assert talk.say("EHLO client.example").startswith("250")
    g.reload(g.file.read_text().replace("yield_load", "yield = false\nyield_load"))
    wait_until(lambda: level(g) == "none", 30, "nobody yields")
    with Talk(mail, timeout=30) as talk:
        assert talk.message("u@next.example", "Subject: x\r\n\r\n").startswith("250")

"""Which member of a relay group gets the mail: schedulers of pools, candidacy chains, and the queues that mail hosts announce."""
import pytest

from harness import Process, free_port, program, wait_until
from mail_hop import Hop
from mail_peers import Talk

KEY = "the shared key of the mail tests"


@pytest.fixture
def hops():
    made = [Hop() for _ in range(3)]
    yield made
    for one in made:
        one.stop()


class Agents:
    """`genkan agent` for the hosts "mail0" ..., each with a folder that stands for its Postfix's queue."""

    def __init__(self, folder):
        self.folder, self.port, self.started = folder, free_port(), []

    def queue(self, number, files):
        """The host's queue has so many files now, in subfolders as Postfix hashes them."""
        for sub in ("deferred/A", "deferred/B", "active"):
            (self.folder / f"queue{number}" / sub).mkdir(parents=True, exist_ok=True)
        have = sorted((self.folder / f"queue{number}").rglob("m*"))
        for path in have[files:]:
            path.unlink()
        for i in range(len(have), files):
            (self.folder / f"queue{number}" / ("deferred/A", "deferred/B", "active")[i % 3] / f"m{i}").write_text("")

    def start(self, number):
        conf = self.folder / f"agent{number}.toml"
        conf.write_text(f"""
            [node]
            name = "mail{number}"
            state_dir = "{self.folder}/agent{number}.state"
            [cluster]
            enabled = true
            key = "{KEY}"
            peers = ["127.0.0.1:{self.port}"]
            interval = "100ms"
            queue_dirs = ["{self.folder}/queue{number}"]
        """)
        one = Process(f"agent{number}", self.folder)
        one.spawn([program(), "agent", "-c", str(conf)])
        self.started.append(one)
        return one

    def stop(self):
        for one in self.started:
            one.end()


@pytest.fixture
def agents(tmp_path):
    one = Agents(tmp_path)
    yield one
    one.stop()


def site(port, hops, group, preferences=(10, 10, 10), cluster=None):
    rows = "".join(f'[[smtp.relay.member]]\naddress = "127.0.0.1:{h.port}"\nnode = "mail{i}"\npreference = {preferences[i]}\n'
                   for i, h in enumerate(hops))
    channel = f'[cluster]\nenabled = true\nkey = "{KEY}"\nlisten = "127.0.0.1:{cluster}"\ninterval = "100ms"\n' if cluster else ""
    return f"""
        {channel}
        [smtp]
        enabled = true
        hostname = "mx.example"
        min_free = "1MiB"
        retry_first = "1s"
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        {group}
        {rows}
    """


def send(port, hops, subject):
    """One message; which of the hops got it. Connections are kept, so each message is for a fresh choice after `again`."""
    before = [len(h.mails) for h in hops]
    with Talk(port) as talk:
        assert talk.message("u@next.example", f"Subject: {subject}\r\n\r\n").startswith("250")
    wait_until(lambda: sum(len(h.mails) for h in hops) > sum(before), 30, "it arrives")
    return next(i for i, h in enumerate(hops) if len(h.mails) > before[i])


def close_kept(hops):
    """Next hops that take one message for each connection: every message is a choice of its own."""
    for hop in hops:
        hop.features.append("LIMITS MAILMAX=1")


def queues(g):
    return {n["name"]: n.get("queue") for n in g.api("/api/v1/nodes").json()}


def test_members_take_turns(genkan, hops):
    close_kept(hops)
    port = free_port()
    genkan(site(port, hops, 'scheduler = "round_robin"'), workers=1)
    assert sorted(send(port, hops, f"m{i}") for i in range(6)) == [0, 0, 1, 1, 2, 2]


def test_a_chain_reads_the_queues_that_mail_hosts_announce(genkan, hops, agents):
    close_kept(hops)
    port = free_port()
    g = genkan(site(port, hops, 'scheduler = "chain"\nchain = ["byAge 5s", "byQueue"]', cluster=agents.port), workers=1)
    for number, files in enumerate((40, 3, 60)):
        agents.queue(number, files)
        agents.start(number)
    wait_until(lambda: [queues(g).get(f"mail{i}") for i in range(3)] == [40, 3, 60], 30, "the queues are announced")
    assert send(port, hops, "one") == 1
    agents.queue(1, 90)
    wait_until(lambda: queues(g).get("mail1") == 90, 30, "a longer queue is announced")
    assert send(port, hops, "two") == 0


def test_over_loaded_members_are_passed_over_then_the_next_preference_serves(genkan, hops, agents):
    close_kept(hops)
    port = free_port()
    g = genkan(site(port, hops, "max_queue = 50", preferences=(10, 20, 30), cluster=agents.port), workers=1)
    for number, files in enumerate((51, 20, 0)):
        agents.queue(number, files)
        agents.start(number)
    wait_until(lambda: [queues(g).get(f"mail{i}") for i in range(3)] == [51, 20, 0], 30, "the queues are announced")
    assert send(port, hops, "one") == 1, "the best preference has too long a queue"
    hops[1].stop()
    assert send(port, hops, "two") == 2, "nor does the next one take it"
    agents.queue(0, 10)
    wait_until(lambda: queues(g).get("mail0") == 10, 30, "the queue is shorter")
    assert send(port, hops, "three") == 0


def test_when_all_are_over_loaded_they_are_used_all_the_same(genkan, hops, agents):
    close_kept(hops)
    port = free_port()
    g = genkan(site(port, hops, "max_queue = 1", cluster=agents.port), workers=1)
    for number in range(3):
        agents.queue(number, 10)
        agents.start(number)
    wait_until(lambda: [queues(g).get(f"mail{i}") for i in range(3)] == [10, 10, 10], 30, "the queues are announced")
    send(port, hops, "one")

"""Load announced by agents, heard by the proxy, and acted upon: in network namespaces with real nginx and a real hog.

The namespaces share the machine's processors, so the kernel's load average would be the same for every "host". Each
agent therefore runs in a process namespace of its own, as in a container: there it counts the tasks that it can see
(cluster/host_load.hpp). The hog, stress-ng, is put into the namespace of the agent whose host it shall load.
"""
import json
import os
import signal
import socket
import struct
from collections import Counter
from pathlib import Path

import pytest

import harness
from harness import Nginx, Process, free_port, program, wait_until
from netns import Namespaces

KEY = "the shared key of the cluster tests"
GROUP = "239.255.71.75:7175"


class Inside(Process):
    """A program behind unshare or nsenter, which wait for it and hand no SIGTERM on: signals go to the program itself."""

    def inside(self):
        """Its process id as we see it."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return int(wait_until(lambda: children.read_text().split(), 5, f"{self.name} runs")[0])

    def end(self, timeout=10.0):
        if self.running():
            os.kill(self.inside(), signal.SIGTERM)
            self.child.wait(timeout * harness.SLOW)
        return self.child.returncode if self.child else None


class Agent(Inside):
    """`genkan agent` in a process namespace of its own."""

    def __init__(self, folder, host, cluster):
        super().__init__(f"agent-{host.name}", folder, host.namespace)
        self.host = host
        self.file = self.folder / f"agent-{host.name}.toml"
        self.file.write_text(f"""
[node]
name = "{host.name}"
state_dir = "{self.folder}/{host.name}.state"
[cluster]
enabled = true
{cluster}
""")
        self.hogs = []

    def start(self):
        # Not --mount-proc: that first makes / private, which a chroot refuses (its / is no mount point).
        own_proc = 'mount --make-private /proc && mount -t proc proc /proc && exec "$@"'
        self.spawn(["unshare", "--pid", "--fork", "--mount", "--propagation", "unchanged", "--kill-child", "sh", "-c", own_proc, "sh",
                    program(), "agent", "-c", str(self.file)])
        return self

    def hog(self, processes=3):
        hog = Inside(f"hog-{self.host.name}", self.folder)
        hog.spawn(["nsenter", "-t", str(self.inside()), "-p", "-m", "-r", "stress-ng", "--cpu", str(processes), "--timeout", "120s"])
        self.hogs.append(hog)
        return hog

    def stop(self):
        for hog in self.hogs:
            hog.end()
        if self.child:
            assert self.end() in (0, -signal.SIGKILL), self.log()


class Site:
    """A proxy (front) and two web servers with agents (web1, web2) on one switch."""

    def __init__(self, net, folder, chain, cluster, front_cluster=None):
        self.net, self.folder = net, folder
        self.front = net.host("front", "10.79.0.1/24")
        self.started = []
        self.agents = {}
        self.cluster = cluster
        backends = ""
        for i, name in enumerate(("web1", "web2")):
            host = net.host(name, f"10.79.0.{11 + i}/24")
            web = Nginx(folder, name, port=8080, netns=host.namespace, listen="0.0.0.0").start()
            self.started.append(web)
            self.agents[name] = Agent(folder, host, cluster)
            self.started.append(self.agents[name])
            backends += f"""
                [[pool.backend]]
                name = "{name}"
                node = "{name}"
                address = "{host.address}:8080"
            """
        self.genkan = harness.Genkan(folder, f"""
            [node]
            name = "front"
            state_dir = "{folder}/front.state"
            [[listen]]
            address = ["10.79.0.1:80"]
            [[pool]]
            name = "web"
            scheduler = "chain"
            chain = {json.dumps(chain)}
            health = {{ interval = "200ms", timeout = "200ms" }}
            {backends}
            [[route]]
            pool = "web"
            [cluster]
            enabled = true
            {front_cluster or cluster}
        """, name="front", netns=self.front.namespace)
        self.started.append(self.genkan)

    def start(self):
        for agent in self.agents.values():
            agent.start()
        self.genkan.start(ready=False)
        wait_until(lambda: self.api("/readyz", raw=True) is not None, 20, "front is ready")
        return self

    def stop(self):
        for one in reversed(self.started):
            one.stop()

    def curl(self, *args):
        return self.front.run("curl", "-sS", "--fail", "-m", "5", *args)

    def api(self, path, raw=False):
        try:
            text = self.curl(f"http://127.0.0.1:{self.genkan.admin_port}{path}")
        except AssertionError as error:
            raise OSError(str(error)) from None
        return text if raw else json.loads(text)

    def served_by(self, n):
        """Who answered n requests, one after the other on one connection."""
        text = self.curl(*[f"http://10.79.0.1/{i}" for i in range(n)])
        return Counter(line.split()[0] for line in text.splitlines())

    def nodes(self):
        return {node["name"]: node for node in self.api("/api/v1/nodes")}

    def heard(self, *names):
        nodes = self.nodes()
        return all(name in nodes and nodes[name]["live"] for name in names)

    def load(self, name):
        return self.nodes()[name]["load"]


@pytest.fixture
def site(tmp_path):
    started = []

    def make(chain, cluster=f'key = "{KEY}"\nmulticast = "{GROUP}"\ninterface = "eth0"\ninterval = "200ms"\nmax_age = "2s"', **more):
        net = Namespaces().__enter__()
        started.append(net)
        made = Site(net, tmp_path, chain, cluster, **more)
        started.append(made)
        return made.start()
    yield make
    for one in reversed(started):
        one.stop() if isinstance(one, Site) else one.close()


pytestmark = pytest.mark.root


def test_a_backend_whose_agent_is_killed_ages_out_and_comes_back_with_it(site):
    s = site(["byAge 1s", "byLoad"])
    wait_until(lambda: s.heard("web1", "web2"), 15, "both agents are heard")
    both = s.served_by(200)
    assert both["web1"] > 20 and both["web2"] > 20, both
    s.agents["web1"].kill()
    wait_until(lambda: s.nodes()["web1"]["age_seconds"] > 1, 10, "web1 aged out")
    assert s.served_by(200) == {"web2": 200}
    wait_until(lambda: not s.nodes()["web1"]["live"], 10, "the status page shows web1 as silent")
    state = {b["name"]: b["state"] for b in s.api("/api/v1/pools")[0]["backends"]}
    assert state == {"web1": "up", "web2": "up"}, "the server itself is healthy"
    s.agents["web1"].start()
    wait_until(lambda: s.served_by(20)["web1"] > 0, 10, "web1 is back")


def test_when_every_agent_is_silent_requests_are_served_all_the_same(site):
    s = site(["byAge 1s", "byLoad"])
    wait_until(lambda: s.heard("web1", "web2"), 15, "both agents are heard")
    for agent in s.agents.values():
        agent.kill()
    wait_until(lambda: not s.nodes()["web1"]["live"] and not s.nodes()["web2"]["live"], 10, "both are silent")
    assert sum(s.served_by(50).values()) == 50


def test_a_hog_on_one_backend_moves_requests_to_the_other_by_load_average(site):
    s = site(["byAge 2s", "byLoad"])
    wait_until(lambda: s.heard("web1", "web2"), 15, "both agents are heard")
    s.agents["web1"].hog(4)
    wait_until(lambda: s.load("web1") > s.load("web2") + 0.5, 60, "the hog shows in web1's load")
    moved = s.served_by(200)
    assert moved["web2"] >= 190, (moved, s.nodes())


def test_requests_follow_idle_processors_away_from_the_hog_and_back_when_it_ends(site):
    s = site(["byAge 2s", "byCPU"])
    wait_until(lambda: s.heard("web1", "web2"), 15, "both agents are heard")
    hog = s.agents["web1"].hog(2)
    wait_until(lambda: s.nodes()["web1"]["cpu_idle"] < 0.7, 30, "the hog shows in web1's idle share")
    wait_until(lambda: s.served_by(50)["web2"] == 50, 10, "requests move to web2")
    hog.end()
    s.agents["web2"].hog(2)
    wait_until(lambda: s.served_by(50)["web1"] == 50, 30, "requests move back to web1")


def test_unicast_peers_do_without_multicast(site):
    unicast = f'key = "{KEY}"\npeers = ["10.79.0.1:7175"]\ninterval = "200ms"\nmax_age = "2s"'
    s = site(["byAge 1s", "byLoad"], cluster=unicast, front_cluster=f'key = "{KEY}"\nlisten = "10.79.0.1:7175"\nmax_age = "2s"')
    wait_until(lambda: s.heard("web1", "web2"), 15, "both agents are heard")
    assert s.nodes()["web1"]["from"].startswith("10.79.0.11:")


def heard(g, refused):
    return g.metrics().get(f'genkan_cluster_heard_total{{refused="{refused}"}}', 0)


@pytest.fixture
def lone(genkan, tmp_path):
    """A proxy that hears unicast on loopback, and a function that makes and captures one datagram of a real agent."""
    port = free_port()
    g = genkan(f"""
        [node]
        name = "front"
        state_dir = "{tmp_path}/front.state"
        [[listen]]
        address = ["127.0.0.1:{free_port()}"]
        [[route]]
        status = 200
        [cluster]
        enabled = true
        key = "{KEY}"
        listen = "127.0.0.1:{port}"
    """)

    def capture(key=KEY, count=1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind(("127.0.0.1", 0))
            ear.settimeout(20)
            agent = Process("agent", tmp_path)
            conf = tmp_path / "agent.toml"
            conf.write_text(f"""
[node]
name = "agent"
state_dir = "{tmp_path}/agent.state"
[cluster]
enabled = true
key = "{key}"
interval = "50ms"
peers = ["127.0.0.1:{ear.getsockname()[1]}"]
""")
            agent.spawn([program(), "agent", "-c", str(conf)])
            try:
                return [ear.recv(2000) for _ in range(count)]
            finally:
                assert agent.end() == 0, agent.log()

    def say(datagram):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(datagram, ("127.0.0.1", port))
    return g, capture, say


def test_a_recorded_announcement_is_refused_when_it_is_played_again(lone):
    g, capture, say = lone
    first, second = capture(count=2)
    say(second)
    wait_until(lambda: any(n["name"] == "agent" for n in g.api("/api/v1/nodes").json()), 10, "the agent is known")
    say(first)
    wait_until(lambda: heard(g, "replayed") == 1, 10, "the earlier one is refused")
    say(second)
    wait_until(lambda: heard(g, "duplicate") == 1, 10, "the same one is not taken twice")
    assert [n["records"] for n in g.api("/api/v1/nodes").json() if n["name"] == "agent"] == [1]
    assert g.wait_log("announcement refused.*replay")


def test_forged_foreign_and_wrongly_keyed_datagrams_are_refused_and_explained_once(lone):
    g, capture, say = lone
    good = capture()[0]
    say(good[:40] + bytes([good[40] ^ 1]) + good[41:])
    wait_until(lambda: heard(g, "bad_mac") == 1, 10, "a changed datagram is refused")
    wrong = capture(key="some other key of enough length")[0]
    for _ in range(50):
        say(wrong)
    wait_until(lambda: heard(g, "unknown_key") >= 40, 10, "a wrong key is refused")
    say(b"v=1&ready=75&busy=0")
    wait_until(lambda: heard(g, "foreign") == 1, 10, "something else is refused")
    say(good[:2] + b"\x07" + good[3:])
    wait_until(lambda: heard(g, "version") == 1, 10, "another version is refused")
    assert len(g.wait_log("key must be the same on every node")) == 1
    assert all(n["name"] != "agent" for n in g.api("/api/v1/nodes").json())


def test_an_announcement_whose_sent_time_was_changed_fails_its_check(lone):
    g, capture, say = lone
    good = capture()[0]
    sent = struct.unpack(">Q", good[24:32])[0]
    say(good[:24] + struct.pack(">Q", sent + 1) + good[32:])
    wait_until(lambda: heard(g, "bad_mac") == 1, 10, "it is refused")


def test_an_agent_explains_a_configuration_that_it_cannot_use(tmp_path):
    conf = tmp_path / "agent.toml"
    conf.write_text(f'[node]\nname = "a"\nstate_dir = "{tmp_path}/s"\n[cluster]\nenabled = true\nkey = "{KEY}"\n')
    done = harness.run_genkan("agent", "-c", conf)
    assert done.returncode != 0
    assert "nobody to announce to" in done.stderr


def test_drain_through_the_api_takes_a_backend_out_and_undrain_brings_it_back(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    g = genkan(f"""
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        backend = [{{ name = "one", address = "127.0.0.1:{one.port}" }}, {{ name = "two", address = "127.0.0.1:{two.port}" }}]
        [[route]]
        pool = "web"
    """)

    def served(n=20):
        return Counter(harness.http_get(port, f"/{i}").text.split()[0] for i in range(n))
    assert served() == {"one": 10, "two": 10}
    target = {"pool": "web", "backend": "one"}
    csrf = {"X-Genkan-CSRF": g.api("/api/v1/csrf").text.strip()}
    answer = g.api("/api/v1/actions/drain", method="POST", body=target, fields=csrf)
    assert answer.status == 200, answer
    assert served() == {"two": 20}
    states = {b["name"]: (b["state"], b["reason"]) for b in g.api("/api/v1/pools").json()[0]["backends"]}
    assert states["one"] == ("draining", "an operator asked for it")
    assert g.api("/api/v1/actions/undrain", method="POST", body=target, fields=csrf).status == 200
    assert served()["one"] > 0


def test_active_checks_take_a_dead_backend_out_and_bring_it_back(genkan, nginx):
    one, two = nginx("one"), nginx("two")
    port = free_port()
    g = genkan(f"""
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        health = {{ interval = "100ms", timeout = "100ms", path = "/status/204", expect = "204" }}
        backend = [{{ name = "one", address = "127.0.0.1:{one.port}" }}, {{ name = "two", address = "127.0.0.1:{two.port}" }}]
        [[route]]
        pool = "web"
    """)

    def state(name):
        return next(b for b in g.api("/api/v1/pools").json()[0]["backends"] if b["name"] == name)
    wait_until(lambda: any(r["uri"] == "/status/204" for r in one.requests()), 10, "one is checked")
    assert one.requests()[0]["agent"].startswith("genkan-check/")
    one.kill()
    wait_until(lambda: state("one")["state"] == "down", 10, "one is down")
    assert "Connection refused" in state("one")["reason"]
    assert len(g.wait_log("backend changed state.*one")) == 1, "logged on change only"
    one.start()
    wait_until(lambda: state("one")["state"] == "up", 10, "one is back")

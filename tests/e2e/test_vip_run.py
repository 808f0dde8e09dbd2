"""A virtual address held by the whole program: `genkan run` on two nodes in network namespaces, and a client beside them.

test_vip.py has the protocol's own cases and times. Here is what only the whole program can show: that the guardian lives
and dies with it, that a node which lost its backends gives the address up, and that all of it works without being root.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import netns
import pytest
from harness import SLOW, Genkan, program, wait_until
from vip_site import PORT, TOOLS, VIP, Site

pytestmark = pytest.mark.skipif(netns.missing() is not None, reason=str(netns.missing()))

INTERVAL = 100  # ms
TAKEOVER = 4 * INTERVAL + 1000 * SLOW  # ms: three intervals, the skew, and a machine that has other work
NET_RAW_AND_ADMIN = 1 << 13 | 1 << 12


class Node:
    """One `genkan run` with a backend of its own, which answers with the node's name."""

    def __init__(self, host, folder, priority):
        self.host, self.name = host, host.name
        folder = Path(folder)
        self.backend = host.spawn([sys.executable, TOOLS / "answerer.py", self.name, 8081], stdout=subprocess.PIPE)
        assert self.backend.stdout.readline() == b"ready\n"
        state = folder / f"{self.name}.state"
        state.mkdir()
        shutil.chown(state, "nobody")
        self.genkan = Genkan(folder, f"""
            [node]
            name = "{self.name}"
            state_dir = "{state}"
            user = "nobody"
            group = "nogroup"
            workers = 1
            drain_timeout = "2s"
            [[vip]]
            name = "site"
            address = "{VIP}/24"
            interface = "eth0"
            vrid = 51
            priority = {priority}
            advert_interval = "{INTERVAL}ms"
            [[listen]]
            address = ["0.0.0.0:{PORT}"]
            [[pool]]
            name = "web"
            [[pool.backend]]
            address = "127.0.0.1:8081"
            [pool.health]
            path = "/"
            interval = "300ms"
            timeout = "300ms"
            fall = 3
            rise = 1
            [[route]]
            pool = "web"
        """, name=self.name, netns=host.namespace)
        self.start()

    def start(self):
        self.genkan.start(ready=False)
        self.genkan.wait_log("genkan serves", 20, count=len(self.genkan.log_lines("genkan serves")) + 1)

    def guardian(self):
        children = Path(f"/proc/{self.genkan.pid}/task/{self.genkan.pid}/children").read_text().split()
        assert len(children) == 1, children
        return int(children[0])

    def ask(self, path):
        return self.host.run("curl", "-s", "-m", "2", f"http://127.0.0.1:{self.genkan.admin_port}{path}")


@pytest.fixture
def reachable(open_path, monkeypatch):
    """The program where one who gave up root can start it again: a checkout below /root is closed to others."""
    copy = open_path / "genkan"
    shutil.copy2(program(), copy)
    monkeypatch.setenv("GENKAN_BIN", str(copy))


@pytest.fixture
def site(open_path, reachable):
    with Site(open_path, services=False) as made:
        made.a_node = Node(made.a, open_path, 150)
        made.b_node = Node(made.b, open_path, 100)
        made.wait_holder("a")
        made.wait_answer("a")
        yield made
        for node in (made.a_node, made.b_node):
            node.genkan.stop()


def test_when_the_active_node_is_killed_whole_the_requests_go_on(site):
    guardian = site.a_node.guardian()
    probes = site.probes()
    os.killpg(site.a_node.genkan.pid, signal.SIGKILL)  # program and guardian at once: nobody says good-bye
    site.wait_answer("b")
    probes.end()
    site.a_node.genkan.child.wait()
    assert probes.answered_by() == ["a", "b"] and probes.last_answer() == "b"
    assert probes.outage_ms() <= TAKEOVER
    assert not alive(guardian)
    assert site.holders() == ["b"], "the address went with the process that held it"

    # It comes back and takes the address without a gap: in the change itself one request may be on its way.
    probes = site.probes()
    site.a_node.start()
    site.wait_holder("a")
    site.wait_answer("a")
    probes.end()
    assert probes.last_answer() == "a"
    assert probes.outage_ms() <= TAKEOVER


def test_when_only_the_program_is_killed_its_guardian_hands_over(site):
    guardian = site.a_node.guardian()
    probes = site.probes()
    site.a_node.genkan.kill()
    site.wait_answer("b")
    probes.end()
    assert probes.answered_by() == ["a", "b"]
    assert probes.outage_ms() <= TAKEOVER
    wait_until(lambda: not alive(guardian), 10, "the guardian ends")
    assert site.holders() == ["b"]
    assert '"active_stopped"' in site.b_node.ask("/api/v1/vip")


def test_a_planned_stop_hands_over_and_ends_with_0(site):
    probes = site.probes()
    site.a_node.genkan.signal(signal.SIGTERM)
    site.wait_answer("b")
    assert site.a_node.genkan.child.wait(20 * SLOW) == 0
    probes.end()
    assert probes.answered_by() == ["a", "b"]
    assert probes.outage_ms() <= TAKEOVER
    assert site.holders() == ["b"]


def test_an_upgrade_moves_no_address(site):
    guardian, old = site.a_node.guardian(), site.a_node.genkan.pid
    pid_file = site.a_node.genkan.state / "run" / "genkan.pid"
    probes = site.probes()
    site.a_node.genkan.signal(signal.SIGUSR2)
    site.a_node.genkan.wait_log("the new process serves", 60)
    new = int(pid_file.read_text())
    try:
        assert new != old and alive(new)
        assert site.a_node.genkan.child.wait(30 * SLOW) == 0
        wait_until(lambda: '"state":"active"' in site.a_node.ask("/api/v1/vip"), 10, "the guardian talks to it")
        probes.end()
        assert probes.answered_by() == ["a"] and site.holders() == ["a"]
        assert probes.outage_ms() <= 1000 * SLOW, "only what the machine takes"
        assert alive(guardian), "the same guardian, which never stopped"
        assert status(new)["CapEff"].strip("0") == "" and status(new)["Uid"].split()[0] == str(nobody())
        probes = site.probes()
        os.kill(new, signal.SIGTERM)  # a planned stop of the new one hands over as always
        site.wait_answer("b")
        wait_until(lambda: not alive(new), 20, "it ends")
        probes.end()
        assert probes.answered_by() == ["a", "b"] and probes.outage_ms() <= TAKEOVER
        wait_until(lambda: not alive(guardian), 10, "its guardian ends too")
    finally:
        if alive(new):
            os.kill(new, signal.SIGKILL)


def test_a_guardian_that_hangs_does_not_hold_up_a_stop(site):
    guardian = site.b_node.guardian()
    os.kill(guardian, signal.SIGSTOP)
    site.b_node.genkan.signal(signal.SIGTERM)  # as nobody it may not kill its guardian, which is root
    try:
        assert site.b_node.genkan.child.wait(20 * SLOW) == 0
    finally:
        os.kill(guardian, signal.SIGCONT)
    wait_until(lambda: not alive(guardian), 10, "it wakes up, sees that it is alone, and ends")
    assert site.holders() == ["a"]


def test_a_node_whose_backends_fail_gives_the_address_to_one_that_serves(site):
    site.a_node.backend.kill()
    site.a_node.backend.wait()
    site.wait_holder("b")
    site.wait_answer("b")
    assert site.a_node.genkan.running(), "it serves on, without the address"
    assert '"active_degraded"' in site.b_node.ask("/api/v1/vip")


def test_only_the_guardian_keeps_rights_and_only_two(site):
    program, guardian = status(site.a_node.genkan.pid), status(site.a_node.guardian())
    assert set(program["Uid"].split()) == {str(nobody())}
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        assert int(program[kind], 16) == 0, program
    assert int(guardian["CapPrm"], 16) == NET_RAW_AND_ADMIN and int(guardian["CapEff"], 16) == NET_RAW_AND_ADMIN
    assert guardian["NoNewPrivs"] == "1" and guardian["Name"] == "genkan-vip"


def nobody():
    return int(subprocess.run(["id", "-u", "nobody"], check=True, capture_output=True, text=True).stdout)


def status(pid):
    return dict(re.match(r"(\w+):\s*(.*)", line).groups() for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if re.match(r"\w+:", line))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False

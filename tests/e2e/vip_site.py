"""Two nodes with a virtual address and a client, on one switch: what test_vip.py and tests/tools/measure_vip.py share."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import ROOT, wait_until
from netns import Namespaces

TOOLS = ROOT / "tests" / "tools"
VIP = "10.77.0.100"
PORT = 8080


def vip_node():
    beside = os.environ.get("GENKAN_BIN") or ROOT / "build" / "dev" / "genkan"
    path = os.environ.get("GENKAN_VIP_NODE") or str(Path(beside).parent / "vip_node")
    assert os.access(path, os.X_OK), f"there is no program at {path}: build the target vip_node"
    return path


class Answerer:
    """The service of a node: any HTTP request is answered with the node's name."""

    def __init__(self, host):
        self.child = host.spawn([sys.executable, TOOLS / "answerer.py", host.name, PORT], stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == b"ready\n"

    def kill(self):
        self.child.kill()
        self.child.wait()


class Ours:
    """Genkan's half: a main process and its guardian."""

    def __init__(self, host, folder, priority, interval_ms, **options):
        self.host, self.log_path = host, Path(folder) / f"{host.name}.log"
        arguments = {"address": f"{VIP}/24", "interface": "eth0", "vrid": 51, "priority": priority,
                     "interval": interval_ms, **options}
        with open(self.log_path, "ab") as log:
            self.main = host.spawn([vip_node(), *(f"--{k}={v}" for k, v in arguments.items())], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log, text=True)
        word, pid = self.main.stdout.readline().split()
        assert word == "guardian"
        self.guardian = int(pid)

    def status(self):
        self.main.stdin.write("status\n")
        self.main.stdin.flush()
        return json.loads(self.main.stdout.readline())

    def router(self):
        return self.status()["routers"][0]

    def state(self):
        return self.router()["state"]

    def level(self, value):
        self.main.stdin.write(f"level {value}\n")
        self.main.stdin.flush()

    def log(self):
        return self.log_path.read_text()

    def term(self):
        self.main.terminate()

    def kill_main(self):
        self.main.kill()

    def kill_all(self):
        os.kill(self.guardian, signal.SIGKILL)
        self.main.kill()

    def holds(self):
        return VIP in self.host.addresses()

    def guardian_gone(self):
        try:
            return Path(f"/proc/{self.guardian}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True


class Keepalived:
    """The same part played by keepalived."""

    def __init__(self, host, folder, priority, interval_ms, extra="", globals=""):
        self.host, folder = host, Path(folder)
        conf = folder / f"{host.name}.conf"
        conf.write_text(f"""
            global_defs {{
                vrrp_version 3
                {globals}
            }}
            vrrp_instance test {{
                state BACKUP
                interface eth0
                virtual_router_id 51
                priority {priority}
                advert_int {interval_ms / 1000:g}
                {extra}
                virtual_ipaddress {{ {VIP}/24 }}
            }}
        """)
        self.log_path = folder / f"{host.name}.keepalived.log"
        with open(self.log_path, "ab") as log:
            self.main = host.spawn(["keepalived", "-n", "-l", "-D", "-P", "-f", conf, "-p", folder / f"{host.name}.pid", "-r",
                                    folder / f"{host.name}.vrrp.pid"], stdout=log, stderr=log)
        self.vrrp_pid = folder / f"{host.name}.vrrp.pid"

    def log(self):
        return self.log_path.read_text()

    def term(self):
        self.main.terminate()

    def kill_all(self):
        os.kill(int(self.vrrp_pid.read_text()), signal.SIGKILL)
        self.main.kill()

    def holds(self):
        return VIP in self.host.addresses()


class Probes:
    """The client's requests: one every 10 ms until `end()`."""

    def __init__(self, client, address=VIP):
        self.child = client.spawn([sys.executable, TOOLS / "prober.py", address, PORT], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"

    def end(self):
        out, _ = self.child.communicate(timeout=60)
        self.list = [(float(at), good == "1", who) for at, good, who in (line.split() for line in out.splitlines())]
        self.failed = [p for p in self.list if not p[1]]
        return self

    def outage_ms(self):
        """From the first failing probe to the first good one after the last failing one."""
        if not self.failed:
            return 0.0
        last = self.failed[-1][0]
        good = next((p[0] for p in self.list if p[1] and p[0] > last), None)
        return float("inf") if good is None else (good - self.failed[0][0]) * 1000

    def answered_by(self):
        """Names in the order in which they first answered."""
        return list(dict.fromkeys(who for _, good, who in self.list if good))

    def last_answer(self):
        return next(who for _, good, who in reversed(self.list) if good)


class Site:
    """Namespaces a and b (the nodes) and client. Nodes are started by `node(name, kind, ...)`.

    services=False: the nodes are whole programs, which answer by themselves.
    """

    def __init__(self, folder, services=True):
        self.folder, self.with_services = Path(folder), services
        self.net = Namespaces()
        self.nodes = {}
        self.services = {}

    def __enter__(self):
        self.net.__enter__()
        try:
            self.a = self.net.host("a", "10.77.0.1/24")
            self.b = self.net.host("b", "10.77.0.2/24")
            self.client = self.net.host("client", "10.77.0.9/24")
            for host in (self.a, self.b) if self.with_services else ():
                self.services[host.name] = Answerer(host)
        except BaseException:
            self.net.close()
            raise
        return self

    def __exit__(self, *_):
        self.net.close()

    def node(self, name, kind, priority, interval_ms, **options):
        self.nodes[name] = kind(self.net.hosts[name], self.folder, priority, interval_ms, **options)
        return self.nodes[name]

    def holders(self):
        return [name for name in ("a", "b") if VIP in self.net.hosts[name].addresses()]

    def wait_holder(self, name, timeout=15):
        wait_until(lambda: self.holders() == [name], timeout, f"{name} alone holds the address")

    def wait_answer(self, name, timeout=15):
        """Until the client is answered by `name`: address, ARP and service are all in place."""
        ask = ["curl", "-s", "-m", "1", f"http://{VIP}:{PORT}/"]
        wait_until(lambda: self.client.run(*ask, check=False) == name, timeout, f"{name} answers the client")

    def probes(self):
        """Requests that begin now and go on until end()."""
        return Probes(self.client)

    def fault(self, act, settle=1.0, before=0.3):
        """Probes from before the fault until `settle` seconds after it."""
        probes = Probes(self.client)
        time.sleep(before)
        act()
        time.sleep(settle)
        return probes.end()

"""Network namespaces for tests: hosts on one switch, made for one test and always deleted. Needs root.

    with Namespaces() as net:
        a = net.host("a", "10.77.0.1/24")       # a namespace with eth0 on the switch
        b = net.host("b", "10.77.0.2/24")
        a.run("ping", "-c1", "10.77.0.2")       # runs to its end, fails the test when it fails
        p = b.spawn([sys.executable, ...])      # a process in it; ended with the namespaces
        net.unplug("a")                         # the cable: both ends lose their carrier
        net.lose("a", 30)                       # 30 % of what it sends is lost on the way

The names are unique on the machine (host.namespace is what inside() and harness.Process(netns=...) take). The
switch is a bridge in a namespace of its own, so that nothing appears among the machine's interfaces.
"""
import atexit
import json
import os
import random
import subprocess

_alive = set()


def missing():
    """Why namespaces can't be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"gkprobe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode != 0:
        return f"network namespaces: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    return None


def inside(namespace, argv):
    """A command in a namespace. Not `ip netns exec`: that makes mounts, which a chroot refuses (its / is no mount point)."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *map(str, argv)]


def _ip(*args):
    """ip(8); `-n NAMESPACE` first as it takes it."""
    if args[0] == "-n":
        done = subprocess.run(inside(args[1], ["ip", *args[2:]]), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    def __init__(self, net, name, address):
        self.net, self.name, self.address = net, name, address.split("/")[0] if address else None
        self.namespace = f"{net.prefix}{name}"

    def argv(self, argv):
        return inside(self.namespace, argv)

    def run(self, *argv, check=True, timeout=30):
        done = subprocess.run(self.argv(argv), capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"in {self.name}: {' '.join(map(str, argv))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def spawn(self, argv, **options):
        """A Popen whose pid is the program's own (nsenter replaces itself). Ended with the namespaces."""
        child = subprocess.Popen(self.argv(argv), **options)
        self.net.children.append(child)
        return child

    def addresses(self):
        """Every IPv4 address in the namespace, whatever interface has it."""
        listed = json.loads(_ip("-n", self.namespace, "-j", "-4", "addr", "show") or "[]")
        return [a["local"] for link in listed if link for a in link["addr_info"]]

    def mac(self, interface="eth0"):
        return json.loads(_ip("-n", self.namespace, "-j", "link", "show", interface))[0]["address"]

    def neighbour(self, address):
        """The MAC that this host knows for an address, or None."""
        for entry in json.loads(_ip("-n", self.namespace, "-j", "neigh", "show", address) or "[]"):
            if "lladdr" in entry:
                return entry["lladdr"]
        return None


class Namespaces:
    def __init__(self):
        self.prefix = f"gk{os.getpid()}x{random.randrange(1 << 20):x}-"
        self.children = []
        self.hosts = {}
        self._made = []

    def __enter__(self):
        _alive.add(self)
        try:
            self.switch = Host(self, "switch", None)
            self._namespace(self.switch)
            _ip("-n", self.switch.namespace, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
            _ip("-n", self.switch.namespace, "link", "set", "br0", "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _namespace(self, host):
        _ip("netns", "add", host.namespace)
        self._made.append(host.namespace)
        _ip("-n", host.namespace, "link", "set", "lo", "up")

    def host(self, name, *addresses):
        host = Host(self, name, addresses[0] if addresses else None)
        self._namespace(host)
        _ip("-n", host.namespace, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns",
            self.switch.namespace)
        _ip("-n", self.switch.namespace, "link", "set", "dev", name, "master", "br0", "up")
        for address in addresses:
            _ip("-n", host.namespace, "addr", "add", address, "broadcast", "+", "dev", "eth0")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")
        self.hosts[name] = host
        return host

    def unplug(self, name):
        _ip("-n", self.switch.namespace, "link", "set", "dev", name, "down")

    def plug(self, name):
        _ip("-n", self.switch.namespace, "link", "set", "dev", name, "up")

    def isolate(self, name):
        """The switch forwards nothing of this host any more, but its carrier stays: a partition."""
        _ip("-n", self.switch.namespace, "link", "set", "dev", name, "nomaster")

    def rejoin(self, name):
        _ip("-n", self.switch.namespace, "link", "set", "dev", name, "master", "br0")

    def lose(self, name, percent):
        """Of what the host sends. Needs the kernel's netem; 0 ends it."""
        self.hosts[name].run("tc", "qdisc", "del", "dev", "eth0", "root", check=False)
        if percent:
            self.hosts[name].run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", f"{percent}%")

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        for stream in (s for child in self.children for s in (child.stdin, child.stdout, child.stderr) if s):
            stream.close()
        for name in reversed(self._made):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.children, self._made = [], []
        _alive.discard(self)


@atexit.register
def _close_all():
    for net in list(_alive):
        net.close()

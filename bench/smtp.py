#!/usr/bin/env python3
"""Relaying mail: smtp-source with 20 sessions to the relay, smtp-sink behind it, against Postfix in its default durable mode.

CPU is that of all processes of each side until the queue is empty again; messages a second count until the last 250. Then the
memory of idle connections and, with --queued N, a queue of N messages whose next hop is down.
"""
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass

from lib import Row, Server, arguments, folder, free_port, genkan_program, interleaved, median, progress, run, write

SENDER, SINK = (shutil.which(name) or f"/usr/sbin/{name}" for name in ("smtp-source", "smtp-sink"))
TICK = os.sysconf("SC_CLK_TCK")

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Sink(Server):
    def __init__(self, name):
        port = free_port()
        super().__init__(name, [SINK, "-u", "nobody", "-c", f"127.0.0.1:{port}", "1000"], port)


class Postfix(Server):
    """Its master in the foreground, so that all its processes are below it; those that ended are in its children's time."""

    def __init__(self, sink, trace=False):
        port = free_port()
        # Not in the folder of the run, which others than root may not enter: Postfix's daemons are others.
        self.base = folder().parent / f"{folder().name}-postfix{'-traced' if trace else ''}"
        conf = self.base / "conf"
        conf.mkdir(parents=True)
        for name in ("queue", "data"):
            (self.base / name).mkdir()
        shutil.chown(self.base / "data", "postfix")
        self.counts = self.base / "syncs"
        (conf / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.base}/queue
data_directory = {self.base}/data
maillog_file_prefixes = /
maillog_file = {self.base}/mail.log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink.port}
""")
        (conf / "master.cf").write_text(MASTER.format(port=port))
        if os.path.exists("/etc/postfix/dynamicmaps.cf"):
            shutil.copy("/etc/postfix/dynamicmaps.cf", conf)
        subprocess.run(["postfix", "-c", conf, "check"], check=True, capture_output=True)
        argv = ["/usr/lib/postfix/sbin/master", "-c", conf, "-d"]
        if trace:
            argv = ["strace", "-f", "-c", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", self.counts, *argv]
        super().__init__("postfix", argv, port)

    def cpu(self):
        ended = 0
        fields = (open(f"/proc/{self.child.pid}/stat").read().rsplit(")", 1)[1]).split()
        ended += int(fields[13]) + int(fields[14])
        return super().cpu() + ended / TICK

    def queued(self):
        return sum(len(files) for name in ("incoming", "active", "deferred", "maildrop")
                   for _, _, files in os.walk(self.base / "queue" / name))

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)


class Genkan(Server):
    def __init__(self, next_port, more="", name="genkan"):
        port, self.admin = free_port(), free_port()
        self.state = folder() / f"{name}-state"
        self.state.mkdir()
        conf = write(f"{name}.toml", f"""
[node]
name = "bench"
state_dir = "{self.state}"
workers = 2
[admin]
listen = "127.0.0.1:{self.admin}"
[smtp]
enabled = true
hostname = "genkan.example"
max_connections = 20000
max_connections_per_address = 20000
{more}
[[smtp.listen]]
address = ["127.0.0.1:{port}"]
[[smtp.route]]
domains = ["*"]
relay = "next"
[[smtp.relay]]
name = "next"
  [[smtp.relay.member]]
  address = "127.0.0.1:{next_port}"
""")
        super().__init__(name, [genkan_program(), "run", "-c", conf], port)

    def status(self):
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/api/v1/queue", timeout=30))

    def queued(self):
        return self.status()["depth"]

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.child.pid}/status").read()).group(1)) * 1024


@dataclass
class Cost:
    cpu_ms: float
    per_second: float

    def __format__(self, spec):
        return f"{self.cpu_ms:.3f} ms, {self.per_second:.0f}/s"


def send(server, count, size, keep):
    """Seconds until the last message was answered 250."""
    argv = [SENDER, *(["-d"] if keep else []), "-s", "20", "-m", str(count), "-l", str(size), "-f", "s@client.example",
            "-t", "user@test.example", f"127.0.0.1:{server.port}"]
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {server.name}: smtp-source: {done.stderr}")
    return time.monotonic() - start


def until_empty(server):
    while server.queued():
        time.sleep(0.05)


def one_round(server, count, size, keep):
    before = server.cpu()
    seconds = send(server, count, size, keep)
    until_empty(server)
    return Cost((server.cpu() - before) / count * 1e3, count / seconds)


def speed(options, ours, postfix):
    rows = []
    cases = [("4 KiB, one message per connection", 4096, False, 0.30, 3), ("4 KiB, kept connections", 4096, True, 0.25, 4),
             ("64 KiB, one message per connection", 65536, False, 0.40, 2)]
    for name, size, keep, cpu, rate in cases:
        costs = interleaved([ours, postfix], options.rounds, lambda s: one_round(s, options.messages, size, keep))
        mine, theirs = costs[ours.name], costs[postfix.name]
        rows.append(Row(f"{name}, -s 20", "CPU ms/message", median([c.cpu_ms for c in mine]), "postfix",
                        median([c.cpu_ms for c in theirs]), cpu))
        rows.append(Row(f"{name}, -s 20", "messages/s", median([c.per_second for c in mine]), "postfix",
                        median([c.per_second for c in theirs]), rate, at_most=False))
    return rows


def syncs(options, ours, sink):
    before = ours.status()["syncs"]
    send(ours, options.messages, 4096, False)
    mine = (ours.status()["syncs"] - before) / options.messages
    until_empty(ours)
    traced = Postfix(sink, trace=True)
    try:
        traced.start()
        send(traced, 300, 4096, False)
        until_empty(traced)
        traced.child.send_signal(signal.SIGTERM)
        os.kill(int((traced.base / "queue/pid/master.pid").read_text()), signal.SIGTERM)
        traced.child.wait(30)
        calls = sum(int(m) for m in re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*f(?:data)?sync$", traced.counts.read_text(), re.M))
    finally:
        traced.stop()
        traced.remove()
    return [Row("4 KiB, one message per connection, -s 20", "syncs/message", mine, goal=0.2),
            Row("the same, postfix by strace", "syncs/message", calls / 300)]


def greet(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.recv(1000)
    s.sendall(b"EHLO idle.example\r\n")
    s.recv(1000)
    return s


def idle(options, sink):
    """Our memory for each connection that has said EHLO and then nothing."""
    server = Genkan(sink.port, name="idle")
    server.start()
    try:
        warm = [greet(server.port) for _ in range(200)]
        for s in warm:
            s.close()
        time.sleep(0.5)
        before = server.memory()
        held = [greet(server.port) for _ in range(options.idle)]
        time.sleep(0.5)
        used = server.memory() - before
        for s in held:
            s.close()
    finally:
        server.stop()
    return [Row(f"{options.idle} idle connections", "KiB each", used / options.idle / 1024, goal=16)]


def greeted(server):
    """Seconds until it says 220: the port alone is open before the queue is read."""
    start = time.monotonic()
    Server.start(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as s:
        if not s.recv(1000).startswith(b"220"):
            raise SystemExit(f"bench: {server.name} does not greet")
    return time.monotonic() - start


def huge(options):
    """A queue whose next hop is down: how long a start takes, what it needs, what it costs new mail beside an empty one."""
    more = 'retry_first = "1h"\nmin_free = "1MiB"'
    server, empty = Genkan(free_port(), more, name="huge"), Genkan(free_port(), more, name="empty")
    server.start()
    empty.start()
    try:
        begun = time.monotonic()
        while server.queued() < options.queued:
            progress(f"queued {server.queued()} of {options.queued}")
            send(server, min(50000, options.queued - server.queued()), 200, True)
        progress(f"queued in {time.monotonic() - begun:.0f} s")
        server.stop()
        seconds = greeted(server)
        time.sleep(3)
        memory = server.resident() / 2**20
        costs = interleaved([server, empty], max(5, options.rounds), lambda s: 2000 / send(s, 2000, 4096, False))
    finally:
        server.stop()
        empty.stop()
    name = f"{options.queued} messages queued, next hop down"
    return [Row(name, "MiB resident", memory, goal=200), Row(name, "s to the first greeting", seconds, goal=10),
            Row(name + ", new mail", "messages/s", median(costs["huge"]), "empty queue", median(costs["empty"]), 1 / 1.2, at_most=False)]


def body(options, started):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))

    def start(server):
        started.append(server)
        return server.start()

    sink = start(Sink("sink"))
    ours = start(Genkan(sink.port))
    postfix = start(Postfix(sink))
    try:
        for server in (ours, postfix):  # processes started, files in memory
            send(server, 200, 4096, False)
            until_empty(server)
        rows = speed(options, ours, postfix) if options.messages else []
        rows += syncs(options, ours, sink)
    finally:
        postfix.stop()
        postfix.remove()
    if options.idle:
        rows += idle(options, sink)
    if options.queued:
        rows += huge(options)
    return rows


if __name__ == "__main__":
    o = arguments(__doc__, messages=2000, idle=5000, queued=0)
    sys.exit(run("smtp", body, o))

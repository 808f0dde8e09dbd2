"""What every benchmark shares: peers as real processes, their CPU time, load, interleaved rounds, one table at the end.

The measure is CPU per request: user and system time of all threads of all processes of a peer, from the scheduler's own
count (/proc/PID/task/*/schedstat), divided by the requests that the load generator got answered. It does not depend on how
fast the load generator is, and little on what else the machine does. Rounds of ours and the peers alternate, and the median
counts, so that a slow minute of the machine is everybody's.
"""
import argparse
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, child, name):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if child.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"bench: {name} did not start")


def process_tree(pid):
    """The process and all that descend from it."""
    out = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            out += process_tree(int(child))
    return out


class Server:
    """A process under measurement, or one that serves it (an origin). Started in its own folder, ended by its id."""

    def __init__(self, name, argv, port, cpus=None, env=None):
        self.name, self.port, self.argv = name, port, [str(a) for a in argv]
        self.cpus, self.env = cpus, env
        self.child = None

    def start(self):
        argv = self.argv
        if self.cpus is not None:
            argv = ["taskset", "-c", self.cpus, *argv]
        log = open(Path(folder()) / f"{self.name}.out", "ab")
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(self.env or {})})
        log.close()
        wait_port(self.port, self.child, f"{self.name} (its output: {log.name})")
        return self

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def cpu(self):
        """Seconds of CPU that all its threads have used so far."""
        total = 0
        for pid in process_tree(self.child.pid):
            for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(stat.read_text().split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total / 1e9

    def memory(self):
        """Private bytes in memory of all its processes (what would be free without it)."""
        total = 0
        for pid in process_tree(self.child.pid):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(kb) for kb in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", text, re.MULTILINE))
        return total * 1024

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in process_tree(self.child.pid))


_folder = None


def folder():
    """Where configuration, logs and state of one run lie; removed at the end unless --keep."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="genkan-bench-")
    return Path(_folder)


def write(name, text):
    path = folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# --- load ---------------------------------------------------------------------------------------------------------------

@dataclass
class Load:
    requests: int
    per_second: float
    errors: int
    p99_ms: float = 0.0


def wrk(url, seconds, connections=64, cpus=None, extra=(), threads=1):
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", *extra, url]
    if cpus is not None:
        argv = ["taskset", "-c", cpus, *argv]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", out))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    return Load(int(re.search(r"(\d+) requests in", out).group(1)),
                float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), errors,
                float(p99.group(1)) * scale[p99.group(2)] if p99 else 0.0)


def h2load(url, requests, connections=64, streams=1, http1=True, cpus=None):
    argv = ["h2load", "-n", str(requests), "-c", str(connections), "-m", str(streams), *(["--h1"] if http1 else []), url]
    if cpus is not None:
        argv = ["taskset", "-c", cpus, *argv]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    match = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded", out)
    return Load(int(match.group(2)), float(re.search(r"([\d.]+) req/s", out).group(1)), int(match.group(1)) - int(match.group(2)))


# --- rounds -------------------------------------------------------------------------------------------------------------

def interleaved(servers, rounds, one):
    """Calls one(server) for every server in every round, the first one changing. Returns {name: [results]}."""
    results = {s.name: [] for s in servers}
    for r in range(rounds):
        for s in servers[r % len(servers):] + servers[:r % len(servers)]:
            results[s.name].append(one(s))
            progress(f"round {r + 1}/{rounds}: {s.name} {results[s.name][-1]:.2f}")
    progress("")
    return results


def cpu_per_request(server, load):
    """Microseconds of CPU for each answered request while load() -> Load runs. Errors of the load end the benchmark."""
    before = server.cpu()
    done = load()
    used = server.cpu() - before
    if done.errors or not done.requests:
        raise SystemExit(f"bench: {server.name}: {done.errors} errors, {done.requests} requests: nothing to compare")
    return used / done.requests * 1e6


def median(values):
    return statistics.median(values)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


# --- results ------------------------------------------------------------------------------------------------------------

@dataclass
class Row:
    """One comparison. goal: the ratio ours/peer that is promised, or without a peer the value itself; None: only shown."""
    case: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float = 0.0
    goal: float | None = None
    at_most: bool = True

    @property
    def ratio(self):
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self):
        if self.goal is None:
            return None
        value = self.ratio if self.theirs else self.ours
        return value <= self.goal if self.at_most else value >= self.goal

    def as_json(self):
        return {"case": self.case, "unit": self.unit, "ours": round(self.ours, 3), "peer": self.peer or None,
                "theirs": round(self.theirs, 3) if self.peer else None,
                "ratio": round(self.ratio, 3) if self.theirs else None, "goal": self.goal, "met": self.met}


def table(rows):
    sign = {True: "met", False: "NOT MET", None: "-"}
    lines = [["case", "unit", "ours", "peer", "theirs", "ratio", "goal", ""]]
    for r in rows:
        goal = f"{'<=' if r.at_most else '>='} {r.goal:g}" if r.goal is not None else "-"
        lines.append([r.case, r.unit, f"{r.ours:.2f}", r.peer or "-", f"{r.theirs:.2f}" if r.peer else "-",
                      f"{r.ratio:.2f}" if r.theirs else "-", goal, sign[r.met]])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in lines)


def first_line(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True)
        return (done.stdout or done.stderr).splitlines()[0].strip()
    except (OSError, IndexError):
        return "not there"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}, Linux {platform.release()}"


def versions():
    return {"genkan": first_line(genkan_program(), "version") if os.access(genkan_program(), os.X_OK) else "not built",
            "nginx": first_line(shutil.which("nginx") or "/usr/sbin/nginx", "-v").replace("nginx version: ", ""),
            "haproxy": first_line(shutil.which("haproxy") or "/usr/sbin/haproxy", "-v").split(" ")[2]}


def genkan_program():
    return os.environ.get("GENKAN_BIN", str(ROOT / "build" / "genkan"))


def arguments(about, **defaults):
    """The options every benchmark has, and numbers of its own (name=default)."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON too")
    parser.add_argument("--keep", action="store_true", help="keep the folder with configuration and logs")
    parser.add_argument("--peers-only", action="store_true", help="leave Genkan out: tries the harness itself")
    parser.add_argument("--rounds", type=int, default=defaults.pop("rounds", 5))
    parser.add_argument("--seconds", type=int, default=defaults.pop("seconds", 3), help="of load in one round")
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args()


def allow_files(count):
    """Descriptors for this process and all that it starts; root may raise the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(name, body, options):
    """Runs body(options, started) -> rows; `started` takes every Server to be stopped. Prints, writes, sets the exit code."""
    started = []
    try:
        rows = body(options, started)
    finally:
        for s in reversed(started):
            s.stop()
        if _folder and not options.keep:
            shutil.rmtree(_folder, ignore_errors=True)
        elif _folder:
            print(f"kept: {_folder}", file=sys.stderr)
    info = {"bench": name, "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "machine": machine(),
            "versions": versions(), "rounds": options.rounds, "seconds": options.seconds}
    print(f"{name}: {info['date']}, {info['machine']}")
    print("  ".join(f"{k}: {v}" for k, v in info["versions"].items()))
    print(table(rows))
    if options.json:
        Path(options.json).write_text(json.dumps({**info, "rows": [r.as_json() for r in rows]}, indent=2) + "\n")
    return 0 if all(r.met is not False for r in rows) else 1

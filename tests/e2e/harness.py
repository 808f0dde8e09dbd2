"""What every end-to-end test starts from: free ports, waiting for conditions, and Genkan as a real process.

    def test_a_request_reaches_its_backend(genkan, nginx):
        web = nginx("one")
        port = free_port()
        g = genkan(f'''
            [[listen]]
            address = ["127.0.0.1:{port}"]
            [[pool]]
            name = "web"
            backend = [{{ address = "127.0.0.1:{web.port}" }}]
            [[route]]
            pool = "web"
        ''')
        assert http_get(port).text.startswith("one ")

The fixtures `genkan` and `nginx` (conftest.py) stop what they started, and fail the test when the program did not end
with 0. A sanitizer's report of any process fails it too (sanitizers.py). Nothing here sleeps for a fixed time and no
port is fixed: wait_until() and free_port().

The program is $GENKAN_BIN, else build/dev/genkan. $GENKAN_TEST_SLOW stretches every deadline (sanitizers are slow).
"""
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import netns
from wire import Answer, Http, http_get, insecure_tls, raw_exchange, raw_http, read_all, status_of  # noqa: F401 (for tests)

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW = float(os.environ.get("GENKAN_TEST_SLOW", "1"))


def program():
    path = os.environ.get("GENKAN_BIN") or str(ROOT / "build" / "dev" / "genkan")
    assert os.access(path, os.X_OK), f"there is no program at {path}: build it first (./dev build dev) or set GENKAN_BIN"
    return path


_given = set()


def free_port():
    """A port on which nobody listens, TCP or UDP. From below the range for outgoing connections, so that none takes it."""
    for _ in range(2000):
        port = random.randrange(10000, 32000)
        if port in _given:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("0.0.0.0", port))
        except OSError:
            continue
        _given.add(port)
        return port
    raise RuntimeError("no free port found")


def swallow(connection, _):
    """What an origin does that takes everything, answers nothing, and lets the connection end."""
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass
    return False


def wait_until(condition, timeout=10.0, what="the condition", every=0.02):
    """Calls condition() until it is true and returns its value; fails with `what` after timeout (times SLOW) seconds.

    An OSError or AssertionError of the condition counts as "not yet"; the last one is shown on failure.
    """
    end = time.monotonic() + timeout * SLOW
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"it returned {value!r}"
        except (OSError, AssertionError, EOFError) as error:
            last = repr(error)
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout * SLOW:g} s ({last})")
        time.sleep(every)


def port_answers(port, host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=2):
        return True


class Process:
    """A program of a test: started by us, ended by its process id, its output kept in one file."""

    def __init__(self, name, folder, netns=None):
        self.name, self.folder, self.netns = name, Path(folder), netns
        self.folder.mkdir(parents=True, exist_ok=True)
        self.out = self.folder / f"{name}.log"
        self.child = None

    def spawn(self, argv, env=None):
        """Appends output to self.out. In the network namespace self.netns when there is one (needs root)."""
        if self.netns:
            argv = netns.inside(self.netns, argv)
        with open(self.out, "ab") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env={**os.environ, **(env or {})}, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def log(self):
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_log(self, pattern, timeout=10.0, count=1):
        def there():
            ended = not self.running()  # looked at first: what it wrote before it ended counts
            lines = self.log_lines(pattern)
            if len(lines) < count and ended:
                raise RuntimeError(f"{self.name} has ended without a log line that matches {pattern!r}:\n{self.log()[-4000:]}")
            return len(lines) >= count and lines
        return wait_until(there, timeout, f"{self.name}: a log line that matches {pattern!r}")

    def signal(self, number):
        self.child.send_signal(number)

    def end(self, timeout=10.0):
        """SIGTERM, then SIGKILL when it does not listen. Returns the exit code (negative: the signal)."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(timeout * SLOW)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode

    def kill(self):
        self.child.kill()
        self.child.wait()


class Genkan(Process):
    """`genkan run` with a configuration of the test. [node] and [admin] are added when the test does not write them."""

    def __init__(self, folder, conf, name="genkan", workers=2, env=None, args=(), netns=None, admin_host="127.0.0.1"):
        super().__init__(name, folder, netns)
        self.state = self.folder / f"{name}.state"
        self.file = self.folder / f"{name}.toml"
        self.env, self.args, self.workers = dict(env or {}), list(args), workers
        self.admin_port = free_port()
        self.admin_host = admin_host
        self.expected = 0
        self.write(conf)

    def write(self, conf):
        """Writes the configuration file anew (for a reload)."""
        conf = "\n".join(line.strip() for line in conf.splitlines())
        top = []
        if "[node]" not in conf:
            top += ["[node]", f'name = "{self.name}"', f'state_dir = "{self.state}"', f"workers = {self.workers}",
                    'drain_timeout = "5s"']
        if "[admin]" not in conf:
            top += ["[admin]", f'listen = "{self.admin_host}:{self.admin_port}"']
        else:
            found = re.search(r'\[admin\][^\[]*?listen\s*=\s*"[^"]*:(\d+)"', conf)
            self.admin_port = int(found.group(1)) if found else self.admin_port
        self.file.write_text(conf + "\n" + "\n".join(top) + "\n")

    def start(self, ready=True, timeout=20.0):
        self.state.mkdir(exist_ok=True)
        self.spawn([program(), "run", "-c", str(self.file), *self.args], self.env)
        if ready:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=20.0):
        def ready():
            if not self.running():
                raise RuntimeError(f"{self.name} ended with {self.child.returncode} at start:\n{self.log()[-4000:]}")
            return http_get(self.admin_port, "/readyz", host=self.admin_host, timeout=5).status == 200
        try:
            wait_until(ready, timeout, f"{self.name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None

    def reload(self, conf=None, timeout=10.0):
        """SIGHUP, with a new configuration when there is one; returns once the log says that it was taken or refused: what
        the log has said since."""
        if conf is not None:
            self.write(conf)
        start = self.out.stat().st_size
        self.signal(signal.SIGHUP)

        def verdict():
            lines = self.out.read_bytes()[start:].decode(errors="replace").rpartition("\n")[0].splitlines()
            said = any("the configuration was reloaded" in line or "the new configuration was not taken" in line for line in lines)
            if not said and not self.running():
                raise RuntimeError(f"{self.name} has ended instead of reloading:\n{self.log()[-4000:]}")
            return said and lines
        return wait_until(verdict, timeout, f"{self.name}: the verdict on the new configuration")

    def api(self, path, method="GET", body=None, fields=None):
        """An answer of the admin listener, e.g. api("/api/v1/pools").json()."""
        data = json.dumps(body).encode() if body is not None else None
        fields = {**({"Content-Type": "application/json"} if data else {}), **(fields or {})}
        return http_get(self.admin_port, path, host=self.admin_host, method=method, body=data, fields=fields)

    def metrics(self):
        """{'name{labels}': value} of /metrics."""
        out = {}
        for line in self.api("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                out[name] = float(value)
        return out

    def memory(self):
        """Resident bytes now."""
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text()).group(1)) * 1024

    def stop(self, timeout=15.0):
        """A planned stop, as an operator does it. Fails when it did not end with the expected code."""
        if self.child is None:
            return
        stopped_by_test = self.child.poll() is not None and self.child.returncode == -signal.SIGKILL
        code = self.end(timeout)
        self.child = None
        assert stopped_by_test or code == self.expected, f"{self.name} ended with {code}:\n{self.log()[-4000:]}"


def run_genkan(*args, env=None, stdin=None, timeout=60.0):
    """A short command such as `genkan check FILE`. Returns CompletedProcess with text."""
    return subprocess.run([program(), *map(str, args)], env={**os.environ, **(env or {})}, input=stdin,
                          stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
                          timeout=timeout * SLOW)


from peers import Nginx, RawOrigin, SmtpSink  # noqa: E402,F401 (peers.py is built on the names above)

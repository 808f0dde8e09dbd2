"""The real programs and the ill-behaved origins that tests put around Genkan."""
import json
import os
import shutil
import socket
import subprocess
import threading

import harness
from harness import Process, free_port, wait_until, port_answers


class Nginx(Process):
    """A real nginx on a free port. Answers any path with "NAME METHOD URI"; keeps what it was asked in requests().

    Paths with a meaning: /status/NNN answers with that code; /size/N with about N bytes, N one of 1k 100k 1m 10m; /slow
    sends 100k at 20 KiB a second. `locations`: more lines for the server block, in which FOLDER stands for its own; `main`: for the http block.
    """

    SIZES = {"1k": 1 << 10, "100k": 100 << 10, "1m": 1 << 20, "10m": 10 << 20}

    def __init__(self, folder, name="nginx", locations="", main="", port=None, netns=None, listen="127.0.0.1"):
        super().__init__(name, os.path.join(folder, f"{name}.nginx"), netns)
        self.port = port or free_port()
        self.listen, self.locations, self.main = listen, locations, main

    def conf(self):
        codes = " ".join(
            f"location = /status/{c} {{ return {c} '{self.name} {c}\\n'; }}" for c in (200, 204, 301, 404, 500, 502, 503))
        files = "".join(f"location = /size/{n} {{ alias {self.folder}/{n}; }}\n" for n in self.SIZES)
        return f"""
            daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log notice;
            events {{ worker_connections 4096; }}
            http {{
              client_body_temp_path {self.folder}/tmp; proxy_temp_path {self.folder}/tmp; fastcgi_temp_path {self.folder}/tmp;
              uwsgi_temp_path {self.folder}/tmp; scgi_temp_path {self.folder}/tmp;
              log_format seen escape=json '{{"method":"$request_method","uri":"$request_uri","host":"$http_host",'
                '"version":"$server_protocol","status":$status,"connection":"$connection","via":"$http_via",'
                '"xff":"$http_x_forwarded_for","proto":"$http_x_forwarded_proto","forwarded":"$http_forwarded",'
                '"agent":"$http_user_agent","length":"$http_content_length","te":"$http_transfer_encoding",'
                '"upgrade":"$http_upgrade","test":"$http_x_test"}}';
              access_log {self.folder}/seen.log seen;
              default_type text/plain; keepalive_requests 1000000; client_max_body_size 0;
              {self.main}
              server {{
                listen {self.listen}:{self.port};
                location / {{ return 200 "{self.name} $request_method $request_uri\\n"; }}
                location = /slow {{ alias {self.folder}/100k; limit_rate 20k; }}
                {codes}
                {files}
                {self.locations.replace("FOLDER", str(self.folder))}
              }}
            }}
        """

    def start(self):
        (self.folder / "tmp").mkdir(exist_ok=True)
        for name, size in self.SIZES.items():
            path = self.folder / name
            if not path.exists():
                path.write_bytes((b"0123456789abcde\n" * (size // 16)))
        self.folder.chmod(0o755)
        path = self.folder / "nginx.conf"
        path.write_text(self.conf())
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.spawn([binary, "-p", str(self.folder), "-c", str(path), "-e", str(self.folder / "error.log")])
        host = "127.0.0.1" if self.listen == "0.0.0.0" else self.listen
        if not self.netns:
            wait_until(lambda: port_answers(self.port, host), 10, f"{self.name} listens\n{self.log()}")
        return self

    def stop(self):
        self.end()
        self.child = None

    def requests(self):
        """What it has answered so far, oldest first: dicts with method, uri, host, via, xff, forwarded, agent, test ...

        It writes after it has answered: whoever expects a request here waits for it (asked).
        """
        path = self.folder / "seen.log"
        whole = (path.read_text(errors="replace") if path.exists() else "").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def asked(self, count, uri=None):
        """Waits until it has been asked so often (for `uri`), and returns those requests: there may be more."""
        def there():
            found = [r for r in self.requests() if uri in (None, r["uri"])]
            return len(found) >= count and found
        return wait_until(there, 10, f"{self.name} is asked {count} times for {uri or 'anything'}")


class RawOrigin:
    """An origin that does what the test's function does: handler(connection, request_bytes) for each request head.

    The function sends what it likes on the socket; it returns True to wait for a further request on the connection, else
    the connection is closed. Bytes of a body that came behind the head are in request_bytes too.
    """

    def __init__(self, handler, host="127.0.0.1"):
        self.handler = handler
        self.listener = socket.create_server((host, 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.seen = []
        self.open = set()
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            while True:
                data = b""
                while b"\r\n\r\n" not in data:
                    part = connection.recv(65536)
                    if not part:
                        return
                    data += part
                with self.lock:
                    self.seen.append(data)
                if not self.handler(connection, data):
                    return
        except OSError:
            pass
        finally:
            connection.close()
            with self.lock:
                self.open.discard(connection)

    def stop(self):
        # shutdown wakes the thread in accept(); close() alone would leave the port open until it returned
        for s in [self.listener, *list(self.open)]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()


class SmtpSink(Process):
    """Postfix's smtp-sink: takes every message; each is kept as a file. `flags`: e.g. ["-r", "rcpt"] to answer 4xx there."""

    def __init__(self, folder, name="sink", flags=(), netns=None, host="127.0.0.1"):
        super().__init__(name, os.path.join(folder, f"{name}.sink"), netns)
        self.port, self.host, self.flags = free_port(), host, list(flags)

    def start(self):
        binary = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.folder.chmod(0o777)
        for parent in self.folder.parents:  # it writes as nobody: the way there must be open
            if os.geteuid() == 0 and not parent.stat().st_mode & 0o001 and str(parent).startswith(("/tmp", "/var/tmp")):
                parent.chmod(parent.stat().st_mode | 0o011)
        self.spawn([binary, *user, *self.flags, "-d", f"{self.folder}/msg-%Y%m%d%H%M%S.", f"{self.host}:{self.port}", "128"])
        if not self.netns:
            wait_until(lambda: port_answers(self.port, self.host), 10, f"{self.name} listens\n{self.log()}")
        return self

    def messages(self):
        """The texts of the messages taken so far, oldest first, with the X-*-Args lines that smtp-sink puts on top."""
        files = sorted(self.folder.glob("msg-*"), key=lambda p: p.stat().st_mtime_ns)
        return [p.read_text(errors="replace") for p in files]

    def stop(self):
        self.end()
        self.child = None


def need_root(what):
    """For tests that make network namespaces: says plainly that they need root instead of passing unseen."""
    assert os.geteuid() == 0, f"{what} needs root (network namespaces): run the tests as root"
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True)
    assert done.returncode == 0, f"{what} needs `ip netns`: {done.stderr.strip()}"


assert harness.ROOT.exists()

"""Real and unreal mail peers: Postfix as the next hop in a configuration of its own, a load that remembers every 250."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from harness import Process, free_port, port_answers, wait_until

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Process):
    """A real Postfix that takes mail for next.example into Maildirs: folder/mail/USER. Needs root."""

    def __init__(self, folder, name="postfix"):
        # Not below pytest's folder: each pytest that starts closes that to others, and Postfix's daemons are others.
        self.root = tempfile.mkdtemp(prefix="genkan-postfix-")
        os.chmod(self.root, 0o711)
        super().__init__(name, os.path.join(self.root, name))
        self.port = free_port()
        self.conf = self.folder / "conf"
        self.mail = self.folder / "mail"
        self.command = None

    def start(self):
        binary = shutil.which("postfix") or "/usr/sbin/postfix"
        for path in (self.conf, self.mail, self.folder / "queue", self.folder / "data"):
            path.mkdir(exist_ok=True)
        self.folder.chmod(0o711)
        shutil.chown(self.folder / "data", "postfix")
        self.mail.chmod(0o777)
        nobody = os.stat("/proc/self").st_uid if os.geteuid() else 65534
        # Made beforehand: two deliveries that make it at once would put one of them off for minutes.
        for sub in ("", "tmp", "new", "cur"):
            (self.mail / "all" / sub).mkdir(exist_ok=True)
            os.chown(self.mail / "all" / sub, nobody, nobody)
        (self.conf / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
maillog_file_prefixes = /
maillog_file = {self.folder}/mail.log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = next.example
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = next.example
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtputf8_enable = no
""")
        (self.conf / "master.cf").write_text(MASTER.format(port=self.port))
        shutil.copy("/etc/postfix/dynamicmaps.cf", self.conf / "dynamicmaps.cf")
        self.command = [binary, "-c", str(self.conf)]
        for _ in range(3):  # on a busy machine its master may not answer the script in time
            done = subprocess.run([*self.command, "start"], capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
        self.out.write_text(done.stdout + done.stderr)
        wait_until(lambda: port_answers(self.port), 20, f"postfix listens: {done.stdout}{done.stderr}")
        return self

    def messages(self):
        """The messages in the mailbox, as octets."""
        return [p.read_bytes() for p in sorted((self.mail / "all" / "new").glob("*"))]

    def stop(self):
        if self.command:
            subprocess.run([*self.command, "stop"], capture_output=True, timeout=60)
        shutil.rmtree(self.root, ignore_errors=True)


class Talk:
    """One SMTP conversation by hand."""

    def __init__(self, port, timeout=10, greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = b""
        if greeting:
            assert self.reply().startswith("220"), "no greeting"

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"connection closed after {self.buffer!r}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode(errors="replace")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def say(self, command):
        self.send(command.encode() + b"\r\n" if isinstance(command, str) else command + b"\r\n")
        return self.reply()

    def envelope(self, to, sender="s@client.example"):
        for command in ("EHLO client.example", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            answer = self.say(command)
            assert answer.startswith("250"), f"{command}: {answer}"

    def message(self, to, content, sender="s@client.example"):
        """Sends one message; returns the reply to its content. `content` is stuffed already and ends in CRLF."""
        self.envelope(to, sender)
        answer = self.say("DATA")
        assert answer.startswith("354"), answer
        self.send(content)
        return self.say(".")

    def start_tls(self, injected=""):
        """STARTTLS and the handshake; `injected` follows the command in the clear, as an attacker in between would do."""
        self.send("STARTTLS\r\n" + injected)
        answer = self.reply()
        assert answer.startswith("220"), answer
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.example")

    def closed(self):
        """Whether the server has closed, after taking what it still says."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except (ConnectionResetError, BrokenPipeError):
            return True
        except socket.timeout:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Load:
    """Threads that send messages, each with a mark of its own, and remember those that were answered 250."""

    def __init__(self, port, to, threads=10, size=4096, per_connection=20):
        self.port, self.to, self.size, self.per_connection = port, to, size, per_connection
        self.acknowledged, self.tried = [], 0
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def _run(self, number):
        count = 0
        while not self.stopping.is_set():
            try:
                with Talk(self.port, timeout=30) as talk:
                    for _ in range(self.per_connection):
                        if self.stopping.is_set():
                            return
                        count += 1
                        mark = f"mark-{number}-{count}-{os.getpid()}-{time.monotonic_ns()}"
                        with self.lock:
                            self.tried += 1
                        filler = "x" * 70 + "\r\n"
                        content = f"Subject: load\r\nX-Mark: {mark}\r\n\r\n" + filler * (self.size // 72)
                        if talk.message(self.to, content).startswith("250"):
                            with self.lock:
                                self.acknowledged.append(mark)
            except (OSError, EOFError, AssertionError):
                time.sleep(0.02)  # the server is away: try again

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        return list(self.acknowledged)


def marks(texts):
    """{mark: how often} in the given messages."""
    seen = {}
    for text in texts:
        for mark in re.findall(r"X-Mark: (\S+)", text if isinstance(text, str) else text.decode(errors="replace")):
            seen[mark] = seen.get(mark, 0) + 1
    return seen


def smtp_source(port, to, messages, sessions=20, size=4096, keep=False, timeout=120):
    """Postfix's load generator; fails when a message was not taken."""
    binary = shutil.which("smtp-source") or "/usr/sbin/smtp-source"
    flags = ["-d"] if keep else []
    done = subprocess.run([binary, *flags, "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f",
                           "s@client.example", "-t", to, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr


def files_below(folder):
    return [p for p in Path(folder).rglob("*") if p.is_file()]

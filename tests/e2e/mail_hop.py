"""A next hop by hand: an SMTP or LMTP server that keeps every message octet by octet and answers as the test wants it to."""
import re
import socket
import socketserver
import ssl
import subprocess
import threading
from dataclasses import dataclass, field

from harness import wait_until


@dataclass
class Mail:
    mail: str  # the MAIL command
    rcpts: list = field(default_factory=list)  # the RCPT commands that were taken
    content: bytes = b""  # without dot-stuffing, as it came
    by: str = "DATA"
    tls: bool = False

    @property
    def sender(self):
        return re.search(r"<([^>]*)>", self.mail).group(1)

    @property
    def own(self):
        """The content behind the Received field that Genkan put in front."""
        return re.sub(rb"\AReceived:.*\r\n(?:[ \t].*\r\n)*", b"", self.content)


class Hop:
    """`features`: what EHLO offers. `answers`: {verb or "." or "greeting": reply, or function(argument, hop) -> reply or None}.

    A reply of b"" hangs up, "hang" says nothing more.
    """

    def __init__(self, features=("PIPELINING", "8BITMIME", "SIZE 0", "ENHANCEDSTATUSCODES"), answers=None, tls=None, implicit=False,
                 lmtp=False, path=None, host="127.0.0.1"):
        self.features, self.answers, self.tls, self.implicit, self.lmtp = list(features), dict(answers or {}), tls, implicit, lmtp
        self.mails, self.commands, self.sessions, self.open, self.most = [], [], 0, 0, 0
        self.lock = threading.Lock()
        hop = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    Session(hop, self.request).run()
                except (OSError, EOFError):
                    pass
                finally:
                    with hop.lock:
                        hop.open -= 1

        kind = socketserver.ThreadingUnixStreamServer if path else socketserver.ThreadingTCPServer
        self.server = type("Server", (kind,), {"daemon_threads": True, "request_queue_size": 128, "allow_reuse_address": True,
                                               "address_family": socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET,
                                               "block_on_close": False})(path or (host, 0), Handler)
        self.port = None if path else self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def wait(self, count=1, timeout=30):
        wait_until(lambda: len(self.mails) >= count, timeout, f"the next hop has {count} messages, not {len(self.mails)}")
        return self.mails

    def said(self, verb):
        return [line for line in self.commands if line.upper().startswith(verb)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Session:
    def __init__(self, hop, connection):
        self.hop, self.socket, self.buffer, self.secure = hop, connection, b"", False
        connection.settimeout(60)
        with hop.lock:
            hop.sessions += 1
            hop.open += 1
            hop.most = max(hop.most, hop.open)
        self.current = None

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def say(self, text):
        if text == b"":
            raise EOFError
        if text == "hang":
            while True:
                self.more()
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def scripted(self, verb, argument=""):
        answer = self.hop.answers.get(verb)
        answer = answer(argument, self.hop) if callable(answer) else answer
        if answer is None:
            return False
        self.say(answer)
        return True

    def start_tls(self):
        self.socket = self.hop.tls.wrap_socket(self.socket, server_side=True)
        self.secure = True

    def run(self):
        if self.hop.implicit:
            self.start_tls()
        if not self.scripted("greeting"):
            self.say("220 hop.example ESMTP")
        while True:
            line = self.line().decode(errors="surrogateescape")
            with self.hop.lock:
                self.hop.commands.append(line)
            verb = line.split(" ")[0].upper()
            if self.scripted(verb, line):
                continue
            if verb in ("EHLO", "LHLO", "HELO"):
                self.hello(verb)
            elif verb == "STARTTLS" and self.hop.tls:
                self.say("220 go")
                self.start_tls()
            elif verb == "MAIL":
                self.current = Mail(line, tls=self.secure)
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                self.current.rcpts.append(line)
                self.say("250 2.1.5 ok")
            elif verb == "DATA":
                self.say("354 go")
                self.finish(self.content())
            elif verb == "BDAT":
                self.chunk(line.split())
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 2.0.0 ok")

    def hello(self, verb):
        features = [f for f in self.hop.features if verb != "HELO"]
        if self.hop.tls and not self.secure:
            features.append("STARTTLS")
        lines = ["hop.example", *features]
        for i, text in enumerate(lines):
            self.say(f"250{' ' if i == len(lines) - 1 else '-'}{text}")

    def content(self):
        lines = []
        while True:
            line = self.line()
            if line == b".":
                return b"".join(one + b"\r\n" for one in lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def chunk(self, words):
        self.current.by = "BDAT"
        self.current.content += self.take(int(words[1]))
        if len(words) > 2:
            self.finish(self.current.content)
        else:
            self.say("250 2.0.0 chunk")

    def finish(self, content):
        mail, self.current = self.current, None
        mail.content = content
        keep = self.hop.answers.get("keep")  # the message counts even if a scripted answer hangs up
        if keep:
            self.keep(mail)
        if not self.scripted(".", mail):
            if not keep:
                self.keep(mail)
            for _ in mail.rcpts if self.hop.lmtp else [1]:
                self.say("250 2.0.0 taken")

    def keep(self, mail):
        with self.hop.lock:
            self.hop.mails.append(mail)


def make_certificate(folder, name="hop.example"):
    """A server context with a self-signed certificate for `name`; the certificate's file is folder/NAME.pem."""
    pem, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=DNS:{name}", "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context, pem



"""Mail filters (milter): a real OpenDKIM that signs, and filters by hand that refuse, change, quarantine or break."""
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import tempfile
import threading

import dkim
import pytest

from harness import Process, free_port, port_answers, run_genkan, wait_until
from mail_hop import Hop
from mail_peers import Talk
from test_smtp import add_user, depth, site, wait_empty


def packet(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command + data


class Filter:
    """`end`: packets to answer the end of a message with, or function(socket). `steps`: what it negotiates. `seen`: what it got."""

    def __init__(self, end=packet(b"c"), steps=0, answers=None):
        self.end, self.steps, self.answers, self.seen, self.sessions = end, steps, answers or {}, [], 0
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                outer.sessions += 1
                try:
                    outer.talk(self.request)
                except (OSError, EOFError):
                    pass
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def take(self, s, count):
        data = b""
        while len(data) < count:
            part = s.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def talk(self, s):
        while True:
            size = struct.unpack(">I", self.take(s, 4))[0]
            data = self.take(s, size)
            command, data = data[:1], data[1:]
            self.seen.append((command, data))
            if command == b"Q":
                return
            if command == b"D":
                continue
            if command == b"O":
                s.sendall(self.answers.get(b"O", packet(b"O", struct.pack(">III", 6, 0xff, self.steps))))
            elif command == b"E":
                self.end(s) if callable(self.end) else s.sendall(self.end)
            else:
                s.sendall(self.answers.get(command, packet(b"c")))

    def got(self, command):
        return [d for c, d in self.seen if c == command]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def made():
    started = []

    def make(kind, *args, **more):
        started.append(kind(*args, **more))
        return started[-1]
    yield make
    for one in started:
        one.stop()


def filtered(port, hop, *filters, more="", timeout="20s"):
    rows = "".join(f'[[smtp.milter]]\naddress = "127.0.0.1:{f.port if hasattr(f, "port") else f}"\ntimeout = "{timeout}"\n{more}\n' for f in filters)
    return site(port, [(hop.port, 10)]) + rows


MAIL = b"Subject: first\r\nX-Fold: a\r\n b\r\nSubject: second\r\n\r\nline\r\n..dot\r\n"


def send(port, content=MAIL, to="u@next.example"):
    with Talk(port) as talk:
        answer = talk.message(to, content)
        assert talk.say("VRFY x").startswith("252"), "in step"
        return answer


def test_a_filter_sees_the_message_as_it_came(genkan, made):
    hop, one, port = made(Hop), made(Filter), free_port()
    g = genkan(filtered(port, hop, one))
    assert send(port).startswith("250")
    assert hop.wait()[0].own == MAIL.replace(b"..dot", b".dot")
    order = [c for c, _ in one.seen if c != b"D"]
    assert order == [b"O", b"C", b"H", b"M", b"R", b"T", b"L", b"L", b"L", b"N", b"B", b"E", b"Q"]
    assert one.got(b"M") == [b"<s@client.example>\0"] and one.got(b"R") == [b"<u@next.example>\0"]
    assert one.got(b"L")[1] == b"X-Fold\0a\n b\0"
    assert one.got(b"B") == [b"line\r\n.dot\r\n"]
    assert one.got(b"H") == [b"client.example\0"] and one.got(b"C")[0].endswith(b"127.0.0.1\0")
    assert any(d.startswith(b"Mi\0") for d in one.got(b"D")), "the queue id as a macro"
    wait_empty(g)


def test_a_filter_that_wants_less_gets_less(genkan, made):
    hop, one, port = made(Hop), made(Filter, steps=0x1 | 0x2 | 0x10 | 0x80 | 0x200 | 0x40000), free_port()
    genkan(filtered(port, hop, one))
    assert send(port).startswith("250")
    hop.wait()
    assert [c for c, _ in one.seen if c != b"D"][:3] == [b"O", b"M", b"R"] and not one.got(b"B")


CHANGES = (packet(b"i", struct.pack(">I", 0) + b"X-Top\0t\n folded\0") + packet(b"m", struct.pack(">I", 2) + b"Subject\0new\0") +
           packet(b"h", b"X-End\0e\r\nX-Evil: 1\0") + packet(b"b", b"another\nbody\r\n") + packet(b"+", b"<more@next.example>\0") +
           packet(b"-", b"<u@next.example>\0") + packet(b"e", b"<new@client.example>\0") + packet(b"p") + packet(b"a"))


@pytest.mark.parametrize("size", [0, 600_000])
def test_changes_are_carried_out(genkan, made, size):
    hop, one, port = made(Hop), made(Filter, CHANGES), free_port()
    g = genkan(filtered(port, hop, one))
    assert send(port, MAIL + b"z" * 998 * (size > 0) + b"\r\n" * (size > 0) + (b"y" * 98 + b"\r\n") * (size // 100)).startswith("250")
    mail = hop.wait()[0]
    assert mail.sender == "new@client.example" and mail.rcpts == ["RCPT TO:<more@next.example>"]
    header, body = mail.own.split(b"\r\n\r\n", 1)
    assert header == b"X-Top: t\r\n folded\r\nSubject: first\r\nX-Fold: a\r\n b\r\nSubject: new\r\nX-End: e\r\n X-Evil: 1"
    assert body == b"another\r\nbody\r\n"
    wait_empty(g)


@pytest.mark.parametrize("size", [0, 600_000])
def test_large_and_small_pass_unchanged(genkan, made, size):
    hop, one, port = made(Hop), made(Filter), free_port()
    genkan(filtered(port, hop, one))
    content = MAIL + (b"y" * 98 + b"\r\n") * (size // 100)
    assert send(port, content).startswith("250")
    assert hop.wait()[0].own == content.replace(b"..dot", b".dot")
    assert b"".join(one.got(b"B")) == content.replace(b"..dot", b".dot").split(b"\r\n\r\n", 1)[1]


@pytest.mark.parametrize("end,answer", [
    (packet(b"r"), "550 5.7.1"), (packet(b"t"), "451 4.7.1"), (packet(b"y", b"554 5.6.0 virus\r\n250 no\0"), "554 5.6.0 virus  250 no"),
    (packet(b"d"), "250 2.0.0"),
])
def test_what_a_filter_refuses_goes_nowhere(genkan, made, end, answer):
    hop, one, port = made(Hop), made(Filter, end), free_port()
    g = genkan(filtered(port, hop, one))
    assert send(port).startswith(answer)
    assert depth(g) == 0 and not hop.mails


def test_a_refusal_of_the_sender_ends_the_questions(genkan, made):
    hop, one, port = made(Hop), made(Filter, answers={b"M": packet(b"r")}), free_port()
    genkan(filtered(port, hop, one))
    assert send(port).startswith("550")
    assert not one.got(b"L")


def test_quarantine_waits_for_an_operator(genkan, made):
    hop, one, port = made(Hop), made(Filter, packet(b"q", b"looks odd\0") + packet(b"a")), free_port()
    g = genkan(filtered(port, hop, one))
    answer = send(port)
    assert answer.startswith("250")
    assert "held" in run_genkan("queue", "list", "-c", g.file).stdout and not hop.mails
    assert run_genkan("queue", "release", answer.split()[-1], "-c", g.file).returncode == 0
    hop.wait()
    wait_empty(g)


def hang(s):
    s.settimeout(30)
    s.recv(1)


BROKEN = {"closes": lambda s: s.shutdown(socket.SHUT_RDWR), "hangs": hang, "talks nonsense": b"HTTP/1.1 200 OK\r\n\r\n",
          "sends a huge packet": struct.pack(">I", 1 << 31) + b"c", "sends nothing of a packet": struct.pack(">I", 0)}


@pytest.mark.parametrize("how", [*BROKEN, "is not there"])
@pytest.mark.parametrize("on_error,answer", [("tempfail", "451 4.7.1"), ("reject", "550 5.7.1"), ("accept", "250 2.0.0")])
def test_a_broken_filter_does_what_the_site_decided(genkan, made, how, on_error, answer):
    hop, port = made(Hop), free_port()
    one = free_port() if how == "is not there" else made(Filter, BROKEN[how])
    g = genkan(filtered(port, hop, one, more=f'on_error = "{on_error}"', timeout="1s"))
    assert send(port).startswith(answer)
    assert g.metrics()["genkan_smtp_filter_failures_total"] == 1
    if on_error == "accept":
        assert hop.wait()[0].own == MAIL.replace(b"..dot", b".dot")
    else:
        assert depth(g) == 0


class OpenDkim(Process):
    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="genkan-opendkim-")
        os.chmod(self.root, 0o755)
        super().__init__("opendkim", self.root)
        self.port = free_port()
        subprocess.run(["openssl", "genrsa", "-out", self.folder / "key", "2048"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "rsa", "-in", self.folder / "key", "-pubout", "-outform", "PEM"], check=True, capture_output=True, text=True).stdout
        self.public = "".join(line for line in der.splitlines() if not line.startswith("-"))
        (self.folder / "conf").write_text(f"""
Background no
Syslog no
Mode s
Domain client.example
Selector test
KeyFile {self.folder}/key
RequireSafeKeys no
Canonicalization simple/simple
InternalHosts 127.0.0.1
Socket inet:{self.port}@127.0.0.1
UserID {"root" if os.geteuid() == 0 else os.geteuid()}
PidFile {self.folder}/pid
""")
        self.spawn([shutil.which("opendkim") or "/usr/sbin/opendkim", "-f", "-x", str(self.folder / "conf")])
        wait_until(lambda: port_answers(self.port), 20, f"opendkim listens\n{self.log()}")

    def stop(self):
        self.end()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.mark.parametrize("size", [0, 600_000])
def test_a_real_opendkim_signs_and_the_signature_is_good_at_the_next_hop(genkan, made, size):
    signer, hop, port = made(OpenDkim), made(Hop), free_port()
    genkan(filtered(port, hop, signer))
    content = b"From: <s@client.example>\r\nTo: <u@next.example>\r\nSubject: =?utf-8?q?x?=\r\n folded  twice\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n\r\n"
    content += b"..dots and  spaces \r\n\r\n" + (b"y" * 98 + b"\r\n") * (size // 100)
    assert send(port, content).startswith("250")
    mail = hop.wait()[0]
    assert b"DKIM-Signature:" in mail.own

    def txt(name, timeout=5):
        assert name.startswith(b"test._domainkey.client.example")
        return b"v=DKIM1; k=rsa; p=" + signer.public.encode()
    assert dkim.verify(mail.content, dnsfunc=txt)
    assert not dkim.verify(mail.content.replace(b"spaces", b"Spaces"), dnsfunc=txt)


def test_a_filter_learns_who_has_logged_in(genkan, made):
    hop, one, port = made(Hop), made(Filter), free_port()
    g = genkan(filtered(port, hop, one) + f'[[smtp.listen]]\naddress = ["127.0.0.1:{(tls := free_port())}"]\nsubmission = true\nimplicit_tls = true\n'
               '[[certificate]]\nself_signed = true\nnames = ["mx.example"]\n[webmail]\nenabled = true\ndomains = ["home.example"]\n')
    add_user(g, "user@home.example")
    done = subprocess.run(["curl", "-sS", "-k", f"smtps://127.0.0.1:{tls}/c.example", "-u", "user@home.example:secret pass phrase", "--mail-from",
                           "user@home.example", "--mail-rcpt", "y@next.example", "-T", "-"], input="Subject: x\r\n\r\nx\r\n", capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    hop.wait()
    macros = b"".join(one.got(b"D"))
    assert b"{auth_authen}\0user@home.example\0" in macros and b"{tls_version}\0TLSv1" in macros

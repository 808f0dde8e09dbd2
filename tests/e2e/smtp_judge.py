"""A judge of SMTP: a client of raw octets and a next hop that forgives nothing (RFC 5321, 2034, 2920, 3030).

smtp_corpus.py is a table of Case. Each has a sender address of its own, by which the next hop knows whose message arrived. Whatever
a case says: every reply must be well-formed, the session in step afterwards, and all that the next hop gets must be well-formed.
"""
import re
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness import SLOW

PATIENCE = 10 * SLOW
TLS = "the handshake of TLS"      # steps, beside octets
CLOSED = "the connection is closed"
REPLY = re.compile(rb"[2-5][0-9][0-9][ -][\t\x20-\x7e]*\Z")
ENHANCED = re.compile(rb"([245])\.[0-9]{1,3}\.[0-9]{1,3} ")
COMMAND = re.compile(rb"(?:EHLO|MAIL FROM:<[^\r\n\x00]*>(?: [A-Z0-9-]+(?:=[\x21-\x7e]+)?)*|RCPT TO:<[^\r\n\x00]+>(?: [A-Z0-9-]+(?:=[\x21-\x7e]+)?)*|DATA|RSET|QUIT|NOOP|BDAT \d+(?: LAST)?|HELO)"
                     rb"(?: [^\r\n\x00]*)?\Z")


@dataclass
class Case:
    name: str
    steps: tuple              # (octets, reply, reply ...): what is sent, then the codes that must come; octets may be a list of segments
    rfc: str
    arrives: object = None    # the content that the next hop must get, without our Received; None: nothing may arrive
    mail: bytes = None        # pattern of its MAIL command
    rcpt: tuple = None        # patterns of its RCPT commands, in order
    closed: bool = False
    hello: bool = True        # EHLO comes first
    secure: bool = False      # on the port of submission, after STARTTLS
    level: str = "MUST"
    apart: bool = True        # means the same in segments of one octet


@dataclass
class Mail:
    mail: bytes
    rcpts: list = field(default_factory=list)
    content: bytes = b""


class Hop:
    """The next hop, octet by octet. What is malformed goes into faults."""

    def __init__(self, features):
        self.features, self.mails, self.faults, self.lock, self.stopped = features, [], [], threading.Lock(), False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def stop(self):
        self.stopped = True
        self.listener.close()

    def serve(self, connection):
        connection.settimeout(60 * SLOW)
        stream = connection.makefile("rwb", buffering=0)
        reader = connection.makefile("rb")
        mail = None

        def say(text):
            stream.write(text + b"\r\n")
        try:
            say(b"220 hop.example ESMTP")
            while line := reader.readline(5000):
                command = line[:-2]
                if not line.endswith(b"\r\n") or b"\r" in command or not COMMAND.match(command) or len(line) > 2048:
                    self.faults.append(f"a malformed command: {line[:300]!r}")
                verb = command[:4].upper()
                if verb == b"EHLO":
                    say(b"\r\n".join([b"250-hop.example", *[b"250-" + f for f in self.features], b"250 HELP"]))
                elif verb == b"MAIL":
                    mail = Mail(command)
                    say(b"250 2.1.0 ok")
                elif verb == b"RCPT":
                    mail.rcpts.append(command)
                    say(b"250 2.1.5 ok")
                elif verb == b"DATA":
                    say(b"354 go")
                    mail.content = self.data(reader)
                    self.keep(mail)
                    say(b"250 2.0.0 ok")
                elif verb == b"BDAT":
                    words = command.split()
                    mail.content += reader.read(int(words[1]))
                    if len(words) > 2:
                        self.keep(mail)
                    say(b"250 2.0.0 ok")
                elif verb == b"QUIT":
                    say(b"221 2.0.0 bye")
                    return
                else:
                    say(b"250 2.0.0 ok")
        except (OSError, ValueError) as error:
            if not isinstance(error, OSError):
                self.faults.append(f"{error!r}")
        finally:
            connection.close()

    def data(self, reader):
        """To CRLF . CRLF exactly; any LF or CR alone is a fault."""
        content = b""
        while True:
            line = reader.readline()
            while line.endswith(b"\n") and not line.endswith(b"\r\n"):
                line += reader.readline()
            if not line:
                raise OSError("ended in the content")
            if line == b".\r\n":
                break
            content += line[1:] if line.startswith(b".") else line
        if re.search(rb"(?<!\r)\n|\r(?!\n)", content):
            self.faults.append(f"a bare CR or LF in content sent by DATA: {content[-300:]!r}")
        return content

    def keep(self, mail):
        with self.lock:
            self.mails.append(mail)


class Talk:
    def __init__(self, port):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.seen = b"", b""

    def line(self):
        while b"\n" not in self.buffer:
            try:
                part = self.socket.recv(65536)
            except ConnectionError:
                part = b""
            except socket.timeout:
                raise AssertionError("no reply") from None
            if not part:
                raise EOFError("the connection is closed")
            self.buffer += part
            self.seen += part
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply's line without CRLF: {line!r}"
        assert len(line) < 512, f"a reply's line of {len(line) + 1} octets (RFC 5321 4.5.3.1.5)"
        return line[:-1]

    def reply(self, plain=False):
        """One reply. plain: may do without an enhanced status code (greeting, EHLO, HELO)."""
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            line = self.line()
            assert REPLY.match(line), f"no reply: {line!r}"
            assert not lines or line[:3] == lines[0][:3], f"codes of one reply differ: {lines} {line!r}"
            if not plain and line[:1] in b"245":
                found = ENHANCED.match(line[4:])
                assert found and found[1] == line[:1], f"no enhanced status code (RFC 2034 4): {line!r}"
            lines.append(line)
        return b"\n".join(lines)

    def send(self, octets):
        for part in octets if isinstance(octets, list) else [octets]:
            try:
                self.socket.sendall(part)
            except ConnectionError:
                return

    def start_tls(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def closed(self):
        try:
            line = self.line()
        except (EOFError, AssertionError) as error:
            return isinstance(error, EOFError)
        raise AssertionError(f"more came: {line!r}")


class Judge:
    def __init__(self, cases, port, submission_port, size=0):
        self.cases, self.port, self.submission_port, self.size = cases, port, submission_port, size
        self.faults = [[] for _ in cases]

    @staticmethod
    def sender(number):
        return b"case-%d@client.example" % number

    def run(self):
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(self.one, range(len(self.cases))))

    def one(self, number):
        case = self.cases[number]
        talk = None
        try:
            talk = Talk(self.submission_port if case.secure else self.port)
            self.converse(talk, case, self.sender(number))
        except (AssertionError, EOFError, OSError) as fault:
            self.faults[number].append(f"{type(fault).__name__}: {fault}; the client got {talk.seen[-250:] if talk else b''!r}")
        finally:
            if talk:
                talk.socket.close()

    def converse(self, talk, case, sender):
        assert talk.reply(plain=True).startswith(b"220"), "no greeting"
        if case.secure:
            self.say(talk, b"EHLO client.example\r\n", "250", sender)
            self.say(talk, b"STARTTLS\r\n", "220", sender)
            talk.start_tls()
        if case.hello:
            self.say(talk, b"EHLO client.example\r\n", "250", sender)
        for step in case.steps:
            if step is TLS:
                talk.start_tls()
            elif step is CLOSED:
                assert talk.closed(), "the session goes on"
            else:
                self.say(talk, *step[:1], step[1:], sender)
        if case.closed:
            assert talk.closed(), "the session goes on"
        elif CLOSED not in case.steps:
            self.say(talk, b"VRFY in-step\r\n", "252", sender)

    def say(self, talk, octets, expected, sender):
        parts = octets if isinstance(octets, list) else [octets]
        sent = [part.replace(b"{s}", sender) for part in parts]
        if self.size:
            sent = [piece for part in sent for piece in ([part] if len(part) > 3000 else [part[at:at + self.size] for at in range(0, len(part), self.size)])]
        talk.send(sent)
        shown = b"".join(parts)[:100]
        for codes in expected if isinstance(expected, tuple) else (expected,):
            codes = codes if isinstance(codes, (tuple, list)) else (codes,)
            answer = talk.reply(plain=bool(re.match(rb"(?i)\s*(EHLO|HELO)", shown)) or codes[0] == "220")
            assert any(answer.decode("latin-1").startswith(code) for code in codes), f"{shown!r} was answered {answer!r}, not {codes}"

    def judge_hops(self, hops):
        got = {}
        for hop in hops:
            for mail in hop.mails:
                found = re.match(rb"MAIL FROM:<([^ ]*)>", mail.mail)
                got.setdefault(found[1] if found else mail.mail, []).append(mail)
        faults = [f"the next hop: {fault}" for hop in hops for fault in hop.faults]
        for number, case in enumerate(self.cases):
            mails = got.pop(self.sender(number), [])
            if case.arrives is None:
                if mails:
                    self.faults[number].append(f"a message that was refused arrives: {mails[0].content[:300]!r}")
                continue
            if len(mails) != 1:
                self.faults[number].append(f"{len(mails)} messages arrive, not one")
                continue
            content = mails[0].content
            own, count = re.subn(rb"\AReceived:.*\r\n(?:[ \t].*\r\n)*", b"", content)
            if count != 1:
                self.faults[number].append(f"no Received in front (RFC 5321 4.4): {content[:200]!r}")
            if own != case.arrives:
                self.faults[number].append(f"the next hop gets {own[:300]!r} ({len(own)}), not {case.arrives[:300]!r} ({len(case.arrives)})")
            if case.mail and not re.search(case.mail, mails[0].mail):
                self.faults[number].append(f"the next hop gets {mails[0].mail!r}, not {case.mail!r}")
            if case.rcpt is not None and not (len(case.rcpt) == len(mails[0].rcpts) and all(map(re.search, case.rcpt, mails[0].rcpts))):
                self.faults[number].append(f"the next hop gets {mails[0].rcpts}, not {case.rcpt}")
        faults += [f"a message that nobody sent: {sender!r} {mails[0].content[:200]!r}" for sender, mails in got.items() if sender not in (b"", b"null")]
        return faults + [f"{case.name} [{case.level} {case.rfc}]: {fault}" for case, own in zip(self.cases, self.faults) for fault in own]

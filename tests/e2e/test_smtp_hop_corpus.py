"""The corpus of next hops: what each row of smtp_hop_corpus.py says, and what becomes of the message. Nothing is lost, and no answer is taken
for that to another command."""
import collections
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from harness import SLOW, free_port, wait_until
from smtp_hop_corpus import CLOSE, ROWS
from smtp_judge import Talk

CONTENT = b"Subject: x\r\n\r\nhello\r\n..\r\n"


class Hop:
    def __init__(self, row):
        self.row, self.ends, self.said, self.mails, self.faults, self.lock = row, None, False, [], [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def scripted(self, stage, connection):
        """Says the row's reply once. None: it was not its turn. False: hang up."""
        with self.lock:
            if self.said or stage != self.row.stage:
                return None
            self.said = True
        if self.row.reply == CLOSE:
            return False
        for part in self.row.reply if isinstance(self.row.reply, list) else [self.row.reply]:
            connection.sendall(part)
        return self.row.reply

    def serve(self, connection):
        connection.settimeout(60 * SLOW)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as reader:
                self.talk(connection, reader)
        except (OSError, EOFError):
            pass

    def reply(self, stage, connection, good):
        said = self.scripted(stage, connection)
        if said is False:
            raise EOFError
        if said is None:
            connection.sendall(good)
            return True
        right = (said if isinstance(said, bytes) else b"".join(said)).startswith(good[:1]) and (stage != "." or "delivered" in self.row.fates)
        if self.row.close and stage != ".":
            raise EOFError
        self.ends = connection if self.row.close else None
        return right

    def talk(self, connection, reader):
        self.reply("greeting", connection, b"220 hop.example\r\n")
        rcpts, content, sender = [], b"", b""
        while self.ends is not connection and (line := reader.readline(5000)):
            if not line.endswith(b"\r\n") or b"\0" in line:
                self.faults.append(f"a malformed command: {line[:200]!r}")
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.reply("EHLO", connection, b"".join(b"250-%s\r\n" % f.encode() for f in ("hop.example", *self.row.features)) + b"250 HELP\r\n")
            elif verb == b"STAR":
                self.reply("STARTTLS", connection, b"454 4.7.0 not now\r\n")
            elif verb == b"MAIL":
                rcpts, content = [], b""
                sender = line if self.reply("MAIL", connection, b"250 2.1.0 ok\r\n") else b""
            elif verb == b"RCPT":
                if not sender:
                    connection.sendall(b"503 5.5.1 MAIL first\r\n")
                elif b"second@" in line:
                    connection.sendall(b"550 5.1.1 second is nobody\r\n")
                elif self.reply("RCPT", connection, b"250 2.1.5 ok\r\n"):
                    rcpts.append(line)
            elif verb == b"DATA":
                if not rcpts:
                    connection.sendall(b"503 5.5.1 no recipients\r\n")
                elif self.reply("DATA", connection, b"354 go\r\n"):
                    self.take(sender, self.data(reader), connection)
            elif verb == b"BDAT":
                words = line.split()
                content += reader.read(int(words[1]))
                if not rcpts:
                    connection.sendall(b"503 5.5.1 no recipients\r\n")
                elif len(words) > 2:
                    self.take(sender, content, connection)
                else:
                    connection.sendall(b"250 2.0.0 ok\r\n")
            elif verb == b"QUIT":
                connection.sendall(b"221 2.0.0 bye\r\n")
                return
            else:
                if not re.match(rb"(?i)HELO |RSET|NOOP", line):
                    self.faults.append(f"an unexpected command: {line[:200]!r}")
                connection.sendall(b"250 2.0.0 ok\r\n")

    @staticmethod
    def data(reader):
        content = b""
        while (line := reader.readline()) != b".\r\n":
            if not line:
                raise EOFError
            content += line[1:] if line.startswith(b".") else line
        return content

    def take(self, sender, content, connection):
        if self.reply(".", connection, b"250 2.0.0 ok\r\n"):
            self.mails.append((sender, content))


def site(port, log, ports):
    parts = [f'[smtp]\nenabled = true\nhostname = "mx.example"\nmin_free = "1MiB"\nretry_first = "1s"\nretry_max = "1s"\nmax_connections_per_address = 500\nlog = "{log}"\nlog_format = "json"',
             f'[[smtp.listen]]\naddress = ["127.0.0.1:{port}"]']
    for number, hop in enumerate(ports):
        parts.append(f'[[smtp.route]]\ndomains = ["n{number}.example"]\nrelay = "n{number}"\n[[smtp.relay]]\nname = "n{number}"\ncommand_timeout = "5s"\n[[smtp.relay.member]]\naddress = "127.0.0.1:{hop}"')
    return "\n".join(parts)


def send(port, number, who):
    talk = Talk(port)
    talk.reply(plain=True)
    for line in (b"EHLO client.example\r\n", b"MAIL FROM:<%s-%d@client.example>\r\n" % (who, number), b"RCPT TO:<%s@n%d.example>\r\n" % (who, number), b"DATA\r\n", CONTENT + b".\r\n"):
        talk.send(line)
        answer = talk.reply(plain=line.startswith(b"EHLO"))
        assert answer[:1] in b"23", answer
    talk.socket.close()


def fates(log, who):
    """{number: [events]} of the messages of this sender."""
    out = collections.defaultdict(list)
    for line in log.read_text().splitlines() if log.exists() else []:
        event = json.loads(line)
        found = re.match(who + r"-(\d+)@", event.get("from", ""))
        if found and event["message"] in ("delivered", "failed", "deferred"):
            out[int(found[1])].append((event["message"], event.get("reply", "")))
    return out


def settled(log, who):
    return sum(1 for events in fates(log, who).values() if events[-1][0] != "deferred")


def test_what_every_next_hop_says_is_understood_and_nothing_is_lost(genkan, tmp_path):
    assert len({row.name for row in ROWS}) == len(ROWS)
    hops, port, log = [Hop(row) for row in ROWS], free_port(), tmp_path / "mail.log"
    genkan(site(port, log, [hop.port for hop in hops]), workers=1)
    faults = []
    for who in ("first", "second"):
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda n: send(port, n, who.encode()), range(len(ROWS))))
        try:
            wait_until(lambda: settled(log, who) == len(ROWS), 30, f"every {who} message has a fate")
        except AssertionError:
            known = fates(log, who)
            faults += [f"{row.name} [{row.rfc}]: the {who} message is still waiting: {known[n]}" for n, row in enumerate(ROWS) if not known[n] or known[n][-1][0] == "deferred"]
    first, second = fates(log, "first"), fates(log, "second")
    for number, (row, hop) in enumerate(zip(ROWS, hops)):
        hop.listener.close()
        got = [(sender, content) for sender, content in hop.mails if b"first-" in sender]
        own = [re.sub(rb"\AReceived:.*\r\n(?:[ \t].*\r\n)*", b"", content) for _, content in got]
        if not first[number] or not second[number]:
            continue
        # Until a session is open no message is put off by name: its member is not reached, and it waits.
        right = row.fates + (("delivered",) if row.stage in ("greeting", "EHLO", "STARTTLS") and "deferred" in row.fates else ())
        if first[number][0][0] not in right:
            faults.append(f"{row.name} [{row.rfc}]: the message is {first[number]}, not {row.fates}")
        if first[number][-1][0] == "delivered" and own != [CONTENT.replace(b"\r\n..", b"\r\n.")]:
            faults.append(f"{row.name} [{row.rfc}]: said to be {first[number]}, and the next hop has {own}")
        if second[number][-1][0] not in ("failed",) or not re.search("second is nobody|5.3.4", second[number][-1][1]):
            faults.append(f"{row.name} [{row.rfc}]: the second message is {second[number]}")
        faults += [f"{row.name} [{row.rfc}]: {fault}" for fault in hop.faults]
    assert not faults, f"{len(faults)} deviations in {len(ROWS)} rows:\n" + "\n".join(faults)

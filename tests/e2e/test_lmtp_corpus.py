"""LMTP to a next hop (RFC 2033 4.2): one reply for each recipient that was taken, in order; too few, too many and wrong ones."""
import collections
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness import SLOW, free_port, wait_until
from smtp_judge import Talk

CONTENT = b"Subject: x\r\n\r\nhello\r\n"
D, W, F = "delivered", "deferred", "failed"
OK, LATER, NO = b"250 2.1.5 ok\r\n", b"450 4.2.0 later\r\n", b"550 5.1.1 no\r\n"


@dataclass
class Row:
    name: str
    finals: bytes                 # what comes behind the content, the first time; later all is well
    fates: tuple                  # of the recipients a, b, c at the first try
    rcpts: tuple = (OK, OK, OK)   # the replies to RCPT, the first time
    features: tuple = ("PIPELINING",)
    close: bool = False


ROWS = [
    Row("all taken", OK * 3, (D, D, D)),
    Row("all taken, without PIPELINING", OK * 3, (D, D, D), features=()),
    Row("all refused", NO * 3, (F, F, F)),
    Row("all put off", LATER * 3, (W, W, W)),
    Row("one of each", OK + LATER + NO, (D, W, F)),
    Row("one of each, in another order", NO + OK + LATER, (F, D, W)),
    Row("the first is refused at RCPT", OK + LATER, (F, D, W), rcpts=(NO, OK, OK)),
    Row("the second is put off at RCPT", NO + OK, (F, W, D), rcpts=(OK, LATER, OK)),
    Row("only the last is taken at RCPT", OK, (F, W, D), rcpts=(NO, LATER, OK)),
    Row("long replies", b"250-2.0.0 a\r\n250 2.0.0 b\r\n" + b"550-5.1.1 a\r\n550 5.1.1 b\r\n" + OK, (D, F, D)),
    Row("one reply, then the end", OK, (D, W, W), close=True),
    Row("two replies, then the end", OK + NO, (D, F, W), close=True),
    Row("no reply and the end", b"", (W, W, W), close=True),
    Row("half a reply and the end", OK + b"250 2.", (D, W, W), close=True),
    Row("nonsense behind the first", OK + b"hello\r\n" + OK, (D, W, W)),
    Row("421 behind the first", OK + b"421 4.3.2 later\r\n", (D, W, W), close=True),
    Row("354 behind the first", OK + b"354 x\r\n", (D, W, W)),
    Row("one reply too many", OK * 4, (D, D, D)),
    Row("a refusal too many", OK * 3 + NO, (D, D, D)),
    Row("four too many", OK * 3 + OK * 4, (D, D, D)),
]


class Hop:
    """Says what the row says once; a second transaction is refused for everybody."""

    def __init__(self, row):
        self.row, self.first, self.got, self.faults = row, True, collections.Counter(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(60 * SLOW)
        say = connection.sendall
        try:
            with connection, connection.makefile("rb") as reader:
                say(b"220 hop.example LMTP\r\n")
                while line := reader.readline(5000):
                    verb = line[:4].upper()
                    if verb == b"LHLO":
                        say(b"".join(b"250-%s\r\n" % f.encode() for f in ("hop.example", *self.row.features)) + b"250 HELP\r\n")
                    elif verb == b"MAIL":
                        rcpts, second = [], b"second" in line
                        say(OK)
                    elif verb == b"RCPT":
                        reply = NO if second else self.row.rcpts["abc".index(chr(line[9]))] if self.first else OK
                        rcpts += [chr(line[9])] if reply == OK else []
                        say(reply)
                    elif verb == b"DATA":
                        say(b"354 go\r\n" if rcpts else b"503 5.5.1 no recipients\r\n")
                        if not rcpts:
                            continue
                        while (text := reader.readline()) != b".\r\n":
                            if not text:
                                return
                        replies = self.row.finals if self.first else OK * len(rcpts)
                        whole = re.findall(rb"(?m)^(\d\d\d) .*\r\n", replies)
                        if self.first and not all(re.match(rb"\d\d\d[ -]", one) for one in replies.splitlines()):
                            whole = whole[:1]
                        self.got.update(who for who, code in zip(rcpts, whole) if code == b"250")
                        close, self.first = self.first and self.row.close, False
                        say(replies)
                        if close:
                            return
                    elif verb == b"QUIT":
                        return say(b"221 bye\r\n")
                    else:
                        if verb not in (b"RSET", b"NOOP"):
                            self.faults.append(f"an unexpected command: {line[:100]!r}")
                        say(OK)
        except OSError:
            pass


def test_every_recipient_has_its_own_answer(genkan, tmp_path):
    hops, port, log = [Hop(row) for row in ROWS], free_port(), tmp_path / "mail.log"
    parts = [f'[smtp]\nenabled = true\nhostname = "mx.example"\nmin_free = "1MiB"\nretry_first = "1s"\nretry_max = "1s"\nlog = "{log}"\nlog_format = "json"\n[[smtp.listen]]\naddress = ["127.0.0.1:{port}"]']
    for number, hop in enumerate(hops):
        parts.append(f'[[smtp.route]]\ndomains = ["n{number}.example"]\nrelay = "n{number}"\n[[smtp.relay]]\nname = "n{number}"\nprotocol = "lmtp"\n[[smtp.relay.member]]\naddress = "127.0.0.1:{hop.port}"')
    genkan("\n".join(parts), workers=1)

    def events(who):
        out = collections.defaultdict(list)
        for line in log.read_text().splitlines() if log.exists() else []:
            event = json.loads(line)
            found = re.match(who + r"-(\d+)@", event.get("from", ""))
            if found and event["message"] in (D, W, F):
                out[int(found[1]), event["to"][0]].append(event["message"])
        return out

    def send(number, who):
        talk = Talk(port)
        talk.reply(plain=True)
        for line in ("EHLO client.example", f"MAIL FROM:<{who}-{number}@client.example>", *(f"RCPT TO:<{one}@n{number}.example>" for one in "abc"), "DATA"):
            talk.send(line.encode() + b"\r\n")
            assert talk.reply(plain=line.startswith("EHLO"))[:1] in b"23"
        talk.send(CONTENT + b".\r\n")
        assert talk.reply().startswith(b"250")

    for who in ("first", "second"):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: send(n, who), range(len(ROWS))))
        wait_until(lambda: sum(1 for one in events(who).values() if one[-1] != W) == 3 * len(ROWS), 30, f"all of the {who} messages are settled")
    first, second, faults = events("first"), events("second"), []
    for number, (row, hop) in enumerate(zip(ROWS, hops)):
        hop.listener.close()
        fates = tuple(first[number, one][0] for one in "abc")
        if fates != row.fates:
            faults.append(f"{row.name}: {fates}, not {row.fates}")
        wrong = {one: hop.got[one] for place, one in enumerate("abc") if hop.got[one] != (0 if row.fates[place] == F else 1)}
        if wrong:
            faults.append(f"{row.name}: the next hop took {wrong}")
        if any(second[number, one][-1] != F for one in "abc"):
            faults.append(f"{row.name}: the second message is {[second[number, one] for one in 'abc']}")
        faults += [f"{row.name}: {fault}" for fault in hop.faults]
    assert not faults, f"{len(faults)} deviations in {len(ROWS)} rows:\n" + "\n".join(faults)

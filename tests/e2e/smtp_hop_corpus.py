"""What a next hop may say, right and wrong, and what must become of the message (RFC 5321 4.2, 4.5.4.1).

Row(name, stage, reply, fates): `reply` is said once at `stage` to the first message; everything else is answered as it should be.
A second message follows, which the next hop refuses at RCPT with 550: it must fail, whatever the first left in the connection.
"""
from dataclasses import dataclass

CLOSE = b""
ROWS = []
SENT, WAITS, FAILS = ("delivered",), ("deferred",), ("failed",)


@dataclass
class Row:
    name: str
    stage: str
    reply: object         # octets, several segments, or CLOSE
    fates: tuple
    rfc: str = "5321 4.2"
    features: tuple = ()
    close: bool = False   # hangs up behind the reply


def row(stage, reply, fates, rfc="5321 4.2", **more):
    said = b"|".join(reply) if isinstance(reply, list) else reply
    name = " ".join([f"{stage}: {said[:60]!r}", *more.get("features", ()), *(["and hangs up"] if more.get("close") else [])])
    ROWS.append(Row(name, stage, reply, fates, rfc, **more))


NONSENSE = (b"hello\r\n", b"\r\n", b"25\r\n", b"2500 x\r\n", b"250x\r\n", b"999 x\r\n", b"099 x\r\n", b"600 x\r\n", b"-250 x\r\n", b"250-a\r\n251 b\r\n", b"250-a\r\n550 b\r\n", b"250-a\r\n250-b\r\n\r\n", b"2\x0050 x\r\n",
            b"\xff\xfe\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"* OK IMAP4 ready\r\n", b"+OK\r\n", b"25O ok\r\n", b"a" * 20000 + b"\r\n", b"250-a\r\n" * 3000)
for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "."):
    for reply in (*NONSENSE, CLOSE, b"250", b"250-a\r\n"):
        row(stage, reply, WAITS, close=reply in (b"250", b"250-a\r\n"))
    row(stage, b"421 4.3.2 later\r\n", WAITS, "5321 3.8", close=True)
    row(stage, b"421 4.3.2 later\r\n", WAITS, "5321 3.8")
    row(stage, b"450 4.2.0 later\r\n", WAITS, "5321 4.2.1")
    row(stage, b"451-4.3.0 later\r\n451 4.3.0 still\r\n", WAITS, "5321 4.2.1")
    row(stage, b"499\r\n", WAITS, "5321 4.2.1")
# --- good in an odd way ---
for reply in (b"220\r\n", b"220 \r\n", b"220-a\r\n220-b\r\n220 c\r\n", b"220 \xe9\r\n", [b"2", b"2", b"0 ", b"x\r", b"\n"], b"220 " + b"x" * 505 + b"\r\n", b"221 x\r\n", b"250 x\r\n"):
    row("greeting", reply, SENT if reply not in (b"221 x\r\n", b"250 x\r\n") else ("delivered", "deferred"))
for reply in (b"250 x\r\n", b"250\r\n", b"250-x\r\n250 SIZE\r\n", b"250-x\r\n250 SIZE 0\r\n", b"250-x\r\n250 SIZE x\r\n", b"250-x\r\n250 size 1000000\r\n", b"250-x\r\n250 8bitmime\r\n", b"250-x\r\n250-PIPELINING foo\r\n250 FOO BAR=1\r\n", b"250-x\r\n250-\r\n250 \r\n", b"250-x\r\n250-AUTH=PLAIN\r\n250 AUTH PLAIN\r\n",
              b"250-x\r\n" + b"250-F%d\r\n" * 60 % tuple(range(60)) + b"250 HELP\r\n", b"250-x\r\n250 LIMITS RCPTMAX=1 MAILMAX=1\r\n", b"250-x\r\n250 LIMITS RCPTMAX=0\r\n", b"250-x\r\n250 LIMITS RCPTMAX=x\r\n", b"250-x\r\n250 SIZE 18446744073709551616\r\n"):
    row("EHLO", reply, SENT, "5321 4.1.1.1")
row("EHLO", b"250-x\r\n250 SIZE 10\r\n", FAILS, "1870 6.1")
for reply in (b"500 what\r\n", b"502 no\r\n", b"504 no\r\n", b"550 no\r\n", b"500-a\r\n500 b\r\n"):
    row("EHLO", reply, SENT if reply[:3] in (b"500", b"502") else ("delivered", "failed", "deferred"), "5321 3.2")
for stage in ("MAIL", "RCPT", "."):
    for reply in (b"250\r\n", b"250-a\r\n250 b\r\n", b"251 x\r\n", b"252 x\r\n", b"200 x\r\n", b"250 \xe9\xff\r\n", [b"2", b"50", b"-a\r", b"\n250 ", b"b\r", b"\n"]):
        row(stage, reply, SENT, "5321 4.2.1")
    for reply in (b"550 5.1.1 no\r\n", b"550\r\n", b"553 no\r\n", b"599 x\r\n", b"550-5.1.1 a\r\n550 5.1.1 b\r\n", b"550 4.1.1 strange\r\n", b"552 5.2.2 full\r\n", b"500 what\r\n", b"555 no\r\n"):
        # 5321 4.5.3.1.10: 552 to RCPT was once said for 452, and may be taken for it.
        row(stage, reply, FAILS if not (stage == "RCPT" and reply[:3] == b"552") else ("failed", "deferred"), "5321 4.2.1")
    row(stage, b"354 x\r\n", WAITS, "5321 4.2.1")
    row(stage, b"334 x\r\n", WAITS, "5321 4.2.1")
for reply in (b"354\r\n", b"354-a\r\n354 b\r\n", [b"35", b"4 go\r", b"\n"]):
    row("DATA", reply, SENT, "5321 4.1.1.4")
for reply in (b"250 ok\r\n", b"220 x\r\n", b"334 x\r\n"):
    row("DATA", reply, WAITS if reply[:1] == b"2" else ("deferred", "delivered"), "5321 4.1.1.4")
for reply in (b"554 no\r\n", b"550 5.7.1 no\r\n", b"503 no valid recipients\r\n"):
    row("DATA", reply, FAILS, "5321 4.2.1")
row("greeting", b"554 5.7.1 go away\r\n", ("failed", "deferred"), "5321 3.1")
row("greeting", b"521 no mail here\r\n", ("failed", "deferred"), "7504 4")
row("MAIL", b"530 5.7.0 STARTTLS first\r\n", ("failed", "deferred"), "3207 4")
# --- more than was asked for: none of it may be taken for the answer to what comes next ---
for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "."):
    good = {"greeting": b"220 x\r\n", "EHLO": b"250 x\r\n", "DATA": b"354 x\r\n"}.get(stage, b"250 ok\r\n")
    for extra in (b"250 one more\r\n", b"550 one more\r\n", b"354 one more\r\n", b"250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 e\r\n", b"junk"):
        row(stage, good + extra, ("delivered", "deferred") if extra[:3] == b"250" or stage == "." else ("delivered", "deferred", "failed"), "2920 3.1")
for stage in ("MAIL", "RCPT", "DATA", "."):
    row(stage, {"DATA": b"354 x\r\n"}.get(stage, b"250 ok\r\n"), WAITS if stage != "." else SENT, "5321 3.8", close=True)
# --- with PIPELINING ---
PIPE = ("PIPELINING",)
for stage, reply, fates in (("MAIL", b"550 no\r\n", FAILS), ("MAIL", b"450 no\r\n", WAITS), ("RCPT", b"550 no\r\n", FAILS), ("RCPT", b"450 no\r\n", WAITS), ("DATA", b"554 no\r\n", FAILS), ("DATA", b"450 no\r\n", WAITS), (".", b"550 no\r\n", FAILS), (".", b"250 ok\r\n", SENT),
                            ("MAIL", b"junk\r\n", WAITS), ("RCPT", b"junk\r\n", WAITS), ("RCPT", b"421 later\r\n", WAITS), (".", b"250 ok\r\n250 more\r\n", SENT), ("RCPT", b"250 ok\r\n250 more\r\n", ("delivered", "deferred"))):
    row(stage, reply, fates, "2920 3.1", features=PIPE)
# --- CHUNKING, STARTTLS ---
for reply, fates in ((b"250 ok\r\n", SENT), (b"550 no\r\n", FAILS), (b"450 no\r\n", WAITS), (b"junk\r\n", WAITS)):
    row(".", reply, fates, "3030 2", features=("CHUNKING", "BINARYMIME", "8BITMIME"))
for reply in (b"454 4.7.0 not now\r\n", b"501 no\r\n", b"junk\r\n", CLOSE, b"220 go\r\nand a lie\r\n", b"220 go\r\n"):
    # Opportunistic: when TLS cannot be had the message goes in the clear, or waits; it is not lost.
    row("STARTTLS", reply, ("delivered", "deferred"), "3207 4", features=("STARTTLS",), close=reply == b"220 go\r\n")
# --- LMTP is another suite's ---

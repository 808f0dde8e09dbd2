"""Raw conversations: what is sent, what must be answered, and what the next hop must have got in the end.

A case is a name, steps (octets to send, then the start of each reply to them), and what arrives: None (nothing), or the
content. "{s}" becomes a sender of the case's own, by which its mail is found at the next hop.
"""
from dataclasses import dataclass

HI = ("EHLO c.example\r\n", "250")
FROM = ("MAIL FROM:<{s}>\r\n", "250 2.1.0")
TO = ("RCPT TO:<u@next.example>\r\n", "250 2.1.5")
GO = ("DATA\r\n", "354")
ENVELOPE = [HI, FROM, TO]


@dataclass
class Case:
    name: str
    steps: list
    arrives: bytes = None
    closed: bool = False


def bad(name, line, code, before=(), closed=False):
    return Case(name, [*before, (line, *([code] if isinstance(code, str) else code))], closed=closed)


def content(name, octets, arrives=None, code="250 2.0.0", mail=FROM):
    """`octets` as they go over the wire, with the end of data."""
    return Case(name, [HI, mail, TO, GO, (octets, code)], arrives)


def taken(name, mail="MAIL FROM:<{s}>\r\n", rcpt="RCPT TO:<u@next.example>\r\n", code="250 2.1"):
    """A good envelope of another kind, and a message through it."""
    return Case(name, [HI, (mail, code), (rcpt, code), GO, (b"x: y\r\n\r\nz\r\n.\r\n", "250")], b"x: y\r\n\r\nz\r\n")


CONTENT = [
    content("plain", b"Subject: a\r\n\r\nb\r\n.\r\n", b"Subject: a\r\n\r\nb\r\n"),
    content("nothing at all", b".\r\n", b""),
    content("one empty line", b"\r\n.\r\n", b"\r\n"),
    content("header without body", b"Subject: a\r\n.\r\n", b"Subject: a\r\n"),
    content("body without header", b"\r\njust text\r\n.\r\n", b"\r\njust text\r\n"),
    content("stuffed dots", b"\r\n..\r\n...\r\n..a\r\n.\r\n", b"\r\n.\r\n..\r\n.a\r\n"),
    content("a dot that is not stuffed is dropped", b"\r\n.a\r\n.\r\n", b"\r\na\r\n"),
    content("a dot at the first line", b"..x\r\n.\r\n", b".x\r\n"),
    content("dots inside lines", b"\r\na.\r\n .\r\n. \r\n.\r\n", b"\r\na.\r\n .\r\n \r\n"),
    content("line of 998", b"\r\n" + b"x" * 998 + b"\r\n.\r\n", b"\r\n" + b"x" * 998 + b"\r\n"),
    content("line of 5000", b"\r\n" + b"x" * 5000 + b"\r\n.\r\n", b"\r\n" + b"x" * 5000 + b"\r\n"),
    content("octets over 127", bytes([13, 10, *range(128, 256), 13, 10]) + b".\r\n", bytes([13, 10, *range(128, 256), 13, 10])),
    content("8BITMIME", b"\r\n\xe4\r\n.\r\n", b"\r\n\xe4\r\n", mail=("MAIL FROM:<{s}> BODY=8BITMIME\r\n", "250")),
    content("controls other than CR and LF", bytes([13, 10, *range(1, 10), 11, 12, *range(14, 32), 127, 13, 10]) + b".\r\n",
            bytes([13, 10, *range(1, 10), 11, 12, *range(14, 32), 127, 13, 10])),
    content("white space at ends", b"\r\n \t \r\na \r\n\t\r\n.\r\n", b"\r\n \t \r\na \r\n\t\r\n"),
    content("50 Received fields", b"Received: a\r\n" * 50 + b"\r\n.\r\n", b"Received: a\r\n" * 50 + b"\r\n"),
    content("51 Received fields", b"Received: a\r\n" * 51 + b"\r\n.\r\n", None, "554 5.4.6"),
    content("Received in the body does not count", b"\r\n" + b"Received: a\r\n" * 60 + b".\r\n", b"\r\n" + b"Received: a\r\n" * 60),
    content("too large", b"\r\n" + (b"x" * 98 + b"\r\n") * 11000 + b".\r\n", None, "552 5.3.4"),
    Case("the end of data in pieces", [*ENVELOPE, GO, (b"a: b\r\n\r\nc\r", ), (b"\n", ), (b".", ), (b"\r", ), (b"\n", "250")], b"a: b\r\n\r\nc\r\n"),
    Case("two messages", [*ENVELOPE, GO, (b"n: 1\r\n.\r\n", "250"), ("MAIL FROM:<>\r\n", "250"), ("RSET\r\n", "250")], b"n: 1\r\n"),
]

# Anything that some server takes for the end of data. What follows would be a second message, from somebody else.
SMUGGLED = b"MAIL FROM:<smuggled@x.example>\r\nRCPT TO:<u@next.example>\r\nDATA\r\nsmuggled\r\n.\r\n"
ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\n\n.\n\n", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n",
        b"\n\r.\n\r", b"\r\n\r.\r\n"]
SMUGGLING = [content(f"smuggling by {end!r}", b"a: b\r\n\r\ntext" + end + SMUGGLED, None, "550 5.6.0") for end in ENDS] + [
    content("a CR alone", b"a: b\r\n\r\nx\ry\r\n.\r\n", None, "550 5.6.0"),
    content("a LF alone", b"a: b\r\n\r\nx\ny\r\n.\r\n", None, "550 5.6.0"),
    content("a LF alone in the header", b"a: b\nc: d\r\n\r\n.\r\n", None, "550 5.6.0"),
    content("NUL around the dot", b"a: b\r\n\r\n\0.\r\n.\r\n", b"a: b\r\n\r\n\0.\r\n"),
]

LINES = [
    bad("LF alone", b"NOOP\n", "500 5.5.2", closed=True),
    bad("CR inside", b"NO\rOP\r\n", "500 5.5.2"),
    bad("CR CR LF", b"NOOP\r\r\n", "500 5.5.2"),
    bad("NUL", b"NO\0OP\r\n", "500 5.5.2"),
    bad("NUL in an address", b"MAIL FROM:<a\0b@c.example>\r\n", "500 5.5.2", [HI]),
    bad("two commands with a CR between", b"MAIL FROM:<{s}>\rRCPT TO:<u@next.example>\r\n", "500 5.5.2", [HI]),
    bad("two commands with a LF between", b"MAIL FROM:<{s}>\nRCPT TO:<u@next.example>\r\n", "500", [HI], closed=True),
    bad("empty line", b"\r\n", "500"),
    bad("space in front", b" NOOP\r\n", "500"),
    bad("octets over 127", b"\xff\xfe\r\n", "500"),
    bad("unknown word", b"BOGUS x\r\n", "500 5.5.2"),
    bad("HTTP", b"GET / HTTP/1.1\r\n", "500"),
    bad("512 octets", b"NOOP " + b"x" * 505 + b"\r\n", "250"),
    bad("513 octets", b"NOOP " + b"x" * 506 + b"\r\n", "500 5.5.2"),
    bad("100,000 octets", b"NOOP " + b"x" * 100_000 + b"\r\n", "500 5.5.2"),
    bad("MAIL over 2048", b"MAIL FROM:<{s}> ENVID=" + b"x" * 2048 + b"\r\n", "500", [HI]),
    bad("small letters", b"noop\r\nRsEt\r\n", ["250", "250"]),
    bad("white space at the end", b"NOOP \t \r\n", "250"),
]

ORDER = [
    bad("MAIL before EHLO", "MAIL FROM:<{s}>\r\n", "503 5.5.1"),
    bad("RCPT before EHLO", "RCPT TO:<u@next.example>\r\n", "503"),
    bad("DATA before EHLO", "DATA\r\n", "503"),
    bad("RCPT before MAIL", "RCPT TO:<u@next.example>\r\n", "503", [HI]),
    bad("DATA before MAIL", "DATA\r\n", "503", [HI]),
    bad("DATA before RCPT", "DATA\r\n", "554", [HI, FROM]),
    bad("MAIL twice", "MAIL FROM:<{s}>\r\n", "503", [HI, FROM]),
    bad("EHLO ends a transaction", "EHLO c.example\r\nRCPT TO:<u@next.example>\r\n", ["250", "503"], ENVELOPE),
    bad("HELO ends a transaction", "HELO c.example\r\nDATA\r\n", ["250", "503"], ENVELOPE),
    bad("RSET ends a transaction", "RSET\r\nDATA\r\n", ["250", "503"], ENVELOPE),
    bad("every RCPT refused, DATA pipelined", "RCPT TO:<u@no.example>\r\nDATA\r\n", ["550", "554"], [HI, FROM]),
    bad("QUIT", "QUIT\r\n", "221 2.0.0", closed=True),
    bad("what follows QUIT is not read", "QUIT\r\nNOOP\r\n", "221", closed=True),
    Case("EHLO and an envelope in one go", [("EHLO c.example\r\nMAIL FROM:<{s}>\r\nRCPT TO:<u@next.example>\r\nDATA\r\n", "250", "250", "250", "354"),
                                            (b"p: 1\r\n.\r\n", "250")], b"p: 1\r\n"),
    Case("one refused, one taken", [HI, ("MAIL FROM:<{s}>\r\nRCPT TO:<u@no.example>\r\nRCPT TO:<u@next.example>\r\nDATA\r\n", "250", "550", "250", "354"),
                                    (b"p: 2\r\n.\r\n", "250")], b"p: 2\r\n"),
    Case("the next envelope behind the end of data", [*ENVELOPE, GO, (b"p: 3\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n", "250", "250", "250")], b"p: 3\r\n"),
    bad("content without waiting for 354", "DATA\r\nSubject: early\r\n.\r\n", "554 5.5.0", ENVELOPE, closed=True),
    bad("HELO and a message", "HELO c.example\r\nMAIL FROM:<{s}>\r\n", ["250 mx.example", "250"]),
]

WORDS = [
    bad("HELP", "HELP\r\n", "214"), bad("HELP of something", "HELP DATA\r\n", "214"), bad("NOOP with words", "NOOP a b\r\n", "250"),
    bad("VRFY tells nothing", "VRFY u\r\n", "252 2.5.2"), bad("VRFY of nobody", "VRFY\r\n", "501"), bad("EXPN", "EXPN list\r\n", "502"),
    bad("RSET with a word", "RSET x\r\n", "501"), bad("QUIT with a word", "QUIT x\r\n", "501"), bad("DATA with a word", "DATA x\r\n", "501", ENVELOPE),
    bad("TURN", "TURN\r\n", "500"), bad("LHLO", "LHLO c.example\r\n", "500"), bad("AUTH where there is none", "AUTH PLAIN AGEAYg==\r\n", "502", [HI]),
    bad("STARTTLS where there is none", "STARTTLS\r\n", "502", [HI]), bad("XCLIENT of a stranger", "XCLIENT ADDR=1.2.3.4\r\n", "550", [HI]),
    bad("XFORWARD of a stranger", "XFORWARD ADDR=1.2.3.4\r\n", "550", [HI]),
    bad("EHLO without a name", "EHLO\r\n", "501"), bad("HELO without a name", "HELO\r\n", "501"), bad("EHLO with two words", "EHLO a b\r\n", "501"),
    bad("EHLO -bad", "EHLO -bad\r\n", "501"), bad("EHLO a..b", "EHLO a..b\r\n", "501"), bad("EHLO with an open literal", "EHLO [1.2.3.4\r\n", "501"),
    bad("EHLO with a bad literal", "EHLO [1.2.3]\r\n", "501"), bad("EHLO with a literal", "EHLO [127.0.0.1]\r\n", "250"),
    bad("EHLO with an IPv6 literal", "EHLO [IPv6:::1]\r\n", "250"), bad("EHLO with _", "EHLO my_host\r\n", "250"),
    bad("EHLO with spaces in front", "EHLO   c.example\r\n", "250"),
]

ADDRESSES = [
    bad("no brackets", "MAIL FROM:a@b.example\r\n", "501 5.", [HI]), bad("no colon", "MAIL FROM <a@b.example>\r\n", "501", [HI]),
    bad("MAIL TO", "MAIL TO:<a@b.example>\r\n", "501", [HI]), bad("RCPT FROM", "RCPT FROM:<a@b.example>\r\n", "501", [HI, FROM]),
    bad("MAIL alone", "MAIL\r\n", "501", [HI]), bad("not closed", "MAIL FROM:<a@b.example\r\n", "501", [HI]),
    bad("two @", "MAIL FROM:<a@b@c.example>\r\n", "501", [HI]), bad("no @", "MAIL FROM:<ab>\r\n", "501", [HI]),
    bad("no local part", "MAIL FROM:<@b.example>\r\n", "501", [HI]), bad("no domain", "MAIL FROM:<a@>\r\n", "501", [HI]),
    bad("dot in front", "MAIL FROM:<.a@b.example>\r\n", "501", [HI]), bad("two dots", "MAIL FROM:<a..b@c.example>\r\n", "501", [HI]),
    bad("a space inside", "MAIL FROM:<a b@c.example>\r\n", "501", [HI]), bad("DEL inside", "MAIL FROM:<a\x7fb@c.example>\r\n", "501", [HI]),
    bad("a tab inside", "MAIL FROM:<a\tb@c.example>\r\n", "501", [HI]), bad("words behind", "MAIL FROM:<a@b.example>x\r\n", "501", [HI]),
    bad("local part of 65", "MAIL FROM:<" + "l" * 65 + "@b.example>\r\n", "501", [HI]),
    bad("label of 64", "MAIL FROM:<a@" + "d" * 64 + ".example>\r\n", "501", [HI]),
    bad("domain of 256", "MAIL FROM:<a@" + "d." * 127 + "ex>\r\n", "501", [HI]),
    bad("bad literal", "MAIL FROM:<a@[1.2.3.444]>\r\n", "501", [HI]), bad("the null recipient", "RCPT TO:<>\r\n", "501", [HI, FROM]),
    bad("another domain", "RCPT TO:<u@elsewhere.example>\r\n", "550 5.7.1", [HI, FROM]),
    bad("percent hack", "RCPT TO:<u%elsewhere.example@other.example>\r\n", "550", [HI, FROM]),
    bad("a literal of ours is not our domain", "RCPT TO:<u@[127.0.0.1]>\r\n", "550", [HI, FROM]),
    bad("UTF-8 without SMTPUTF8", "MAIL FROM:<\u00fc@b.example>\r\n", "553 5.6.7", [HI]),
    bad("UTF-8 recipient without SMTPUTF8", "RCPT TO:<\u00fc@next.example>\r\n", "553 5.6.7", [HI, FROM]),
    bad("broken UTF-8", b"MAIL FROM:<\xc3\x28@b.example> SMTPUTF8\r\n", "501", [HI]),
    taken("a space behind the colon", "MAIL FROM: <{s}>\r\n", "RCPT TO: <u@next.example>\r\n"),
    taken("small words", "mail from:<{s}>\r\n", "rcpt to:<u@next.example>\r\n"),
    taken("domain in capitals", rcpt="RCPT TO:<u@NEXT.EXAMPLE>\r\n"),
    taken("quoted local part", rcpt='RCPT TO:<"a b"@next.example>\r\n'),
    taken("quoted @ and \\", rcpt='RCPT TO:<"a@b\\"c"@next.example>\r\n'),
    taken("source route", rcpt="RCPT TO:<@a.example,@b.example:u@next.example>\r\n"),
    taken("local part of 64", rcpt="RCPT TO:<" + "l" * 64 + "@next.example>\r\n"),
    taken("every character of atext", rcpt="RCPT TO:<!#$%&'*+-/=?^_`{|}~@next.example>\r\n"),
    taken("Postmaster without a domain", rcpt="RCPT TO:<Postmaster>\r\n"),
]

PARAMETERS = [
    bad(f"MAIL {p}", f"MAIL FROM:<{{s}}> {p}\r\n", code, [HI]) for p, code in [
        ("FUTURE=1", "555 5.5.4"), ("SIZE=", "501"), ("SIZE=abc", "501"), ("SIZE=-1", "501"), ("SIZE=1 SIZE=1", "501"),
        ("SIZE=99999999999", "552 5.3.4"), ("SIZE=999999999999999999999999", "501"), ("BODY=9BIT", "501"), ("BODY", "501"),
        ("BODY=7BIT BODY=7BIT", "501"), ("SMTPUTF8=1", "501"), ("RET=ALL", "501"), ("RET=FULL RET=FULL", "501"), ("ENVID=a=b", "501"),
        ("ENVID=+4", "501"), ("ENVID=" + "x" * 101, "501"), ("AUTH=<>", "555"), ("REQUIRETLS", "555"), ("=x", "501"), ("X@=1", "501")]
] + [
    bad(f"RCPT {p}", f"RCPT TO:<u@next.example> {p}\r\n", code, [HI, FROM]) for p, code in [
        ("FUTURE=1", "555 5.5.4"), ("NOTIFY=", "501"), ("NOTIFY=MAYBE", "501"), ("NOTIFY=NEVER,SUCCESS", "501"),
        ("NOTIFY=SUCCESS NOTIFY=SUCCESS", "501"), ("ORCPT=u@next.example", "501"), ("ORCPT=rfc822;", "501"), ("ORCPT=;x", "501")]
] + [
    taken("SIZE", "MAIL FROM:<{s}> SIZE=100\r\n"), taken("7BIT", "MAIL FROM:<{s}> BODY=7BIT\r\n"),
    taken("DSN", "MAIL FROM:<{s}> RET=HDRS ENVID=a+2Bb\r\n", "RCPT TO:<u@next.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;u+40x.example\r\n"),
    taken("every parameter", "MAIL FROM:<{s}> BODY=8BITMIME SIZE=5 SMTPUTF8 RET=FULL ENVID=x\r\n"),
]

CHUNKS = [
    Case("one chunk", [*ENVELOPE, (b"BDAT 6 LAST\r\na: b\r\n", "250")], b"a: b\r\n"),
    Case("three chunks", [*ENVELOPE, (b"BDAT 3\r\na: ", "250"), (b"BDAT 3\r\nb\r\n", "250"), (b"BDAT 0 LAST\r\n", "250")], b"a: b\r\n"),
    Case("chunks in one go", [*ENVELOPE, (b"BDAT 3\r\na: BDAT 3 LAST\r\nb\r\nNOOP\r\n", "250", "250", "250")], b"a: b\r\n"),
    Case("nothing in chunks", [*ENVELOPE, (b"BDAT 0 LAST\r\n", "250")], b""),
    Case("dots mean nothing in chunks", [*ENVELOPE, (b"BDAT 9 LAST\r\n\r\n.\r\n..\r\n", "250")], b"\r\n.\r\n..\r\n"),
    Case("a chunk that looks like commands", [*ENVELOPE, (b"BDAT 8 LAST\r\nQUIT\r\n\r\n", "250")], b"QUIT\r\n\r\n"),
    Case("an end without CRLF is completed", [*ENVELOPE, (b"BDAT 4 LAST\r\na: b", "250")], b"a: b\r\n"),
    Case("a LF alone in a chunk", [*ENVELOPE, (b"BDAT 4 LAST\r\na\nb\n", "550 5.6.0")]),
    Case("a CR between two chunks", [*ENVELOPE, (b"BDAT 2\r\na\r", "250"), (b"BDAT 2 LAST\r\nb\r", "550 5.6.0")]),
    Case("a CRLF over two chunks", [*ENVELOPE, (b"BDAT 2\r\na\r", "250"), (b"BDAT 1 LAST\r\n\n", "250")], b"a\r\n"),
    Case("BDAT without RCPT", [HI, FROM, (b"BDAT 6 LAST\r\nQUIT\r\n", "554")]),
    Case("BDAT without MAIL", [HI, (b"BDAT 6 LAST\r\nQUIT\r\n", "503")]),
    Case("DATA after BDAT", [*ENVELOPE, (b"BDAT 2\r\na:", "250"), ("DATA\r\n", "503"), (b"BDAT 4 LAST\r\n b\r\n", "250")], b"a: b\r\n"),
    Case("MAIL inside chunks", [*ENVELOPE, (b"BDAT 2\r\na:", "250"), ("MAIL FROM:<>\r\n", "503"), ("RSET\r\n", "250")]),
    Case("RSET inside chunks", [*ENVELOPE, (b"BDAT 2\r\na:", "250"), ("RSET\r\n", "250"), (b"BDAT 2 LAST\r\nb\r", "503")]),
    Case("a chunk over the limit", [*ENVELOPE, (b"BDAT 1100000 LAST\r\n" + b"x" * 1_100_000, "552")]),
    Case("chunks that are too large together", [*ENVELOPE, (b"BDAT 700000\r\n" + b"x" * 700_000, "250"), (b"BDAT 700000 LAST\r\n" + b"x" * 700_000, "552")]),
    bad("BDAT without a size", "BDAT\r\n", "501", ENVELOPE), bad("BDAT -1", "BDAT -1\r\n", "501", ENVELOPE, closed=True),
    bad("BDAT x", "BDAT x LAST\r\n", "501", ENVELOPE), bad("BDAT 5 FIRST", "BDAT 5 FIRST\r\nhello", "501", ENVELOPE),
    bad("BDAT of a size that no one swallows", "BDAT 99999999999\r\n", "552", ENVELOPE, closed=True),
    bad("DATA with BINARYMIME", "DATA\r\n", "503", [HI, ("MAIL FROM:<{s}> BODY=BINARYMIME\r\n", "250"), TO]),
    Case("binary content", [HI, ("MAIL FROM:<{s}> BODY=BINARYMIME\r\n", "250"), TO, (b"BDAT 14 LAST\r\na: b\r\n\r\n\r\0\n.\n\xff", "250")],
         b"a: b\r\n\r\n\r\0\n.\n\xff"),
]

CASES = CONTENT + SMUGGLING + LINES + ORDER + WORDS + ADDRESSES + PARAMETERS + CHUNKS

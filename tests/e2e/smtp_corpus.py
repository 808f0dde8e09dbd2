"""Raw SMTP: what a client says in pieces, what it must hear, and what the next hop must get. {s} is the case's own sender.

next.example has a next hop with every extension, plain.example one with hardly any, table.example a list of who exists.
"""
import base64
import re

from smtp_judge import CLOSED, TLS, Case

CASES = []
BAD = ("500", "501")
NO = ("5",)
TO = b"RCPT TO:<x@next.example>\r\n"
PLAIN = b"RCPT TO:<x@plain.example>\r\n"
FROM = b"MAIL FROM:<{s}>\r\n"
SIMPLE = b"Subject: x\r\n\r\nhello\r\n"
EVIL = b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<evil@next.example>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n"
ALL = object()


def case(name, rfc, *steps, **more):
    CASES.append(Case(name, steps, rfc, **more))


def say(name, rfc, line, *codes, **more):
    """One line in a fresh session."""
    case(name, rfc, (line if isinstance(line, (bytes, list)) else line.encode("latin-1") + b"\r\n", *codes), **more)


def mail(name, rfc, argument, codes, **more):
    case(name, rfc, (b"MAIL FROM:" + (argument if isinstance(argument, bytes) else argument.encode("latin-1")) + b"\r\n", codes), **more)


def rcpt(name, rfc, argument, codes, start=FROM, **more):
    case(name, rfc, (start, "250"), (b"RCPT TO:" + (argument if isinstance(argument, bytes) else argument.encode("latin-1")) + b"\r\n", codes), **more)


def message(name, rfc, content, arrives=ALL, codes="250", to=TO, start=FROM, **more):
    """`content` as it goes over the line, stuffed, without the last dot."""
    parts = content if isinstance(content, list) else [content]
    case(name, rfc, (start, "250"), (to, "250"), (b"DATA\r\n", "354"), ([*parts, b".\r\n"], codes),
         arrives=b"".join(parts) if arrives is ALL else arrives, **more)


# --- 5321 4.1.1.1: EHLO and HELO ---
HELLO = "5321 4.1.1.1"
for line in ("EHLO client.example", "ehlo client.example", "EHLO [127.0.0.1]", "EHLO [IPv6:::1]", "EHLO [IPv6:2001:db8::1]", "EHLO localhost", "EHLO a", "EHLO client.example.", "EHLO client.example  ", "EHLO 1.example",
             "EHLO xn--bcher-kva.example", "HELO client.example", "helo client.example", "HELO [127.0.0.1]"):
    say(line, HELLO, line, "250", hello=False)
# 5321 4.1.4: a server may not refuse mail for a name that does not check out; one that is no name at all it may.
for line in ("EHLO my_host", "EHLO a b", "EHLO [127.0.0.1", "EHLO -", "EHLO [300.1.1.1]", "EHLO <a>", "EHLO a@b", "EHLO\tclient.example", "EHLO 127.0.0.1", "EHLO " + "a" * 300):
    say(line[:40], HELLO, line, ("250", "501", "500"), hello=False, level="MAY")
for line in ("EHLO", "EHLO ", "EHLO   ", "HELO", "HELO ", "EHLO a\x00b", "EHLO a\x01b"):
    say(repr(line), HELLO, line, BAD, hello=False)
say("EHLO with 8-bit octets", HELLO, "EHLO \xfc.example", ("501", "500", "250"), hello=False, level="MAY")
case("EHLO twice", "5321 4.1.4", (b"EHLO a\r\n", "250"), (b"EHLO b\r\n", "250"))
case("EHLO ends a transaction", "5321 4.1.4", (FROM, "250"), (TO, "250"), (b"EHLO b\r\n", "250"), (b"DATA\r\n", ("503", "554")))
case("HELO ends a transaction", "5321 4.1.4", (FROM, "250"), (b"HELO b\r\n", "250"), (TO, "503"))
case("a bad EHLO ends nothing", "5321 4.1.4", (FROM, "250"), (b"EHLO\r\n", BAD), (TO, "250"))
case("HELO after EHLO", "5321 4.1.4", (b"HELO b\r\n", "250"), (FROM, "250"))

# --- order ---
ORDER = "5321 4.1.4"
for verb, codes in (("MAIL FROM:<a@client.example>", "503"), ("RCPT TO:<x@next.example>", "503"), ("DATA", "503"), ("BDAT 0 LAST", "503"), ("NOOP", "250"), ("RSET", "250"), ("HELP", ("214", "211", "250", "502")),
                    ("VRFY x", ("252", "503", "550", "502")), ("EXPN x", ("502", "503", "550", "252"))):
    say(f"{verb} before EHLO", ORDER, verb, codes, hello=False)
say("QUIT before EHLO", ORDER, "QUIT", "221", hello=False, closed=True)
say("RCPT before MAIL", ORDER, TO, "503")
say("DATA before MAIL", ORDER, "DATA", ("503", "554"))
case("DATA before RCPT", ORDER, (FROM, "250"), (b"DATA\r\n", ("503", "554")))
case("DATA when every RCPT was refused", "5321 3.3", (FROM, "250"), (b"RCPT TO:<x@nowhere.example>\r\n", "550"), (b"DATA\r\n", ("503", "554")))
case("MAIL in a transaction", ORDER, (FROM, "250"), (FROM, "503"), (TO, "250"))
case("MAIL after RCPT", ORDER, (FROM, "250"), (TO, "250"), (FROM, "503"))
case("RSET ends a transaction", "5321 4.1.1.5", (FROM, "250"), (TO, "250"), (b"RSET\r\n", "250"), (b"DATA\r\n", ("503", "554")))
case("RSET, then a new one", "5321 4.1.1.5", (b"MAIL FROM:<other@client.example>\r\n", "250"), (b"RCPT TO:<y@next.example>\r\n", "250"), (b"RSET\r\n", "250"), (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"),
     arrives=SIMPLE, rcpt=(rb"<x@next\.example>",))
case("NOOP changes nothing", "5321 4.1.1.9", (FROM, "250"), (b"NOOP\r\n", "250"), (TO, "250"), (b"NOOP x y\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("VRFY changes nothing", "5321 4.1.1.6", (FROM, "250"), (b"VRFY x\r\n", "252"), (TO, "250"))
case("a refused RCPT changes nothing", "5321 3.3", (FROM, "250"), (b"RCPT TO:<x@nowhere.example>\r\n", "550"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE, rcpt=(rb"<x@next\.example>",))
case("two messages in a session", "5321 3.3", (b"MAIL FROM:<>\r\n", "250"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("after a refused message the session goes on", "5321 3.3", (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), (b"a\nb\r\n.\r\n", NO), (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)

# --- single commands ---
SYNTAX = "5321 4.1.1"
for line, codes in (("FOO", "500"), ("", "500"), ("   ", "500"), ("X", "500"), ("EHL client.example", "500"), ("EHLOclient.example", "500"), ("NOOPS", "500"), ("DATAX", "500"), ("250 ok", "500"), ("GET / HTTP/1.1", ("500", "421", "554", "502")),
                    (" NOOP", "500"), ("\tNOOP", "500"), ("NOOP", "250"), ("noop", "250"), ("NoOp", "250"), ("NOOP  ", "250"), ("NOOP x", "250"), ("RSET", "250"), ("RSET ", "250"), ("RSET x", ("501", "250")), ("HELP", ("214", "211", "250")),
                    ("HELP MAIL", ("214", "211", "250", "504")), ("VRFY x", "252"), ("VRFY <x@next.example>", "252"), ("VRFY", ("501", "252")), ("EXPN x", ("252", "502", "550")), ("EXPN", ("501", "502")), ("SEND FROM:<a@b.example>", ("500", "502")),
                    ("SOML FROM:<a@b.example>", ("500", "502")), ("TURN", ("500", "502")), ("ETRN next.example", ("500", "502")), ("ATRN", ("500", "502")), ("XFOO", ("500", "502")), ("DEBUG", ("500", "502")), ("WIZ", ("500", "502")),
                    ("LHLO client.example", ("500", "502")), ("XCLIENT ADDR=127.0.0.1", ("500", "502", "503", "550", "554")), ("XFORWARD ADDR=127.0.0.1", ("500", "502", "503", "550", "554")), ("BURL imap://x LAST", ("500", "502", "503")), ("AUTH PLAIN", ("500", "502", "503", "504", "538")),
                    ("MAIL", "501"), ("MAIL FROM", "501"), ("MAIL FROM:", "501"), ("MAIL FROM <a@client.example>", "501"), ("MAIL TO:<a@client.example>", "501"), ("MAILFROM:<a@client.example>", "500"), ("RCPT FROM:<x@next.example>", ("501", "503")), ("DATA x", ("501", "503"))):
    say(f"{line!r} alone", SYNTAX, line, codes)
say("QUIT", "5321 4.1.1.10", "QUIT", "221", closed=True)
say("QUIT with a space behind", "5321 4.1.1", "QUIT ", "221", closed=True, level="SHOULD")
for name, octets in (("a NUL", b"NO\x00OP\r\n"), ("an 8-bit octet", b"NO\xd6P\r\n"), ("a control character", b"\x1bNOOP\r\n"), ("a bare CR", b"NOOP\rNOOP\r\n"), ("two CR", b"NOOP\r\r\n")):
    say(f"a command with {name}: one reply", "5321 2.3.8", octets, ("500", "501"))
# An LF alone ends no line. Whoever sends one may mean what follows as a command or not: it is not executed, and since a client
# that ends all its lines so should hear about it now and not when it has waited long enough, the session ends.
for name, octets in (("LF", b"NOOP\nNOOP\r\n"), ("LF CR", b"NOOP\n\rNOOP\r\n"), ("LF behind a line that is too long", b"NOOP " + b"x" * 5000 + b"\nNOOP\r\n"), ("RCPT behind LF", b"MAIL FROM:<{s}>\nRCPT TO:<evil@next.example>\r\n"),
                     ("a message behind LF", b"NOOP\n" + EVIL.replace(b"\r\n", b"\n") + b".\r\n")):
    say(f"a command with a bare LF: {name}", "5321 2.3.8", octets, NO, closed=True)
case("RCPT with a bare LF in a transaction", "5321 2.3.8", (FROM, "250"), (TO, "250"), (b"NOOP\nRCPT TO:<evil@next.example>\r\nDATA\r\n" + SIMPLE + b".\r\n", NO), closed=True)

# --- line lengths ---
LONG = "5321 4.5.3.1"
say("a command of 512 octets", LONG, b"NOOP " + b"x" * 505 + b"\r\n", "250")
say("a command of 5,000 octets: one reply", LONG, b"NOOP " + b"x" * 5000 + b"\r\n", ("500", "501", "250"), level="SHOULD")
say("a command of 100,000 octets", LONG, b"NOOP " + b"x" * 100000 + b"\r\n", ("500", "421"))
say("a command of 5,000 octets with another in its tail", LONG, [b"NOOP " + b"x" * 4089, b"RSET", b"x" * 900 + b"\r\n"], ("500", "501", "250"))
say("a command in single octets", LONG, [bytes([c]) for c in b"NOOP\r\n"], "250")
case("a local part of 64 octets", "5321 4.5.3.1.1", (FROM, "250"), (b"RCPT TO:<" + b"l" * 64 + b"@next.example>\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE, rcpt=(rb"<l{64}@next\.example>",))
rcpt("a local part of 65 octets", "5321 4.5.3.1.1", b"<" + b"l" * 65 + b"@next.example>", ("501", "550", "553", "500", "250"), level="MAY")
rcpt("a local part of 300 octets", "5321 4.5.3.1.1", b"<" + b"l" * 300 + b"@next.example>", ("501", "550", "553", "500"), level="SHOULD")
rcpt("a domain of 255 octets without a route", "5321 4.5.3.1.2", b"<x@" + b".".join([b"d" * 62] * 4) + b".ex>", ("550", "501"))
rcpt("a domain of 256 octets", "5321 4.5.3.1.2", b"<x@" + b".".join([b"d" * 62] * 4) + b".exa>", ("501", "550", "553"))
rcpt("a label of 64 octets", "1035 2.3.4", b"<x@" + b"d" * 64 + b".example>", ("501", "550", "553"))
rcpt("a path of 2,000 octets", "5321 4.5.3.1.3", b"<x@" + b"d." * 1000 + b"example>", ("500", "501", "550", "553"))
mail("a sender's local part of 300 octets", "5321 4.5.3.1.1", b"<" + b"l" * 300 + b"@client.example>", ("501", "550", "553", "500"), level="SHOULD")

# --- addresses ---
ADDRESS = "5321 4.1.2"
for argument in ("a@client.example", "<a@client.example", "a@client.example>", "<<a@client.example>>", "<a@client.example>x", "<a@client.example>SIZE=5", "<a@b@client.example>", "<@client.example>", "<a@>", "<a b@client.example>", "<a..b@client.example>",
                 "<.a@client.example>", "<a.@client.example>", "<a@client..example>", "<a@.example>", "<a@client_.example\x00>", "<a@[300.1.1.1]>", "<a@[IPv6:zz]>", "<a@[127.0.0.1>", "<a@127.0.0.1]>", "<\"a@client.example>", "<a\"b@client.example>",
                 "<\"a\"b@client.example>", "<\"a\"\"b\"@client.example>", "<a@client.example>>", "<a@cli ent.example>", "<a@client.example\\>", "<a,b@client.example>", "<a:b@client.example>", "<(c)a@client.example>", "<a@client.example(c)>", "<\x01a@client.example>",
                 "<a@-client.example>", "<a@client-.example>", "<a@client.example,b@client.example>", "<a@client.example> <b@client.example>", "< >", "<a>", "<@>", "<a@client.example;>", "<[a]@client.example>", "<a\\b@client.example>"):
    codes = ("501", "553", "550", "500", "555")
    if argument in ("a@client.example", "<a@-client.example>", "<a@client-.example>"):
        mail(f"MAIL FROM:{argument}", ADDRESS, argument, (*codes, "250"), level="MAY")
    else:
        mail(f"MAIL FROM:{argument!r}", ADDRESS, argument, codes)
for argument in ("<a@client.example>", "<>", "<A.B-c@Client.Example>", "<!#$%&'*+-/=?^_`{|}~@client.example>", "<\"a b\"@client.example>", "<\"a\\\"b\"@client.example>", "<\"a@b\"@client.example>", "<\"a>b\"@client.example>", "<\"<>\"@client.example>", "<@x.example,@y.example:a@client.example>",
                 "<a@[192.0.2.1]>", "<a@[IPv6:2001:db8::1]>", "<a@localhost>", "<1@1.example>"):
    mail(f"MAIL FROM:{argument}", ADDRESS, argument, "250")
for argument in (" <a@client.example>", "  <a@client.example>", "<a@client.example> ", "<a@client.example.>", "<a@client_x.example>", "<\"\"@client.example>"):
    mail(f"MAIL FROM:{argument!r}", ADDRESS, argument, ("250", "501", "553", "550"), level="MAY")
for name, address, line in (("a quoted space", b'"a b"@next.example', None), ("a quoted quote", b'"a\\"b"@next.example', None), ("a quoted at", b'"a@b"@next.example', None), ("a quoted bracket", b'"a>b"@next.example', None),
                            ("every character of an atom", b"!#$%&'*+-/=?^_`{|}~@next.example", None), ("capitals in the local part", b"JoHn@next.example", None), ("a dot", b"a.b.c@next.example", None)):
    case(f"a recipient with {name} reaches the next hop as it is", ADDRESS, (FROM, "250"), (b"RCPT TO:<" + address + b">\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE, rcpt=(rb"<" + re.escape(address) + rb">",))
case("a source route is taken off", "5321 C", (FROM, "250"), (b"RCPT TO:<@a.example,@b.example:x@next.example>\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE, rcpt=(rb"TO:<x@next\.example>",))
for argument in ("<>", "<x>", "<@next.example>", "<x@>", "<x@@next.example>", "<x@y@next.example>", "<x y@next.example>", "<x..y@next.example>", "<.x@next.example>", "<x.@next.example>", "<x@next..example>", "<x@.next.example>", "x@next.example>", "<x@next.example", "<\"x@next.example>", "<x@next.example>y",
                 "<x@next.example>,<y@next.example>", "<x@[next.example]>", "<x@next.example\\>", "<@a.example:>", "<@a.example x@next.example>", "<@:x@next.example>", "<x@next.example> <y@next.example>", "<\"x\\\"@next.example>"):
    rcpt(f"RCPT TO:{argument}", ADDRESS, argument, ("501", "553", "550", "500", "555"))
for argument in (" <x@next.example>", "<x@NEXT.example>", "<x@next.example.>", "<x%y@next.example>", "<\"\"@next.example>", "<x!y@next.example>"):
    rcpt(f"RCPT TO:{argument!r}", ADDRESS, argument, ("250", "501", "550", "553"), level="MAY")
for argument in ("<x@nowhere.example>", "<x@127.0.0.1>", "<x@[127.0.0.1]>", "<x@[IPv6:::1]>", "<x@sub.next.example>", "<x@next.example.evil.example>", "<x%nowhere.example@nowhere.example>", "<nobody@table.example>"):
    rcpt(f"no relay for {argument}", "5321 3.6.2", argument, ("550", "554", "501"))
for argument in ("<postmaster>", "<Postmaster>", "<POSTMASTER>", "<postmaster@table.example>", "<PostMaster@table.example>", "<postmaster@next.example>"):
    rcpt(f"RCPT TO:{argument}", "5321 4.5.1", argument, "250")
rcpt("postmaster for the null sender", "5321 4.5.1", "<postmaster>", "250", start=b"MAIL FROM:<>\r\n")
rcpt("a recipient of the table", "5321 3.3", "<known@table.example>", "250")
rcpt("two recipients in one RCPT", ADDRESS, b"<x@next.example><y@next.example>", ("501", "553", "555", "500"))
rcpt("8-bit without SMTPUTF8", "6531 3.5", "<\xc3\xbc@next.example>", ("550", "553", "501"))
mail("8-bit sender without SMTPUTF8", "6531 3.5", "<\xc3\xbc@client.example>", ("550", "553", "501"))
mail("UTF-8 sender", "6531 3.4", "<\xc3\xbc@client.example> SMTPUTF8", "250")
mail("UTF-8 domain", "6531 3.4", "<a@b\xc3\xbccher.example> SMTPUTF8", "250")
for name, octets in (("a lone octet", "\xfc"), ("an overlong slash", "\xc0\xaf"), ("a surrogate", "\xed\xa0\x80"), ("a cut sequence", "\xe2\x82"), ("beyond Unicode", "\xf4\x90\x80\x80")):
    mail(f"no UTF-8: {name}", "6531 3.3", f"<a{octets}@client.example> SMTPUTF8", ("501", "553", "550", "500"))
rcpt("UTF-8 recipient", "6531 3.3", "<\xc3\xbc@next.example>", "250", start=b"MAIL FROM:<{s}> SMTPUTF8\r\n")
case("UTF-8 reaches a next hop that wants it", "6531 3.4", (b"MAIL FROM:<{s}> SMTPUTF8 BODY=8BITMIME\r\n", "250"), (b"RCPT TO:<\xc3\xbc@next.example>\r\n", "250"), (b"DATA\r\n", "354"), (b"Subject: \xc3\xbc\r\n\r\n\xc3\xbc\r\n.\r\n", "250"),
     arrives=b"Subject: \xc3\xbc\r\n\r\n\xc3\xbc\r\n", mail=rb" SMTPUTF8", rcpt=(rb"<\xc3\xbc@next\.example>",))
case("UTF-8 does not reach one that does not", "6531 3.2", (b"MAIL FROM:<{s}> SMTPUTF8\r\n", "250"), (b"RCPT TO:<\xc3\xbc@plain.example>\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"))

# --- parameters ---
PARAMETER = "5321 4.1.1.11"
for argument, codes, rfc in (
        ("SIZE=100", "250", "1870 6"), ("SIZE=0", "250", "1870 6"), ("size=100", "250", "1870 6"), ("SIZE=99999999", "552", "1870 6.1"), ("SIZE=2000000", "552", "1870 6.1"), ("SIZE=99999999999999999999", ("552", "501"), "1870 6.1"), ("SIZE=999999999999999999999999", ("501", "552"), "1870 6"),
        ("SIZE=", "501", "1870 6"), ("SIZE", "501", "1870 6"), ("SIZE=x", "501", "1870 6"), ("SIZE=-1", "501", "1870 6"), ("SIZE=+1", "501", "1870 6"), ("SIZE=1 SIZE=2", "501", PARAMETER), ("SIZE=1.5", "501", "1870 6"), ("SIZE=0x10", "501", "1870 6"),
        ("BODY=7BIT", "250", "6152 2"), ("BODY=8BITMIME", "250", "6152 2"), ("body=8bitmime", "250", "6152 2"), ("BODY=BINARYMIME", "250", "3030 3"), ("BODY=", "501", "6152 2"), ("BODY", "501", "6152 2"), ("BODY=x", "501", "6152 2"), ("BODY=7BIT BODY=8BITMIME", "501", PARAMETER),
        ("SMTPUTF8", "250", "6531 3.4"), ("SMTPUTF8=x", "501", "6531 3.4"), ("SMTPUTF8 SMTPUTF8", ("501", "250"), PARAMETER), ("FOO", "555", PARAMETER), ("FOO=bar", "555", PARAMETER), ("X-FOO=bar", "555", PARAMETER), ("=x", ("501", "555"), PARAMETER), ("SIZE=100 FOO", "555", PARAMETER),
        ("FOO SIZE=100", "555", PARAMETER), ("SIZE=100 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a", "250", PARAMETER), ("MT-PRIORITY=3", "555", "6710 4"), ("BY=120;R", "555", "2852 4"), ("HOLDFOR=60", "555", "4865 4"), ("CONPERM", ("555", "501"), "4141 3"), ("TRANSID=<a@b>", ("555", "501"), "1845 3"),
        ("SUBMITTER=a@b.example", "555", PARAMETER), ("NOTIFY=NEVER", ("555", "501"), "3461 4"), ("ORCPT=rfc822;a@b.example", ("555", "501"), "3461 4"), ("RET=FULL", "250", "3461 4.3"), ("RET=HDRS", "250", "3461 4.3"), ("RET=hdrs", "250", "3461 4.3"), ("RET=x", "501", "3461 4.3"), ("RET=", "501", "3461 4.3"),
        ("RET", "501", "3461 4.3"), ("RET=FULL RET=HDRS", "501", "3461 4.3"), ("ENVID=abc", "250", "3461 4.4"), ("ENVID=a+2Bb", "250", "3461 4.4"), ("ENVID=a+2", "501", "3461 4.4"), ("ENVID=a+GGb", "501", "3461 4.4"), ("ENVID=a=b", "501", "3461 4.4"), ("ENVID=", "501", "3461 4.4"),
        ("ENVID=" + "a" * 101, "501", "3461 4.4"), ("ENVID=" + "a" * 100, "250", "3461 4.4"), ("ENVID=a ENVID=b", "501", "3461 4.4"), ("ENVID=a+0Ab", ("501", "250"), "3461 4.4"), ("REQUIRETLS", NO, "8689 2"), ("SIZE =5", ("501", "555"), PARAMETER), ("SIZE= 5", ("501", "555"), PARAMETER), (" SIZE=5", ("250", "501"), PARAMETER),
        ("SIZE=5\tBODY=7BIT", ("501", "250", "500"), PARAMETER), ("SIZE=\x005", BAD, PARAMETER), ("BODY=\xfc", ("501", "500"), PARAMETER), ("AUTH=<>", ("250", "501", "555"), "4954 5"), ("AUTH=", ("501", "555"), "4954 5")):
    mail(f"MAIL with {argument[:40]!r} ({len(argument)})", rfc, f"<{{s}}> {argument}", codes)
for argument, codes in (("NOTIFY=NEVER", "250"), ("NOTIFY=SUCCESS", "250"), ("NOTIFY=SUCCESS,FAILURE,DELAY", "250"), ("notify=never", "250"), ("NOTIFY=NEVER,FAILURE", "501"), ("NOTIFY=FAILURE,NEVER", "501"), ("NOTIFY=x", "501"), ("NOTIFY=", "501"), ("NOTIFY", "501"), ("NOTIFY=,", "501"), ("NOTIFY=SUCCESS,", "501"),
                        ("NOTIFY=NEVER NOTIFY=NEVER", "501"), ("NOTIFY=SUCCESS,SUCCESS", ("501", "250")), ("ORCPT=rfc822;a@b.example", "250"), ("ORCPT=rfc822;a+2Bb@b.example", "250"), ("ORCPT=x", "501"), ("ORCPT=", "501"), ("ORCPT=;a", "501"), ("ORCPT=rfc822;", ("501", "250")), ("ORCPT=rfc822;a+zz", "501"),
                        ("ORCPT=rfc822;a=b", "501"), ("ORCPT=rfc822;" + "a" * 600, "501"), ("ORCPT=rfc822;a ORCPT=rfc822;b", "501"), ("ORCPT=utf-8;\\x{FC}@b.example", ("250", "501")), ("SIZE=5", "555"), ("RET=FULL", ("555", "501")), ("FOO=bar", "555"), ("BODY=8BITMIME", "555"), ("=", ("501", "555"))):
    rcpt(f"RCPT with {argument[:40]!r}", "3461 4", f"<x@next.example> {argument}", codes)
case("DSN parameters reach the next hop", "3461 5.2", (b"MAIL FROM:<{s}> RET=HDRS ENVID=e+2Bv\r\n", "250"), (b"RCPT TO:<x@next.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+2Bx@b.example\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"),
     arrives=SIMPLE, mail=rb"(?=.* RET=HDRS)(?=.* ENVID=e\+2Bv)", rcpt=(rb"(?=.* NOTIFY=(FAILURE,DELAY|DELAY,FAILURE))(?=.* ORCPT=rfc822;o\+2Bx@b\.example)",))
case("DSN parameters do not reach one that does not know them", "3461 5.2.1", (b"MAIL FROM:<{s}> RET=HDRS ENVID=e\r\n", "250"), (b"RCPT TO:<x@plain.example> NOTIFY=FAILURE ORCPT=rfc822;o@b.example\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"),
     arrives=SIMPLE, mail=rb"^MAIL FROM:<[^>]*>$", rcpt=(rb"^RCPT TO:<x@plain\.example>$",))
case("HELO, and parameters all the same", "5321 4.1.1.1", (b"HELO client.example\r\n", "250"), (b"MAIL FROM:<{s}> SIZE=5\r\n", ("250", "501", "504", "555")), hello=False, level="MAY")
case("101 recipients", "5321 4.5.3.1.10", (FROM, "250"), *[(b"RCPT TO:<x%d@next.example>\r\n" % n, "250") for n in range(100)], (b"RCPT TO:<x100@next.example>\r\n", "452"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"),
     arrives=SIMPLE, rcpt=tuple(rb"<x%d@next\.example>" % n for n in range(100)))
case("the same recipient twice: one copy", "5321 4.1.1.3", (FROM, "250"), (TO, "250"), (TO, "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("the null sender reaches the next hop", "5321 4.5.5", (b"MAIL FROM:<>\r\n", "250"), (b"RCPT TO:<null@next.example>\r\n", "250"), (b"DATA\r\n", "354"), (SIMPLE + b".\r\n", "250"))

# --- content ---
CONTENT = "5321 4.5.2"
message("a message", CONTENT, SIMPLE)
message("an empty message", CONTENT, b"")
message("no header, no empty line", CONTENT, b"hello\r\n")
message("only an empty line", CONTENT, b"\r\n")
message("a line of two dots", CONTENT, b"Subject: x\r\n\r\n..\r\n", b"Subject: x\r\n\r\n.\r\n")
message("a line that begins with a dot", CONTENT, b"Subject: x\r\n\r\n..a\r\n...b\r\n", b"Subject: x\r\n\r\n.a\r\n..b\r\n")
message("a dot that was not doubled is taken off", CONTENT, b"Subject: x\r\n\r\n.a\r\n", b"Subject: x\r\n\r\na\r\n")
message("the first line begins with a dot", CONTENT, b"..a\r\n", b".a\r\n")
message("dots elsewhere", CONTENT, b"a.\r\na..\r\n a.\r\n .\r\n. .\r\n", b"a.\r\na..\r\n a.\r\n .\r\n .\r\n")
for name, size in (("one octet", 1), ("two octets", 2), ("three octets", 3), ("seven octets", 7)):
    whole = b"Subject: x\r\n\r\n..\r\n...a\r\nb\r\n\r\n..\r\n"
    message(f"dots in segments of {name}", CONTENT, [whole[at:at + size] for at in range(0, len(whole), size)], b"Subject: x\r\n\r\n.\r\n..a\r\nb\r\n\r\n.\r\n")
for name, parts in (("CR|LF.CRLF", [SIMPLE[:-1], b"\n"]), ("CRLF|.", [SIMPLE]), ("before the last line", [SIMPLE[:-4], SIMPLE[-4:]])):
    message(f"the end in segments: {name}", CONTENT, parts)
case("the end in single octets", CONTENT, (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), ([SIMPLE, b"\r", b"\n", b".", b"\r", b"\n"], "250"), arrives=SIMPLE + b"\r\n")
case("the end in single octets, and a dot line before it", CONTENT, (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), ([SIMPLE, b".", b".", b"\r", b"\n", b".", b"\r", b"\n"], "250"), arrives=SIMPLE + b".\r\n")
for name, content in (("8-bit octets that nobody announced", b"Subject: x\r\n\r\n\xe9\xff\x80\r\n"), ("a line of 998 octets", b"Subject: x\r\n\r\n" + b"a" * 998 + b"\r\n"), ("tabs and spaces at the end of lines", b"Subject: x \t\r\n\r\na \t \r\n \r\n\t\r\n"), ("many empty lines", b"\r\n" * 50),
                      ("every printable octet", b"Subject: x\r\n\r\n" + bytes(range(32, 127)) + b"\r\n"), ("control characters", b"Subject: x\r\n\r\na" + bytes(c for c in range(1, 32) if c not in (10, 13)) + b"\x7f\r\n"), ("500,000 octets", b"Subject: x\r\n\r\n" + (b"a" * 70 + b"\r\n") * 7000),
                      ("header fields that are odd", b"subject : x\r\nA\r\n: b\r\n\r\nx\r\n"), ("Bcc", b"Bcc: y@next.example\r\nSubject: x\r\n\r\nx\r\n"), ("Return-Path", b"Return-Path: <other@client.example>\r\nSubject: x\r\n\r\nx\r\n"), ("folded fields", b"Subject: a\r\n b\r\n\tc\r\n\r\nx\r\n")):
    message(f"relayed as it is: {name}", "5321 2.3.8", content)
    message(f"relayed as it is to a plain next hop: {name}", "5321 2.3.8", content, to=PLAIN)
for size in (999, 1000, 2000, 10000, 100000):
    # 5321 4.5.3.1.6: 1,000 with CRLF. Longer ones are taken and relayed as they are, as Postfix, Exim and Sendmail do.
    message(f"a line of {size} octets", "5321 4.5.3.1.6", b"Subject: x\r\n\r\n" + b"a" * size + b"\r\n", level="MAY")
message("a NUL: relayed or refused", "5321 4.5.2", b"Subject: x\r\n\r\na\x00b\r\n", codes=("250", "550", "554"), arrives=b"Subject: x\r\n\r\na\x00b\r\n", level="MAY")
message("content that is too large", "1870 6.3", b"Subject: x\r\n\r\n" + (b"a" * 70 + b"\r\n") * 20000, None, "552")
message("60 Received fields", "5321 6.3", b"Received: from a by b; Fri, 1 Jan 2026 00:00:00 +0000\r\n" * 120 + SIMPLE, None, "554")
message("120 Received fields, folded, in small letters", "5321 6.3", b"received: from a\r\n\tby b;\r\n Fri, 1 Jan 2026 00:00:00 +0000\r\n" * 120 + SIMPLE, None, "554")
message("120 Received lines in the text", "5321 6.3", SIMPLE + b"Received: from a by b; Fri, 1 Jan 2026 00:00:00 +0000\r\n" * 120)
message("20 Received fields", "5321 6.3", b"Received: from a by b; Fri, 1 Jan 2026 00:00:00 +0000\r\n" * 20 + SIMPLE)
message("fields that only look like Received", "5321 6.3", b"X-Received: a\r\nReceived-SPF: pass\r\n" * 60 + SIMPLE)

# --- smuggling: only CRLF . CRLF ends the content, and nothing else is passed on that a next hop could take for the end ---
SMUGGLE = "5321 4.1.1.4"
for name, end in (("LF . LF", b"\n.\n"), ("LF . CRLF", b"\n.\r\n"), ("CRLF . LF", b"\r\n.\n"), ("CR . CR", b"\r.\r"), ("CR . CRLF", b"\r.\r\n"), ("CRLF . CR", b"\r\n.\r"), ("LF . CR", b"\n.\r"), ("CR . LF", b"\r.\n"), ("CR LF . CR CR LF", b"\r\n.\r\r\n"), ("LF CR . CRLF", b"\n\r.\r\n"), ("CRLF . LF CR", b"\r\n.\n\r"),
                  ("CR CR LF . CRLF", b"\r\r\n.\r\n"), ("LF . LF twice", b"\n.\n\n.\n"), ("LF LF . LF LF", b"\n\n.\n\n"), ("CRLF LF . CRLF", b"\r\n\n.\r\n")):
    whole = b"Subject: x\r\n\r\nhello" + end + EVIL
    if end.endswith(b"\n.\r\n") and b"\r\n.\r\n" in end:
        # The end is a real one; only what is before it is malformed. What follows are commands of their own: two replies for
        # MAIL and RCPT, and the content of a message that nobody can object to.
        continue
    for kind, octets in (("", whole), (", in single octets", [bytes([c]) for c in whole])):
        case(f"smuggling by {name}{kind}", SMUGGLE, (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), ([*octets, b"\r\n.\r\n"] if isinstance(octets, list) else octets + b"\r\n.\r\n", NO), (b"NOOP\r\n", "250"))
for name, end in (("a NUL before the dot", b"\r\n\x00.\r\n"), ("a NUL behind the dot", b"\r\n.\x00\r\n"), ("a space before the dot", b"\r\n .\r\n"), ("a space behind the dot", b"\r\n. \r\n"), ("a form feed", b"\x0c.\x0c"), ("NEL", b"\x85.\x85"), ("a line separator", b"\xe2\x80\xa8.\xe2\x80\xa8"), ("a vertical tab", b"\x0b.\x0b")):
    content = b"Subject: x\r\n\r\nhello" + end + b"MAIL FROM:<evil@client.example>\r\n"
    case(f"no end: {name}", SMUGGLE, (FROM, "250"), (TO, "250"), (b"DATA\r\n", "354"), (content + b".\r\n", ("250", "5")), (b"NOOP\r\n", "250"),
         arrives=content.replace(b"\r\n.", b"\r\n") if b"\r\n." in end else content, level="MAY" if b"\x00" in end else "MUST")
message("bare LF in a field", "5321 2.3.8", b"Subject: a\nBcc: evil@next.example\r\n\r\nx\r\n", None, NO)
message("bare CR in a field", "5321 2.3.8", b"Subject: a\rBcc: evil@next.example\r\n\r\nx\r\n", None, NO)
message("bare LF at the begin", "5321 2.3.8", b"\nSubject: a\r\n\r\nx\r\n", None, NO)
message("bare CR at the end", "5321 2.3.8", b"Subject: a\r\n\r\nx\r\r\n", None, NO)
message("LF throughout", "5321 2.3.8", b"Subject: a\n\nx\n\r\n", None, NO)
message("CR and LF in segments of their own are no bare ones", "5321 2.3.8", [b"Subject: a\r", b"\n\r", b"\nx\r", b"\n"], b"Subject: a\r\n\r\nx\r\n")
message("a bare CR across segments", "5321 2.3.8", [b"Subject: a\r", b"b\r\n\r\nx\r\n"], None, NO)

# --- 2920: pipelining ---
PIPE = "2920 3.1"
case("a group", PIPE, (FROM + TO + b"DATA\r\n", "250", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("a group in single octets", PIPE, ([bytes([c]) for c in FROM.replace(b"{s}", b"other@client.example") + b"RSET\r\n"], "250", "250"))
case("a group with a refused recipient", PIPE, (FROM + b"RCPT TO:<x@nowhere.example>\r\n" + TO + b"DATA\r\n", "250", "550", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE, rcpt=(rb"<x@next",))
case("a group whose recipients are all refused", PIPE, (FROM + b"RCPT TO:<x@nowhere.example>\r\nRCPT TO:<>\r\nDATA\r\n", "250", "550", ("501", "553", "550"), ("503", "554")))
case("a group whose sender is refused", PIPE, (b"MAIL FROM:<a..b@client.example>\r\n" + TO + b"DATA\r\n", ("501", "553"), "503", ("503", "554")))
case("RSET and a group", PIPE, (b"RSET\r\n" + FROM + TO + b"DATA\r\n", "250", "250", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("the end, RSET and a group", PIPE, (FROM + TO + b"DATA\r\n", "250", "250", "354"), (b"a\nb\r\n.\r\nRSET\r\n" + FROM + TO + b"DATA\r\n", NO, "250", "250", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("the end and QUIT", PIPE, (FROM + TO + b"DATA\r\n", "250", "250", "354"), (SIMPLE + b".\r\nQUIT\r\n", "250", "221"), arrives=SIMPLE, closed=True)
case("two messages, piece by piece", PIPE, (FROM + TO + b"DATA\r\n", "250", "250", "354"), (SIMPLE + b".\r\nMAIL FROM:<>\r\n" + TO + b"DATA\r\n", "250", "250", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("content before the go-ahead", PIPE, (FROM + TO + b"DATA\r\n" + SIMPLE + b".\r\n", "250", "250", "5"), CLOSED, level="SHOULD", apart=False)
case("content before a refused DATA is no command", PIPE, (b"DATA\r\nQUIT\r\n", ("503", "554"), ("221",)), CLOSED, level="MAY", apart=False)
case("QUIT in the middle", PIPE, (b"NOOP\r\nQUIT\r\n" + FROM + TO, "250", "221"), CLOSED)
case("QUIT, and half a command", PIPE, (b"QUIT\r\nMAI", "221"), CLOSED)
case("EHLO and more in one piece", PIPE, (b"EHLO client.example\r\nNOOP\r\n", "250", "250"), hello=False, level="MAY")
case("100 NOOP at once", PIPE, (b"NOOP\r\n" * 100, *["250"] * 100))
case("unknown commands in a group", PIPE, (b"FOO\r\nNOOP\r\nBAR\r\n" + FROM, "500", "250", "500", "250"))
case("talking before the greeting is over is no error here", "5321 3.1", (b"NOOP\r\n", "250"), hello=False, level="MAY")

# --- 3030: BDAT ---
CHUNK = "3030 2"
case("one chunk", CHUNK, (FROM + TO, "250", "250"), (b"BDAT %d LAST\r\n" % len(SIMPLE) + SIMPLE, "250"), arrives=SIMPLE)
case("one chunk to a plain next hop", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT %d LAST\r\n" % len(SIMPLE) + SIMPLE, "250"), arrives=SIMPLE)
case("three chunks", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nSubje", "250"), (b"BDAT 6\r\nct: x\r", "250"), (b"BDAT 10 LAST\r\n\n\r\nhello\r\n", "250"), arrives=b"Subject: x\r\n\r\nhello\r\n")
case("chunks in one piece with all else", CHUNK, (FROM + TO + b"BDAT 12\r\nSubject: x\r\nBDAT 9 LAST\r\n\r\nhello\r\n", "250", "250", "250", "250"), arrives=SIMPLE)
case("chunks in single octets", CHUNK, (FROM + TO, "250", "250"), ([bytes([c]) for c in b"BDAT 12\r\nSubject: x\r\nBDAT 9 LAST\r\n\r\nhello\r\n"], "250", "250"), arrives=SIMPLE)
case("an empty last chunk", CHUNK, (FROM + TO, "250", "250"), (b"BDAT %d\r\n" % len(SIMPLE) + SIMPLE, "250"), (b"BDAT 0 LAST\r\n", "250"), arrives=SIMPLE)
case("an empty chunk in the middle", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 0\r\nBDAT 21 LAST\r\n" + SIMPLE, "250", "250"), arrives=SIMPLE)
case("nothing but an empty last chunk", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 0 LAST\r\n", "250"), arrives=b"")
case("small letters", CHUNK, (FROM + TO, "250", "250"), (b"bdat 21 last\r\n" + SIMPLE, "250"), arrives=SIMPLE)
case("a chunk that is an end and more commands", CHUNK, (FROM + TO, "250", "250"), (b"BDAT %d LAST\r\n" % (5 + len(EVIL)) + b"\r\n.\r\n" + EVIL, "250"), arrives=b"\r\n.\r\n" + EVIL)
case("a chunk that is an end and more commands, to a plain next hop", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT %d LAST\r\n" % (5 + len(EVIL)) + b"\r\n.\r\n" + EVIL, "250"), arrives=b"\r\n.\r\n" + EVIL)
case("an end across two chunks, to a plain next hop", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT 4\r\na\r\n.", "250"), (b"BDAT %d LAST\r\n" % (2 + len(EVIL)) + b"\r\n" + EVIL, "250"), arrives=b"a\r\n.\r\n" + EVIL)
case("dots are not doubled in chunks", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT 8 LAST\r\n.\r\n..a\r\n", "250"), arrives=b".\r\n..a\r\n")
# What is not BINARYMIME is text, whose last line has its CRLF wherever it goes next (so does Postfix).
case("a chunk that does not end a line", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5 LAST\r\nhello", "250"), arrives=b"hello\r\n")
case("a chunk that does not end a line, to a plain next hop, which needs CRLF", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT 5 LAST\r\nhello", "250"), arrives=b"hello\r\n")
case("bare LF in a chunk", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 4 LAST\r\na\nb\n", NO), (b"NOOP\r\n", "250"))
case("bare CR at the end of the last chunk", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 2 LAST\r\na\r", NO), (b"NOOP\r\n", "250"))
case("LF . LF in a chunk", CHUNK, (FROM + PLAIN, "250", "250"), (b"BDAT %d LAST\r\n" % (4 + len(EVIL)) + b"a\n.\n" + EVIL, NO))
case("CR at the end of a chunk and no LF in the next", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 2\r\na\r", ("250", "5")), (b"BDAT 2 LAST\r\nb\n", NO))
case("binary content in chunks", "3030 3", (b"MAIL FROM:<{s}> BODY=BINARYMIME\r\n" + TO, "250", "250"), (b"BDAT 264 LAST\r\nA: b\r\n\r\n" + bytes(range(256)), "250"), arrives=b"A: b\r\n\r\n" + bytes(range(256)), mail=rb"BODY=BINARYMIME")
case("binary content, which a plain next hop may not get", "3030 3", (b"MAIL FROM:<{s}> BODY=BINARYMIME\r\n" + PLAIN, "250", "250"), (b"BDAT 264 LAST\r\nA: b\r\n\r\n" + bytes(range(256)), "250"))
case("binary content and DATA", "3030 3", (b"MAIL FROM:<{s}> BODY=BINARYMIME\r\n" + TO, "250", "250"), (b"DATA\r\n", ("503", "554", "501")))
case("BDAT before RCPT: its octets are no commands", CHUNK, (FROM, "250"), (b"BDAT 6 LAST\r\nQUIT\r\n", ("503", "554")), (b"NOOP\r\n", "250"))
case("BDAT before MAIL: its octets are no commands", CHUNK, (b"BDAT 6 LAST\r\nQUIT\r\n", "503"), (b"NOOP\r\n", "250"))
case("BDAT when all recipients were refused: its octets are no commands", CHUNK, (FROM, "250"), (b"RCPT TO:<x@nowhere.example>\r\n", "550"), (b"BDAT 6 LAST\r\nQUIT\r\n", ("503", "554")), (b"NOOP\r\n", "250"))
case("BDAT after the last one: its octets are no commands", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 21 LAST\r\n" + SIMPLE, "250"), (b"BDAT 6 LAST\r\nQUIT\r\n", "503"), (b"NOOP\r\n", "250"), arrives=SIMPLE)
case("DATA after BDAT", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (b"DATA\r\n", "503"))
case("RCPT after BDAT", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (TO, "503"))
case("MAIL after BDAT", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (FROM, "503"))
case("RSET after BDAT", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (b"RSET\r\n", "250"), (b"BDAT 6 LAST\r\nQUIT\r\n", "503"))
case("EHLO after BDAT", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (b"EHLO client.example\r\n", "250"), (b"BDAT 0 LAST\r\n", "503"))
case("NOOP between chunks", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 12\r\nSubject: x\r\n", "250"), (b"NOOP\r\n", "250"), (b"BDAT 9 LAST\r\n\r\nhello\r\n", "250"), arrives=SIMPLE)
case("QUIT between chunks", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 5\r\nhello", "250"), (b"QUIT\r\n", "221"), closed=True)
for line in ("BDAT", "BDAT ", "BDAT x", "BDAT LAST", "BDAT 0 FOO", "BDAT 0 LAST LAST", "BDAT 0 LASTX"):
    case(f"{line!r}", CHUNK, (FROM + TO, "250", "250"), (line.encode() + b"\r\n", "501"))
case("BDAT with a size and more: its octets are no commands", CHUNK, (FROM + TO, "250", "250"), (b"BDAT 6 FOO\r\nQUIT\r\n", "501"), (b"NOOP\r\n", "250"))
for line in ("BDAT -1", "BDAT +5", "BDAT 5x", "BDAT 0x5", "BDAT 0LAST", "BDAT 1.5", "BDAT 99999999999999999999999 LAST"):
    # After a size that cannot be read nobody knows where the octets end, so that the session ends (as with Postfix).
    case(f"{line!r}", CHUNK, (FROM + TO, "250", "250"), (line.encode() + b"\r\n", ("501", "552")), closed=True)
case("chunks that are too large together", "1870 6.3", (FROM + TO, "250", "250"), (b"BDAT 700000\r\n" + b"a" * 699998 + b"\r\n", "250"), (b"BDAT 700000 LAST\r\n" + b"a" * 699998 + b"\r\n", "552"), (b"NOOP\r\n", "250"))
case("a chunk that is too large: its octets are no commands", "1870 6.3", (FROM + TO, "250", "250"), (b"BDAT 1500000 LAST\r\n" + b"QUIT\r\n" * 250000, "552"), (b"NOOP\r\n", "250"))
case("Received loop in chunks", "5321 6.3", (FROM + TO, "250", "250"), (b"BDAT %d LAST\r\n" % (16 * 120 + len(SIMPLE)) + b"Received: a; b\r\n" * 120 + SIMPLE, "554"))

# --- 3207: STARTTLS ---
SECURE = "3207 4"
case("STARTTLS with an argument", SECURE, (b"STARTTLS x\r\n", "501"))
case("STARTTLS, and then as if nothing had been said", "3207 4.2", (FROM, "250"), (b"STARTTLS\r\n", "220"), TLS, (b"MAIL FROM:<{s}>\r\n", "503"), (b"EHLO client.example\r\n", "250"), (TO, "503"))
case("STARTTLS twice", SECURE, (b"STARTTLS\r\n", "220"), TLS, (b"EHLO client.example\r\n", "250"), (b"STARTTLS\r\n", ("503", "500", "502", "554")))
case("a message over TLS", SECURE, (b"STARTTLS\r\n", "220"), TLS, (b"EHLO client.example\r\n", "250"), (FROM + TO + b"DATA\r\n", "250", "250", "354"), (SIMPLE + b".\r\n", "250"), arrives=SIMPLE)
case("REQUIRETLS over TLS", "8689 2", (b"STARTTLS\r\n", "220"), TLS, (b"EHLO client.example\r\n", "250"), (b"MAIL FROM:<{s}> REQUIRETLS\r\n", "250"))

# --- 4954: AUTH, on a port of submission ---
LOGIN = "4954 4"
GOOD = base64.b64encode(b"\0user@home.example\0secret pass phrase")
WRONG = base64.b64encode(b"\0user@home.example\0wrong")
case("MAIL without a login", "4954 6", (b"MAIL FROM:<user@home.example>\r\n", "530"), secure=True)
case("a login", LOGIN, (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), (b"MAIL FROM:<user@home.example>\r\n", "250"), secure=True)
case("a login in small letters", LOGIN, (b"auth plain " + GOOD + b"\r\n", "235"), secure=True)
case("a login in two steps", LOGIN, (b"AUTH PLAIN\r\n", "334"), (GOOD + b"\r\n", "235"), secure=True)
case("a login by LOGIN", LOGIN, (b"AUTH LOGIN\r\n", "334"), (base64.b64encode(b"user@home.example") + b"\r\n", "334"), (base64.b64encode(b"secret pass phrase") + b"\r\n", "235"), secure=True)
case("a second login", LOGIN, (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), (b"AUTH PLAIN " + GOOD + b"\r\n", "503"), secure=True)
case("a login in a transaction", LOGIN, (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), (b"MAIL FROM:<user@home.example>\r\n", "250"), (b"AUTH PLAIN " + GOOD + b"\r\n", "503"), secure=True)
case("a wrong password", "4954 6", (b"AUTH PLAIN " + WRONG + b"\r\n", "535"), (b"MAIL FROM:<user@home.example>\r\n", "530"), secure=True)
case("cancelled", LOGIN, (b"AUTH PLAIN\r\n", "334"), (b"*\r\n", "501"), (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), secure=True)
case("cancelled in the middle of LOGIN", LOGIN, (b"AUTH LOGIN\r\n", "334"), (b"dQ==\r\n", "334"), (b"*\r\n", "501"), secure=True)
for value in (b"!", b"AA", b"A===", b"AAAA=AAA", b"AAAA====", b"\xfc", b"AAA A", b"="):
    case(f"no base64: {value!r}", LOGIN, (b"AUTH PLAIN " + value + b"\r\n", ("501", "535", "500")), secure=True)
    case(f"no base64 in the second step: {value!r}", LOGIN, (b"AUTH PLAIN\r\n", "334"), (value + b"\r\n", ("501", "535", "500")), secure=True)
case("an empty second step", LOGIN, (b"AUTH PLAIN\r\n", "334"), (b"\r\n", ("501", "535")), secure=True)
case("no mechanism", LOGIN, (b"AUTH\r\n", "501"), secure=True)
case("an unknown mechanism", LOGIN, (b"AUTH CRAM-MD5\r\n", "504"), secure=True)
case("a mechanism that is none", LOGIN, (b"AUTH =\r\n", ("501", "504")), secure=True)
case("too many arguments", LOGIN, (b"AUTH PLAIN " + GOOD + b" x\r\n", ("501", "535")), secure=True)
for name, value in (("no NUL", b"user"), ("one NUL", b"user\0x"), ("three NUL", b"\0user@home.example\0x\0"), ("nobody", b"\0\0x"), ("no password", b"\0user@home.example\0"), ("in another's name", b"other@home.example\0user@home.example\0secret pass phrase"), ("no UTF-8", b"\0\xff\xfe\0x")):
    case(f"a PLAIN message with {name}", "4616 2", (b"AUTH PLAIN " + base64.b64encode(value) + b"\r\n", ("501", "535")), secure=True)
case("a response of 13,000 octets", LOGIN, (b"AUTH PLAIN\r\n", "334"), (b"A" * 13000 + b"\r\n", ("500", "501", "535")), secure=True)
case("a command where a response is due is a response", LOGIN, (b"AUTH PLAIN\r\n", "334"), (b"MAIL FROM:<user@home.example>\r\n", ("501", "535", "500")), (b"MAIL FROM:<user@home.example>\r\n", "530"), secure=True)
case("in another's name", "6409 6.1", (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), (b"MAIL FROM:<other@home.example>\r\n", ("553", "550")), secure=True)
case("AUTH= with a login", "4954 5", (b"AUTH PLAIN " + GOOD + b"\r\n", "235"), (b"MAIL FROM:<user@home.example> AUTH=<>\r\n", ("250", "501", "555")), secure=True)

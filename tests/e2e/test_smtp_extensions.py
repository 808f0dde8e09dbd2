"""ESMTP extensions, submission, trusted proxies, LMTP and TLS to next hops, with real peers where there are any."""
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile

import pytest

from harness import Process, free_port, wait_until
from mail_hop import Hop, make_certificate
from mail_peers import Talk
from test_smtp import GO, add_user, site, wait_empty

CERTIFICATE = '\n[[certificate]]\nself_signed = true\nnames = ["mx.example"]\n'
ALL = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "SIZE 0", "ENHANCEDSTATUSCODES"]


@pytest.fixture
def hop():
    started = []

    def make(*args, **more):
        started.append(Hop(*args, **more))
        return started[-1]
    yield make
    for one in started:
        one.stop()


def envelope(talk, mail, *rcpts):
    talk.say("EHLO client.example")
    assert talk.say(mail).startswith("250"), mail
    for rcpt in rcpts:
        assert talk.say(rcpt).startswith("250"), rcpt


def content(talk, octets=GO):
    assert talk.say("DATA").startswith("354")
    talk.send(octets)
    return talk.say(".")


# --- parameters on their way ------------------------------------------------------------------------------------------------

def test_dsn_parameters_reach_a_next_hop_that_knows_them(genkan, hop):
    one, port = hop(ALL), free_port()
    genkan(site(port, [(one.port, 10)]))
    with Talk(port) as talk:
        envelope(talk, "MAIL FROM:<s@client.example> RET=HDRS ENVID=QQ+2B1",
                 "RCPT TO:<a@next.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40list.example", "RCPT TO:<b@next.example> NOTIFY=NEVER")
        assert content(talk).startswith("250")
    mail = one.wait()[0]
    assert "RET=HDRS" in mail.mail and "ENVID=QQ+2B1" in mail.mail
    assert mail.rcpts[0].endswith("NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40list.example")
    assert mail.rcpts[1].endswith("NOTIFY=NEVER")


def test_success_is_reported_when_the_next_hop_would_not(genkan, hop):
    one, back, port = hop(["PIPELINING", "8BITMIME"]), hop(), free_port()
    genkan(site(port, [(one.port, 10)]) + f"""
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """)
    with Talk(port) as talk:
        envelope(talk, "MAIL FROM:<s@client.example> ENVID=my+3Did", "RCPT TO:<a@next.example> NOTIFY=SUCCESS ORCPT=rfc822;x+40y.example")
        assert content(talk).startswith("250")
    report = back.wait()[0]
    text = report.content.decode()
    assert report.sender == "" and "s@client.example" in report.rcpts[0]
    assert "Action: relayed" in text and "Original-Recipient: rfc822; x@y.example" in text
    assert "Original-Envelope-Id: my=id" in text
    assert "report-type=delivery-status" in text


def test_a_failure_comes_back_as_a_report_and_the_null_sender_gets_none(genkan, hop):
    one, back, port = hop(answers={"RCPT": "550 5.1.1 no such user here"}), hop(), free_port()
    g = genkan(site(port, [(one.port, 10)]) + f"""
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """)
    with Talk(port) as talk:
        assert talk.message("a@next.example", GO + b"the text\r\n").startswith("250")
        assert talk.message("b@next.example", GO, sender="").startswith("250")
    text = back.wait()[0].content.decode()
    wait_empty(g)
    assert len(back.mails) == 1, "one report, none for the null sender"
    assert "Final-Recipient: rfc822; a@next.example" in text
    assert "Action: failed" in text and "Status: 5.1.1" in text and "Diagnostic-Code: smtp; 550 5.1.1 no such user here" in text
    assert "Auto-Submitted: auto-replied" in text and "the text" in text


def test_utf8_addresses_go_where_they_are_understood_and_fail_elsewhere(genkan, hop):
    knows, old, back, port = hop(ALL), hop(["8BITMIME"]), hop(ALL), free_port()
    genkan(site(port, [(knows.port, 10)]) + f"""
        [[smtp.route]]
        domains = ["old.example"]
        relay = "old"
        [[smtp.relay]]
        name = "old"
        [[smtp.relay.member]]
        address = "127.0.0.1:{old.port}"
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """)
    with Talk(port) as talk:
        envelope(talk, "MAIL FROM:<s@client.example> SMTPUTF8", "RCPT TO:<\u4f8b@next.example>", "RCPT TO:<\u4f8b@old.example>")
        assert content(talk, "Subject: \u4f8b\r\n\r\nx\r\n".encode()).startswith("250")
    mail = knows.wait()[0]
    assert " SMTPUTF8" in mail.mail and "\u4f8b@next.example" in mail.rcpts[0].encode("utf-8", "surrogateescape").decode()
    assert b"with UTF8SMTP id" in mail.content
    assert "5.6.7" in back.wait()[0].content.decode()
    assert not old.mails


def test_limits_of_the_next_hop_are_kept(genkan, hop):
    one, port = hop([*ALL, "LIMITS RCPTMAX=2 MAILMAX=3"]), free_port()
    g = genkan(site(port, [(one.port, 10)]))
    with Talk(port) as talk:
        assert "LIMITS RCPTMAX=1000" in talk.say("EHLO c.example")
        envelope(talk, "MAIL FROM:<s@client.example>", *[f"RCPT TO:<u{i}@next.example>" for i in range(9)])
        assert content(talk).startswith("250")
    mails = one.wait(5)
    wait_empty(g)
    assert sorted(len(m.rcpts) for m in mails) == [1, 2, 2, 2, 2]
    assert one.sessions == 2, "three messages of the first connection, two of the next"


def test_binary_content_goes_in_chunks_or_not_at_all(genkan, hop):
    knows, old, back, port = hop(ALL), hop(["PIPELINING", "8BITMIME", "CHUNKING"]), hop(), free_port()
    genkan(site(port, [(knows.port, 10)]) + f"""
        [[smtp.route]]
        domains = ["old.example"]
        relay = "old"
        [[smtp.relay]]
        name = "old"
        [[smtp.relay.member]]
        address = "127.0.0.1:{old.port}"
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """)
    octets = b"Subject: b\nX-Odd: \r!\r\n\r\n" + bytes(range(256)) * 2000
    with Talk(port) as talk:
        envelope(talk, "MAIL FROM:<s@client.example> BODY=BINARYMIME", "RCPT TO:<a@next.example>", "RCPT TO:<a@old.example>")
        talk.send(f"BDAT {len(octets)} LAST\r\n".encode() + octets)
        assert talk.reply().startswith("250")
    mail = knows.wait()[0]
    assert mail.by == "BDAT" and mail.own == octets and "BODY=BINARYMIME" in mail.mail
    report = back.wait()[0].content
    assert b"5.6.3" in report
    assert b"\0" not in report and not re.search(rb"(?<!\r)\n|\r(?!\n)", report), "the report has no stray CR, LF or NUL"
    assert not old.mails


# --- TLS ------------------------------------------------------------------------------------------------------------------

def tls_talk(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    talk = Talk.__new__(Talk)
    talk.socket, talk.buffer = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10)), b""
    assert talk.reply().startswith("220")
    return talk


def test_implicit_tls_from_the_first_octet(genkan, hop):
    one, port, tls_port = hop(), free_port(), free_port()
    genkan(site(port, [(one.port, 10)]) + f'[[smtp.listen]]\naddress = ["127.0.0.1:{tls_port}"]\nimplicit_tls = true\n' + CERTIFICATE)
    with tls_talk(tls_port) as talk:
        offer = talk.say("EHLO c.example")
        assert "STARTTLS" not in offer and "REQUIRETLS" in offer
        assert talk.message("u@next.example", GO).startswith("250")
    assert b"with ESMTPS id" in one.wait()[0].content


@pytest.mark.parametrize("mode,offered,name,arrives,secure", [
    ("off", True, "hop.example", True, False),
    ("opportunistic", True, "hop.example", True, True),
    ("opportunistic", False, "", True, False),
    ("required", True, "wrong.example", True, True),
    ("required", False, "", False, False),
    ("verified", True, "hop.example", True, True),
    ("verified", True, "wrong.example", False, False),
])
def test_tls_to_the_next_hop(genkan, hop, tmp_path, mode, offered, name, arrives, secure):
    context, pem = make_certificate(tmp_path)
    one, port = hop(ALL, tls=context if offered else None), free_port()
    routes = f'\ntls = "{mode}"\ntls_ca = "{pem}"\ntls_name = "{name}"\n'
    g = genkan(site(port, [(one.port, 10)]).replace('name = "next"\n', 'name = "next"' + routes))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    if arrives:
        assert one.wait()[0].tls == secure
    else:
        g.wait_log("cannot be reached.*TLS", 20)
        assert not one.mails and not one.said("MAIL")


def test_implicit_tls_to_the_next_hop(genkan, hop, tmp_path):
    context, pem = make_certificate(tmp_path)
    one, port = hop(ALL, tls=context, implicit=True), free_port()
    routes = f'\ntls = "verified"\nimplicit_tls = true\ntls_ca = "{pem}"\ntls_name = "hop.example"\n'
    genkan(site(port, [(one.port, 10)]).replace('name = "next"\n', 'name = "next"' + routes))
    with Talk(port) as talk:
        assert talk.message("u@next.example", GO).startswith("250")
    assert one.wait()[0].tls


@pytest.mark.parametrize("offers,verified,status", [(True, True, ""), (False, True, "5.7.30"), (True, False, "5.7.10")])
def test_requiretls_goes_only_over_verified_tls_to_who_promises_the_same(genkan, hop, tmp_path, offers, verified, status):
    context, pem = make_certificate(tmp_path)
    one, back, port = hop([*ALL, "REQUIRETLS"] if offers else ALL, tls=context), hop(), free_port()
    mode = f'\ntls = "{"verified" if verified else "required"}"\ntls_ca = "{pem}"\ntls_name = "hop.example"\n'
    genkan(site(port, [(one.port, 10)]).replace('name = "next"\n', 'name = "next"' + mode) + f"""
        [[smtp.route]]
        domains = ["client.example"]
        relay = "back"
        [[smtp.relay]]
        name = "back"
        [[smtp.relay.member]]
        address = "127.0.0.1:{back.port}"
    """ + CERTIFICATE)
    with Talk(port) as talk:
        talk.say("EHLO client.example")
        talk.start_tls()
        envelope(talk, "MAIL FROM:<s@client.example> REQUIRETLS", "RCPT TO:<a@next.example>")
        assert content(talk).startswith("250")
    if status:
        assert status in back.wait()[0].content.decode()
        assert not one.mails
    else:
        assert " REQUIRETLS" in one.wait()[0].mail


# --- who the client is -------------------------------------------------------------------------------------------------------

def submission_site(port, hop_port, tls_port=None):
    more = f'[[smtp.listen]]\naddress = ["127.0.0.1:{tls_port}"]\nimplicit_tls = true\nsubmission = true\n' if tls_port else ""
    return site(free_port(), [(hop_port, 10)], 'relay_for_others = "next"') + f"""
        [[smtp.route]]
        domains = ["home.example"]
        local = true
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        submission = true
        {more}
        [webmail]
        enabled = true
        domains = ["home.example"]
    """ + CERTIFICATE


def test_users_log_in_to_send_mail_anywhere_in_their_own_name(genkan, hop):
    one, port, tls_port = hop(), free_port(), free_port()
    g = genkan(submission_site(port, one.port, tls_port))
    add_user(g, "user@home.example")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, "c.example", timeout=20) as client:
        assert client.docmd("MAIL", "FROM:<user@home.example>")[0] in (503, 530)
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AHUAcA==")[0] == 538
        client.starttls(context=context)
        client.ehlo()
        assert client.docmd("MAIL", "FROM:<user@home.example>")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("user@home.example", "wrong")
        client.login("user@home.example", "secret pass phrase")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("other@home.example", ["x@anywhere.example"], GO)
        client.sendmail("user+tag@home.example", ["x@anywhere.example"], GO)
    mail = one.wait()[0]
    assert mail.sender == "user+tag@home.example" and b"with ESMTPSA id" in mail.content
    for mechanism in ("PLAIN", "LOGIN"):
        done = subprocess.run(["curl", "-sS", "-k", f"smtps://127.0.0.1:{tls_port}/c.example", "--login-options", f"AUTH={mechanism}", "-u",
                               "user@home.example:secret pass phrase", "--mail-from", "user@home.example", "--mail-rcpt",
                               "y@anywhere.example", "-T", "-"], input="Subject: curl\r\n\r\nx\r\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    one.wait(3)
    assert "secret pass phrase" not in g.log()


@pytest.mark.parametrize("lines,codes", [
    (["AUTH"], ["501"]), (["AUTH BOGUS"], ["504"]), (["AUTH PLAIN", "*"], ["334", "501"]), (["AUTH PLAIN", "!!!"], ["334", "501"]),
    (["AUTH PLAIN AAAA"], ["501"]), (["AUTH LOGIN", "dQ==", "*"], ["334", "334", "501"]), (["AUTH LOGIN", ""], ["334", "501"]),
    (["AUTH LOGIN dQ==", "cA=="], ["334", "535"]), (["AUTH PLAIN YQBiAGM="], ["535"]), (["AUTH PLAIN " + "A" * 3000], ["500"]),
    (["MAIL FROM:<u@home.example>"], ["530"]), (["AUTH PLAIN", "x" * 3000], ["334", "500"]),
])
def test_broken_logins(genkan, hop, lines, codes):
    port, tls_port = free_port(), free_port()
    genkan(submission_site(port, hop().port, tls_port))
    with tls_talk(tls_port) as talk:
        assert "AUTH PLAIN LOGIN" in talk.say("EHLO c.example")
        for line, code in zip(lines, codes):
            assert talk.say(line).startswith(code), line
        assert talk.say("VRFY x").startswith("252")


def test_a_proxy_that_is_trusted_says_who_the_client_is(genkan, hop):
    one, port = hop(), free_port()
    g = genkan(site(port, [(one.port, 10)], 'xclient_from = ["127.0.0.0/8"]\nrelay_from = ["192.0.2.0/24"]\nrelay_for_others = "next"'))
    done = subprocess.run(["swaks", "--server", f"127.0.0.1:{port}", "--xclient", "ADDR=192.0.2.7 NAME=real.example HELO=real.example",
                           "--from", "s@client.example", "--to", "x@anywhere.example"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    mail = one.wait()[0]
    assert b"[192.0.2.7]" in mail.content
    with Talk(port) as talk:
        talk.say("EHLO proxy.example")
        assert talk.say("XCLIENT ADDR=IPV6:2001:db8::7").startswith("220")
        assert talk.say("MAIL FROM:<s@client.example>").startswith("503"), "as if he had just connected"
        talk.say("EHLO real.example")
        assert talk.say("XCLIENT ADDR=192.0.2.7").startswith("550"), "the client himself is no proxy"
        assert talk.say("MAIL FROM:<s@client.example>").startswith("250")
        assert talk.say("RCPT TO:<x@anywhere.example>").startswith("550"), "that address may not send anywhere"
    with Talk(port) as talk:
        talk.say("EHLO proxy.example")
        assert talk.say("XCLIENT ADDR=nonsense").startswith("501")
        assert talk.say("XFORWARD ADDR=192.0.2.9 HELO=far.example").startswith("250")
        assert talk.message("u@next.example", GO).startswith("250")
    assert b"from far.example ([192.0.2.9])" in one.wait(2)[1].content
    wait_empty(g)


PROXY2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize("header,seen", [
    (b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n", b"[192.0.2.7]"),
    (b"PROXY TCP6 2001:db8::7 ::1 4000 25\r\n", b"[IPv6:2001:db8::7]"),
    (b"PROXY UNKNOWN\r\n", b"[127.0.0.1]"),
    (PROXY2 + b"\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\x0f\xa0\0\x19", b"[192.0.2.7]"),
    (PROXY2 + b"\x20\0\0\0", b"[127.0.0.1]"),
    (b"EHLO no.proxy.header\r\n", None),
])
def test_the_proxy_protocol(genkan, hop, header, seen):
    one, port = hop(), free_port()
    genkan(site(port, [(one.port, 10)]).replace(f'address = ["127.0.0.1:{port}"]', f'address = ["127.0.0.1:{port}"]\nproxy_protocol_from = ["127.0.0.0/8"]'))
    with Talk(port, greeting=False) as talk:
        talk.send(header)
        if seen is None:
            assert talk.closed() and talk.buffer == b""
            return
        assert talk.reply().startswith("220")
        assert talk.message("u@next.example", GO).startswith("250")
    assert seen in one.wait()[0].content


def test_who_talks_behind_the_proxy_header_before_the_greeting_is_refused(genkan, hop):
    port = free_port()
    genkan(site(port, [(hop().port, 10)]).replace(f'address = ["127.0.0.1:{port}"]', f'address = ["127.0.0.1:{port}"]\nproxy_protocol_from = ["127.0.0.0/8"]'))
    with Talk(port, greeting=False) as talk:
        talk.send(b"PROXY UNKNOWN\r\nEHLO early.example\r\n")
        assert talk.reply().startswith("554")
        assert talk.closed()


# --- LMTP -----------------------------------------------------------------------------------------------------------------

def lmtp_site(port, address):
    return site(port, [(1, 10)]).replace('name = "next"\n', 'name = "next"\nprotocol = "lmtp"\n').replace("127.0.0.1:1\"", f'{address}"')


def test_lmtp_answers_for_each_recipient(genkan, hop):
    def answer(mail, self):
        return b"250 2.0.0 for a\r\n550 5.2.1 b is closed\r\n451 4.3.0 c is busy\r\n"
    one, port = hop(ALL, lmtp=True, answers={".": answer, "keep": True}), free_port()
    g = genkan(lmtp_site(port, f"127.0.0.1:{one.port}"))
    with Talk(port) as talk:
        envelope(talk, "MAIL FROM:<>", *[f"RCPT TO:<{u}@next.example>" for u in "abc"])
        assert content(talk).startswith("250")
    one.wait()
    assert one.said("LHLO") and not one.said("EHLO")
    g.wait_log("mail delivered.*a@next.example", 20)
    g.wait_log("mail failed.*b@next.example.*5.2.1", 20)
    g.wait_log("mail deferred.*c@next.example.*4.3.0", 20)
    one.answers["."] = None
    mail = one.wait(2)[1]
    assert [re.search("<(.*)>", r).group(1) for r in mail.rcpts] == ["c@next.example"], "only who was put off is tried again"
    wait_empty(g)


class Dovecot(Process):
    def __init__(self, name="dovecot"):
        self.root = tempfile.mkdtemp(prefix="genkan-dovecot-")
        os.chmod(self.root, 0o755)
        super().__init__(name, os.path.join(self.root, name))
        self.port = free_port()
        self.mail = self.folder / "mail"

    def start(self):
        self.mail.mkdir()
        uid, gid = 65534, 65534
        os.chown(self.mail, uid, gid)
        conf = self.folder / "dovecot.conf"
        conf.write_text(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = {self.folder}/dovecot.log
protocols = lmtp
ssl = no
listen = 127.0.0.1
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{self.mail}/%n
postmaster_address = postmaster@next.example
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={self.mail}/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.port}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
        self.spawn([shutil.which("dovecot") or "/usr/sbin/dovecot", "-F", "-c", str(conf)])
        wait_until(lambda: socket.create_connection(("127.0.0.1", self.port), 2).recv(100).startswith(b"220"), 20,
                   f"dovecot speaks LMTP\n{self.log()}")
        return self

    def stop(self):
        self.end()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.mark.root
@pytest.mark.parametrize("unix", [False, True])
def test_a_real_dovecot_takes_mail_by_lmtp(genkan, unix):
    dovecot = Dovecot()
    try:
        dovecot.start()
        port = free_port()
        g = genkan(lmtp_site(port, f"unix:{dovecot.folder}/run/lmtp" if unix else f"127.0.0.1:{dovecot.port}"))
        with Talk(port) as talk:
            envelope(talk, "MAIL FROM:<s@client.example>", "RCPT TO:<anna@next.example>", "RCPT TO:<ben@next.example>")
            assert content(talk, GO + b"..dots\r\nto both\r\n").startswith("250")
        for user in ("anna", "ben"):
            file = wait_until(lambda: list((dovecot.mail / user / "new").glob("*")), 30, f"mail for {user}\n{g.log()[-2000:]}")[0]
            text = file.read_bytes()
            assert b"Return-Path: <s@client.example>" in text and b"\n.dots\nto both\n" in text.replace(b"\r\n", b"\n")
        wait_empty(g)
    finally:
        dovecot.stop()

"""Reports about TLS (TLSRPT, RFC 8460) sent by mail: to whom the domain names, signed, once."""
import email
import email.policy
import json
import time

import dkim
import pytest

from harness import wait_until
from mail_auth import Key, dkim_lookup
from test_smtp import wait_empty
from test_smtp_tls_policy import FAR
from test_smtp_tls_policy import world  # noqa: F401 (a fixture)

RECORD = f"_smtp._tls.{FAR}"


@pytest.fixture(scope="module")
def key():
    return Key("rsa")


def begin(world, key, record):
    """One mail went to far.example, and its report lies there after a stop."""
    pem = world.folder / "dkim.pem"
    pem.write_bytes(key.pem)
    rows = f"""tls_reports_send = true
        [[smtp.dkim]]
        domain = "example"
        selector = "s"
        key = "{pem}"
        """
    world.start({RECORD: record} if record else {}, rows=rows)
    world.arrives()
    world.g.stop()
    world.hop.mails.clear()
    assert len(files(world)) == 1


def files(world):
    return sorted(p.name for p in (world.folder / "state" / "tls-reports").glob("*"))


def test_a_report_goes_signed_to_the_address_that_the_domain_names(world, key):
    begin(world, key, [("TXT", f"v=TLSRPTv1; rua=https://far.example/x,mailto:tls@{FAR}")])
    (name,) = files(world)
    world.g.start()
    (mail,) = world.hop.wait(1)
    assert mail.sender == "" and mail.rcpts[0].startswith(f"RCPT TO:<tls@{FAR}>")
    assert dkim.verify(mail.content, dnsfunc=dkim_lookup({"s._domainkey.example": [("TXT", key.record)]})), mail.content
    message = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert message["from"] == "postmaster@mx.example" and message["to"] == f"tls@{FAR}" and message["tls-report-domain"] == FAR
    assert message["subject"].startswith(f"Report Domain: {FAR} Submitter: mx.example Report-ID: <")
    assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt"
    text, attachment = message.iter_parts()
    assert attachment.get_content_type() == "application/tlsrpt+json" and attachment.get_filename() == name
    report = json.loads(attachment.get_content())
    assert report["policies"][0]["policy"]["policy-domain"] == FAR
    assert report["policies"][0]["summary"]["total-successful-session-count"] == 1
    wait_until(lambda: name not in files(world), 30, "the file is deleted")
    wait_empty(world.g)
    world.g.stop()
    world.g.start()
    world.g.wait_log("TLS reports sent")
    wait_empty(world.g)
    again = [m for m in world.hop.mails if name.encode() in m.content]
    assert len(again) == 1, "a report is sent once"


def test_nobody_who_did_not_ask_gets_one(world, key):
    begin(world, key, None)
    world.g.start()
    wait_until(lambda: not files(world), 30, "what nobody wants is deleted")
    wait_empty(world.g)
    assert not world.hop.mails


def test_while_dns_does_not_answer_the_report_waits(world, key):
    begin(world, key, "servfail")
    before = files(world)
    world.g.start()
    wait_until(lambda: any(n == RECORD for n, _ in world.dns.asked), 30, "it was asked")
    world.g.stop()
    assert files(world) == before and not world.hop.mails
    world.dns.zone[RECORD] = [("TXT", f"v=TLSRPTv1;rua=mailto:tls@{FAR}")]
    world.g.start()
    world.hop.wait(1)


def test_reports_are_not_sent_unless_it_is_wanted(world):
    world.start({RECORD: [("TXT", f"v=TLSRPTv1; rua=mailto:tls@{FAR}")]})
    world.arrives()
    world.g.stop()
    world.g.start()
    begun = time.monotonic()
    world.send()
    world.hop.wait(2)
    wait_until(lambda: time.monotonic() > begun + 2, 10, "it would have begun")
    assert len(world.hop.mails) == 2 and len(files(world)) == 1
    assert not any(n == RECORD for n, _ in world.dns.asked)

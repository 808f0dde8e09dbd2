"""Strangers who send mail, their keys in DNS, and messages that try what canonical forms have to stand."""
import base64
import random
import re
import subprocess

import dkim
import nacl.signing
import pytest

from harness import free_port
from mail_dns import Names
from mail_hop import Hop
from mail_peers import Talk

OUTSIDE = "192.0.2.1"
MAIL = b"From: Ann <ann@client.example>\r\nTo: u@next.example\r\nSubject: x\r\n\r\nhello\r\n"


class Key:
    def __init__(self, kind, bits=2048):
        self.kind = kind
        if kind == "rsa":
            self.pem = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], check=True, capture_output=True).stdout
            self.private = self.pem
            public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=self.pem, check=True, capture_output=True).stdout
        else:
            self.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True).stdout
            der = subprocess.run(["openssl", "pkey", "-outform", "DER"], input=self.pem, check=True, capture_output=True).stdout
            seed = nacl.signing.SigningKey(der[-32:])
            self.private = base64.b64encode(bytes(seed))
            public = bytes(seed.verify_key)
        self.algorithm = b"rsa-sha256" if kind == "rsa" else b"ed25519-sha256"
        self.record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


class Outside(Talk):
    """A session of a host on the Internet, as XCLIENT tells it."""

    def __init__(self, port, ip=OUTSIDE, helo="mta.client.example"):
        super().__init__(port, timeout=30)
        self.helo = helo
        self.say("EHLO proxy.example")
        assert self.say(f"XCLIENT ADDR={('IPV6:' if ':' in ip else '') + ip}").startswith("220")

    def mail(self, content, to="u@next.example", sender="ann@client.example"):
        """The last reply: of the content, or of the command that was refused. `content` is not stuffed yet."""
        for command in (f"EHLO {self.helo}", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            answer = self.say(command)
            if not answer.startswith("250"):
                return answer
        answer = self.say("DATA")
        assert answer.startswith("354"), answer
        self.send(re.sub(rb"(?m)^\.", b"..", content))
        return self.say(".")


def site(port, hop, dns, rows="", more="", top=""):
    return f"""
        [node]
        name = "auth"
        state_dir = "STATE"
        workers = 1
        drain_timeout = "5s"
        name_servers = ["{dns.address}"]
        [smtp]
        enabled = true
        hostname = "mx.example.org"
        min_free = "1MiB"
        retry_first = "1s"
        xclient_from = ["127.0.0.1"]
        {top}
        [[smtp.listen]]
        address = ["127.0.0.1:{port}"]
        [[smtp.route]]
        domains = ["next.example"]
        relay = "next"
        [[smtp.relay]]
        name = "next"
        [[smtp.relay.member]]
        address = "127.0.0.1:{hop.port}"
        [smtp.auth]
        {rows}
        {more}
    """


def fields(content, name):
    """The unfolded values of the fields of this name in a message."""
    header = content.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    found = re.findall(rb"(?mi)^" + name.encode() + rb":((?:.*\r\n)(?:[ \t].*\r\n)*)", header)
    return [re.sub(rb"\s+", b" ", value).strip().decode() for value in found]


def results(content):
    """{method: [result with properties ...]} of our Authentication-Results."""
    mine = [v for v in fields(content, "Authentication-Results") if v.startswith("mx.example.org;")]
    assert len(mine) == 1, mine
    out = {}
    for part in mine[0].split("; ")[1:]:
        method, _, rest = part.partition("=")
        out.setdefault(method, []).append(rest)
    return out


WORDS = ["alpha", "Beta", "gamma;", "delta=", "x" * 60, "\"quoted\"", "(comment)", "=?utf-8?q?=C3=A9?=", "a:b", "caf\u00e9"]


def random_message(rng):
    """From, To and others in any order, folded in odd ways, some twice; a body with spaces, tabs, dots and empty lines."""
    def value():
        words = [rng.choice(WORDS) for _ in range(rng.randrange(1, 8))]
        return "".join(w + rng.choice([" ", "  ", "\t", "\r\n ", "\r\n\t", " \r\n  "]) for w in words) + rng.choice(["", "end", " "])
    names = ["Subject", "Date", "Message-ID", "X-Other", "x-MiXed", "Cc", "Subject", "Received"]
    rng.shuffle(names)
    header = [f"{n}{rng.choice([':', ': ', ':  '])}{value()}" for n in names[:rng.randrange(2, 9)]]
    header.insert(rng.randrange(len(header) + 1), f"From: {rng.choice(['Ann <ann@client.example>', 'ann@client.example'])}")
    header.insert(rng.randrange(len(header) + 1), "To:" + rng.choice(["", " "]) + "u@next.example")
    lines = [rng.choice(["", " ", "\t", "text", "  two  spaces ", "tab\t\tand  \t", ".", "..dots", "trailing \t ", "y" * 200, "caf\u00e9"])
             for _ in range(rng.randrange(0, 12))]
    lines += [""] * rng.choice([0, 0, 1, 3]) + [" "] * rng.choice([0, 0, 1])
    return ("\r\n".join(header) + "\r\n\r\n" + "".join(line + "\r\n" for line in lines)).encode()


def dkim_lookup(zone):
    def txt(name, timeout=5):
        rows = zone.get(name.decode().rstrip(".").lower(), [])
        return next((v.encode() for k, v in rows if k == "TXT"), None) if isinstance(rows, list) else None
    return txt


class World:
    """A name server, a next hop and Genkan between them."""

    def __init__(self, genkan, hop, tmp_path, zone, rows="", more="", top=""):
        self.dns, self.hop, self.port = Names(zone), hop, free_port()
        self.state = tmp_path / "state"
        self.state.mkdir(exist_ok=True)
        self.conf = lambda rows=rows, more=more, top=top: site(self.port, hop, self.dns, rows, more, top).replace("STATE", str(self.state))
        self.g = genkan(self.conf())

    def send(self, content, **more):
        options = {k: more.pop(k) for k in ("ip", "helo") if k in more}
        with Outside(self.port, **options) as talk:
            return talk.mail(content, **more)

    def passed(self, content, **more):
        """The message as the next hop got it."""
        before = len(self.hop.mails)
        answer = self.send(content, **more)
        assert answer.startswith("250"), answer
        return self.hop.wait(before + 1)[-1].content

    def stop(self):
        self.dns.stop()


@pytest.fixture(scope="session")
def keys():
    return {"rsa": Key("rsa"), "ed25519": Key("ed25519"), "small": Key("rsa", 512), "thousand": Key("rsa", 1024)}


@pytest.fixture
def world(genkan, tmp_path):
    made = []

    def make(zone, **more):
        hop = Hop()
        made.append(hop)
        made.append(World(genkan, hop, tmp_path, zone, **more))
        return made[-1]
    yield make
    for one in reversed(made):
        one.stop()


def client_zone(spf="v=spf1 ip4:192.0.2.1 -all", **more):
    zone = {
        "client.example": [("TXT", spf), ("MX", "10 mta.client.example")],
        "mta.client.example": [("A", "192.0.2.1")],
        "1.2.0.192.in-addr.arpa": [("PTR", "mta.client.example")],
    }
    zone.update(more)
    return zone


def signed(message, key, selector, canon, **more):
    return dkim.sign(message, selector, b"client.example", key.private, signature_algorithm=key.algorithm, canonicalize=canon, **more) + message


def key_zone(keys):
    return {f"{name}._domainkey.client.example": [("TXT", key.record)] for name, key in keys.items()}


def dmarc(policy, **more):
    return client_zone(more.pop("spf", "v=spf1 -all"), **{"_dmarc.client.example": [("TXT", f"v=DMARC1; {policy}")]}, **more)


def arc_by_dkimpy(message, key, selector, result="none"):
    message = re.sub(rb"(?m)^Authentication-Results: lists\.example.*\r\n", b"", message)  # it would add up all of them
    seen = b"Authentication-Results: lists.example; arc=" + result.encode() + b"; spf=pass smtp.mailfrom=client.example\r\n" + message
    return b"".join(dkim.arc_sign(seen, selector, b"client.example", key.private, b"lists.example")) + seen

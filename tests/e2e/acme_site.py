"""A Genkan whose certificate comes from a CA, and the CA: for tests/e2e/test_acme*.py."""
import json
import socket
import ssl

import pytest

from acme_double import AcmeDouble
from harness import free_port, wait_until


class Site:
    """A Genkan with a plain and a TLS port whose certificate comes from a CA."""

    def __init__(self, genkan, names=("a.example",), name="genkan"):
        self.make, self.names, self.name = genkan, list(names), name
        self.http, self.https = free_port(), free_port()
        self.g = None

    def text(self, acme, names=None):
        listed = json.dumps(list(names or self.names))
        return f'''
            {acme}
            [[certificate]]
            acme = true
            names = {listed}
            [[listen]]
            name = "plain"
            address = ["127.0.0.1:{self.http}"]
            [[listen]]
            name = "tls"
            address = ["127.0.0.1:{self.https}"]
            tls = true
            [[route]]
            status = 200
            body = "served"
        '''

    def start(self, acme, **more):
        self.g = self.make(self.text(acme), name=self.name, **more)
        return self.g

    def shown(self, at=0):
        return self.g.api("/api/v1/acme").json()["certificates"][at]

    def wait_state(self, state, timeout=20):
        return wait_until(lambda: self.shown()["state"] == state and self.shown(), timeout, f"the certificate is {state}")

    def issued(self, ca, timeout=20):
        """Waits for a certificate of that CA at the port; returns it as DER."""
        return wait_until(lambda: self.handshake(ca.ca_file), timeout, "HTTPS with a certificate of the CA")

    def handshake(self, ca_file=None, name=None):
        """The certificate that is served, DER; verified when there is a CA (an OSError when it is not good)."""
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", self.https), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=name or self.names[0]) as s:
                return s.getpeercert(True)


@pytest.fixture
def site(genkan):
    return lambda *args, **more: Site(genkan, *args, **more)


@pytest.fixture
def ca(tmp_path):
    made = []

    def make(site=None, **more):
        ports = {"http_port": site.http, "tls_port": site.https} if site else {}
        one = AcmeDouble(tmp_path / f"ca{len(made)}", **ports, **more)
        made.append(one)
        return one
    yield make
    for one in made:
        one.stop()
    assert not any(one.problems for one in made), [one.problems for one in made]

"""A CA that speaks ACME (RFC 8555), for tests: it verifies every signature and nonce, proves names for real (HTTP-01 and
TLS-ALPN-01, always at 127.0.0.1), issues real certificates from a root and an intermediate of its own, and fails as told.

    ca = AcmeDouble(folder, http_port, tls_port)        # or the fixture's ca(...)
    ca.fault("newOrder", "badNonce", times=2)

Steps: directory newNonce newAccount newOrder authz challenge finalize order cert. Faults: badNonce, a status as a number,
rateLimited (with Retry-After), html, garbage, truncated, endless, hang, close, and `deny` (the proof is not accepted).
"""
import base64
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import socket
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

ALPN_ID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
ERROR = "urn:ietf:params:acme:error:"


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    assert "=" not in text and "+" not in text and "/" not in text, f"not base64url without padding: {text!r}"
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


class Refused(Exception):
    def __init__(self, kind, status=400, detail=""):
        super().__init__(kind)
        self.kind, self.status, self.detail = kind, status, detail


class Authority:
    """A root, an intermediate, and certificates of any lifetime."""

    def __init__(self):
        self.root, self.root_key = self.make("Double Root", None, None)
        self.middle, self.middle_key = self.make("Double Intermediate", self.root, self.root_key)

    def make(self, name, issuer, issuer_key):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        built = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
                 .public_key(key.public_key()).serial_number(x509.random_serial_number())
                 .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=3650))
                 .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True))
        return built.sign(issuer_key or key, hashes.SHA256()), key

    def issue(self, public_key, names, lifetime):
        now = datetime.datetime.utcnow()
        built = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.middle.subject)
                 .public_key(public_key).serial_number(x509.random_serial_number())
                 .not_valid_before(now - datetime.timedelta(seconds=1))
                 .not_valid_after(now + datetime.timedelta(seconds=lifetime))
                 .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=True)
                 .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))
        return built.sign(self.middle_key, hashes.SHA256())


class AcmeDouble:
    def __init__(self, folder, http_port=None, tls_port=None, lifetime=90 * 86400, eab=None, port=0):
        self.http_port, self.tls_port, self.lifetime, self.eab = http_port, tls_port, lifetime, eab
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.nonces, self.accounts, self.orders, self.authorizations, self.certificates = set(), {}, {}, {}, {}
        self.faults = {}   # step -> [kind, times left]
        self.asked = []    # (step, payload)
        self.problems = []  # what a client must not do
        self.processing = 0  # polls for which an order stays "processing"
        self.seconds = None  # Retry-After of polls; None: none
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(pem(self.authority.root))
        self.port = port
        self.server = None
        self.start()

    # --- life ----------------------------------------------------------------------------------------------------------
    def start(self):
        self.stopping.clear()
        key = ec.generate_private_key(ec.SECP256R1())
        own = self.authority.issue(key.public_key(), ["localhost"], 86400)
        file = self.folder / "own.pem"
        file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()) + pem(own) + pem(self.authority.middle))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        double = self

        class Handler(_Handler):
            ca = double

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.stopping.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def base(self):
        return f"https://localhost:{self.port}"

    @property
    def directory(self):
        return self.base + "/directory"

    def conf(self, **more):
        """The [acme] section that leads here; more: further directives as TOML."""
        rows = {"directory": f'"{self.directory}"', "ca_file": f'"{self.ca_file}"', "accept_terms": "true", "retry": '"1s"',
                **more}
        return "[acme]\n" + "\n".join(f"{k} = {v}" for k, v in rows.items()) + "\n"

    def fault(self, step, kind, times=1):
        with self.lock:
            self.faults[step] = [kind, times]

    def count(self, step):
        with self.lock:
            return sum(1 for name, _ in self.asked if name == step)

    def revoke_accounts(self):
        with self.lock:
            for account in self.accounts.values():
                account["status"] = "revoked"

    # --- the protocol --------------------------------------------------------------------------------------------------
    def take_fault(self, step):
        with self.lock:
            found = self.faults.get(step)
            if not found or found[1] <= 0:
                return None
            found[1] -= 1
            return found[0]

    def nonce(self):
        made = b64(hashlib.sha256(str(time.monotonic_ns()).encode()).digest()[:16]) + b64(str(len(self.asked)).encode())
        with self.lock:
            self.nonces.add(made)
        return made

    def open_jws(self, text, url):
        """The payload and the account of a signed request; everything about it is checked."""
        jws = json.loads(text)
        assert set(jws) == {"protected", "payload", "signature"}, jws
        head = json.loads(unb64(jws["protected"]))
        with self.lock:
            if head["nonce"] not in self.nonces:
                raise Refused("badNonce")
            self.nonces.discard(head["nonce"])
        assert head["alg"] == "ES256" and head["url"] == url and ("jwk" in head) != ("kid" in head), head
        if "jwk" in head:
            jwk = head["jwk"]
        else:
            account = self.accounts.get(head["kid"])
            if account is None:
                raise Refused("accountDoesNotExist")
            if account["status"] != "valid":
                raise Refused("unauthorized", 403, f"the account is {account['status']}")
            jwk = account["jwk"]
        signature = unb64(jws["signature"])
        assert len(signature) == 64
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64(jwk["x"]), "big"), int.from_bytes(unb64(jwk["y"]), "big"),
                                                ec.SECP256R1())
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        numbers.public_key().verify(der, f'{jws["protected"]}.{jws["payload"]}'.encode(), ec.ECDSA(hashes.SHA256()))
        return unb64(jws["payload"]), head.get("kid"), jwk

    @staticmethod
    def thumbprint(jwk):
        return b64(hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def new_account(self, payload, jwk, url):
        if not payload.get("termsOfServiceAgreed"):
            raise Refused("userActionRequired", 403)
        if self.eab:
            binding = payload.get("externalAccountBinding")
            if not binding:
                raise Refused("externalAccountRequired", 403)
            head = json.loads(unb64(binding["protected"]))
            mac = hmac.new(unb64(self.eab[1]), f'{binding["protected"]}.{binding["payload"]}'.encode(), "sha256").digest()
            if head != {"alg": "HS256", "kid": self.eab[0], "url": url} or mac != unb64(binding["signature"]):
                raise Refused("unauthorized", 401, "the binding is not good")
            assert json.loads(unb64(binding["payload"])) == jwk
        kid = f"{self.base}/acct/{self.thumbprint(jwk)}"
        known = kid in self.accounts
        if not known:
            self.accounts[kid] = {"status": "valid", "jwk": jwk, "contact": payload.get("contact", [])}
        return (200 if known else 201), {"status": self.accounts[kid]["status"]}, {"Location": kid}

    def new_order(self, payload, kid):
        number = str(len(self.orders) + 1)
        names = [i["value"] for i in payload["identifiers"]]
        urls = []
        for at, name in enumerate(names):
            z = f"{number}-{at}"
            token = b64(hashlib.sha256(f"{z} {time.monotonic_ns()}".encode()).digest())
            self.authorizations[z] = {"name": name, "status": "pending", "token": token, "kid": kid, "error": None,
                                      "denied": False}
            urls.append(f"{self.base}/authz/{z}")
        self.orders[number] = {"names": names, "authz": urls, "status": "pending", "kid": kid, "polls": 0, "cert": None}
        return 201, self.show_order(number), {"Location": f"{self.base}/order/{number}"}

    def show_order(self, number):
        order = self.orders[number]
        if order["status"] == "pending" and all(self.authorizations[u.rsplit("/", 1)[1]]["status"] == "valid"
                                                for u in order["authz"]):
            order["status"] = "ready"
        out = {"status": order["status"], "authorizations": order["authz"], "finalize": f"{self.base}/finalize/{number}",
               "identifiers": [{"type": "dns", "value": n} for n in order["names"]]}
        if order["status"] == "processing":
            order["polls"] -= 1
            if order["polls"] <= 0:
                order["status"] = "valid"
        if order["status"] == "valid":
            out["status"], out["certificate"] = "valid", f"{self.base}/cert/{number}"
        return out

    def show_authz(self, z):
        authz = self.authorizations[z]
        status = {"valid": "valid", "invalid": "invalid"}.get(authz["status"], "pending")
        challenges = []
        for kind in ("http-01", "tls-alpn-01", "dns-01"):
            one = {"type": kind, "url": f"{self.base}/challenge/{z}/{kind}", "token": authz["token"], "status": status}
            if status == "invalid":
                one["error"] = authz["error"]
            challenges.append(one)
        return {"status": status, "identifier": {"type": "dns", "value": authz["name"]}, "challenges": challenges}

    def challenge(self, z, kind, kid):
        authz = self.authorizations[z]
        if authz["status"] == "pending":
            authz["status"] = "processing"
            thumb = self.thumbprint(self.accounts[kid]["jwk"])
            deny = self.take_fault("validation") == "deny"
            threading.Thread(target=self.validate, args=(authz, kind, f'{authz["token"]}.{thumb}', deny), daemon=True).start()
        return {"type": kind, "url": f"{self.base}/challenge/{z}/{kind}", "token": authz["token"], "status": "processing"}

    def validate(self, authz, kind, wanted, deny):
        try:
            assert not deny, "denied by the test"
            (self.ask_http if kind == "http-01" else self.ask_tls)(authz, wanted)
            authz["status"] = "valid"
        except Exception as error:  # noqa: BLE001 (whatever it is, the name is not proved)
            kind = "connection" if isinstance(error, OSError) else "unauthorized"
            authz["error"] = {"type": ERROR + kind, "detail": f"{type(error).__name__}: {error}"[:300]}
            authz["status"] = "invalid"

    def ask_http(self, authz, wanted):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        connection.request("GET", "/.well-known/acme-challenge/" + authz["token"], headers={"Host": authz["name"]})
        answer = connection.getresponse()
        body = answer.read(10000).decode()
        connection.close()
        assert answer.status == 200 and body.rstrip() == wanted, f"{answer.status} {body[:80]!r}"

    def ask_tls(self, authz, wanted):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=authz["name"]) as s:
                assert s.selected_alpn_protocol() == "acme-tls/1"
                shown = x509.load_der_x509_certificate(s.getpeercert(True))
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.DNSName(authz["name"])], names
        extension = shown.extensions.get_extension_for_oid(ALPN_ID)
        assert extension.critical and extension.value.value == b"\x04\x20" + hashlib.sha256(wanted.encode()).digest()

    def finalize(self, number, payload):
        order = self.orders[number]
        self.show_order(number)
        if order["status"] != "ready":
            raise Refused("orderNotReady", 403)
        request = x509.load_der_x509_csr(unb64(payload["csr"]))
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if not request.is_signature_valid or sorted(n.value for n in names) != sorted(order["names"]):
            raise Refused("badCSR")
        assert len(request.extensions) == 1, "must-staple or something else is asked for"
        leaf = self.authority.issue(request.public_key(), order["names"], self.lifetime)
        self.certificates[number] = pem(leaf) + pem(self.authority.middle)
        order["status"], order["polls"] = ("processing", self.processing) if self.processing else ("valid", 0)
        return self.show_order(number)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ca = None
    STEPS = {"directory": "directory", "nonce": "newNonce", "account": "newAccount", "order-new": "newOrder", "authz": "authz",
             "challenge": "challenge", "finalize": "finalize", "order": "order", "cert": "cert"}

    def log_message(self, *_):
        pass

    def setup(self):
        self.request.settimeout(20)
        super().setup()

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # the client left

    def reply(self, status, body, kind="application/json", fields=None, nonce=True):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if nonce:
            self.send_header("Replay-Nonce", self.ca.nonce())
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def problem(self, kind, status=400, detail="", fields=None):
        body = json.dumps({"type": ERROR + kind, "detail": detail or f"the double says {kind}", "status": status}).encode()
        self.reply(status, body, "application/problem+json", fields)

    def spoil(self, kind):
        """Plays a fault; True: that was all."""
        if kind == "badNonce":
            self.problem("badNonce")
        elif kind == "rateLimited":
            self.problem("rateLimited", 429, "too many", {"Retry-After": "3600"})
        elif kind == "html":
            self.reply(200, b"<html>a portal</html>", "text/html")
        elif kind == "garbage":
            self.reply(200, b'\xff\xfe{"status": \x00', "application/json")
        elif kind == "truncated":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b'{"status":"val')
            self.close_connection = True
        elif kind == "endless":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while not self.ca.stopping.is_set():
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        elif kind == "hang":
            self.ca.stopping.wait(120)
            self.close_connection = True
        elif kind == "close":
            self.close_connection = True
        else:
            self.reply(int(kind), b"oops", "text/plain")
        return True

    def step(self):
        part = self.path.strip("/").split("/")
        return self.STEPS.get(part[0], part[0]), part[1:]

    def do_HEAD(self):
        step, _ = self.step()
        with self.ca.lock:
            self.ca.asked.append((step, None))
        fault = self.ca.take_fault(step)
        if not (fault and self.spoil(fault)):
            self.reply(200, b"")

    def do_GET(self):
        step, _ = self.step()
        with self.ca.lock:
            self.ca.asked.append((step, None))
        fault = self.ca.take_fault(step)
        if fault:
            self.spoil(fault)
        elif step == "directory":
            base = self.ca.base
            meta = {"termsOfService": base + "/terms"}
            if self.ca.eab:
                meta["externalAccountRequired"] = True
            self.reply(200, {"newNonce": base + "/nonce", "newAccount": base + "/account", "newOrder": base + "/order-new",
                             "meta": meta}, nonce=False)
        else:
            self.problem("malformed", 405)

    def do_POST(self):
        step, rest = self.step()
        text = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            assert self.headers["Content-Type"] == "application/jose+json" and self.headers["User-Agent"]
            payload, kid, jwk = self.ca.open_jws(text, self.ca.base + self.path)
            assert (kid is None) == (step == "newAccount"), step
            with self.ca.lock:
                self.ca.asked.append((step, payload))
            fault = self.ca.take_fault(step)
            if not (fault and self.spoil(fault)):
                self.answer(step, rest, payload, kid, jwk)
        except Refused as refused:
            self.problem(refused.kind, refused.status, refused.detail)
        except (AssertionError, KeyError, ValueError) as error:
            self.ca.problems.append(f"{step}: {type(error).__name__}: {error}")
            self.problem("malformed", 400, str(error)[:200])

    def answer(self, step, rest, payload, kid, jwk):
        ca = self.ca
        again = {"Retry-After": str(ca.seconds)} if ca.seconds is not None else {}
        if step == "newAccount":
            self.reply(*self.with_fields(*ca.new_account(json.loads(payload), jwk, ca.base + self.path)))
        elif step == "newOrder":
            self.reply(*self.with_fields(*ca.new_order(json.loads(payload), kid)))
        elif step == "authz":
            assert payload == b"", "POST-as-GET has no payload"
            self.reply(200, ca.show_authz(rest[0]), fields=again)
        elif step == "challenge":
            assert json.loads(payload) == {}
            self.reply(200, ca.challenge(rest[0], rest[1], kid))
        elif step == "order":
            assert payload == b""
            self.reply(200, ca.show_order(rest[0]), fields=again)
        elif step == "finalize":
            self.reply(200, ca.finalize(rest[0], json.loads(payload)), fields=again)
        elif step == "cert":
            self.reply(200, ca.certificates[rest[0]], "application/pem-certificate-chain")
        else:
            raise Refused("malformed", 404)

    @staticmethod
    def with_fields(status, body, fields):
        return status, body, "application/json", fields

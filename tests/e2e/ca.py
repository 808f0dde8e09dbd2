"""A certificate authority of a test, made with `openssl`: server and client certificates, revocation, OCSP."""
import subprocess
from pathlib import Path


def openssl(*argv, stdin=None, check=True):
    return subprocess.run(["openssl", *map(str, argv)], input=stdin, capture_output=True, check=check, timeout=60)


class Pair:
    def __init__(self, cert, key):
        self.cert, self.key = Path(cert), Path(key)

    def toml(self, *rows):
        return "\n".join(["[[certificate]]", f'cert = "{self.cert}"', f'key = "{self.key}"', *rows, ""])

    def fingerprint(self):
        text = openssl("x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256").stdout.decode()
        return text.split("=")[1].strip().replace(":", "").lower()


class Ca:
    """`name` below `folder`; keys are P-256, and everything is good for 30 days unless a test says otherwise."""

    def __init__(self, folder, name="ca"):
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.cert, self.key = self.folder / "ca.crt", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)
        self.index = self.folder / "index.txt"
        self.index.write_text("")
        (self.folder / "crlnumber").write_text("01\n")
        self.conf = self.folder / "ca.cnf"
        self.conf.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.index}\ncrlnumber={self.folder}/crlnumber\n"
                             "default_md=sha256\ndefault_crl_days=30\n")
        self.serial = 0x1000

    def issue(self, name, *, subject=None, san=None, ocsp=None, rsa=False, chain=True, end=None, into=None):
        """A Pair for `name`. `end`: the last moment, as openssl's -not_after wants it. `into`: stem of the files."""
        self.serial += 1
        stem = into or self.folder / name.replace("*", "_")
        cert, key, csr, ext = (Path(f"{stem}{kind}") for kind in (".crt", ".key", ".csr", ".ext"))
        algorithm = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", "-new", "-newkey", *algorithm, "-nodes", "-subj", subject or f"/CN={name}", "-keyout", key, "-out", csr)
        lines = [f"subjectAltName={san or 'DNS:' + name}", "basicConstraints=CA:FALSE"]
        if ocsp:
            lines.append(f"authorityInfoAccess=OCSP;URI:{ocsp}")
        ext.write_text("\n".join(lines) + "\n")
        days = ["-days", "30"] if end is None else ["-days", str(end)]
        openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-set_serial", hex(self.serial), *days,
                "-extfile", ext, "-out", cert)
        if chain:
            cert.write_bytes(cert.read_bytes() + self.cert.read_bytes())
        with open(self.index, "a") as index:
            index.write(f"V\t491231235959Z\t\t{self.serial:X}\tunknown\t{subject or '/CN=' + name}\n")
        return Pair(cert, key)

    def revoke(self, pair):
        openssl("ca", "-config", self.conf, "-cert", self.cert, "-keyfile", self.key, "-revoke", pair.cert)

    def crl(self):
        path = self.folder / "ca.crl"
        openssl("ca", "-config", self.conf, "-cert", self.cert, "-keyfile", self.key, "-gencrl", "-out", path)
        return path

"""Certificates for backends of tests: an authority of the test's own, and what it signs."""
import datetime
import subprocess


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.cert, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key, "-out", self.cert)

    def sign(self, name, san=None, days=30, client=False):
        """(certificate, key) for `name`; `days` before now when negative."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san or 'DNS:' + name}\nextendedKeyUsage={'clientAuth' if client else 'serverAuth'}\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.folder}/{name}.db\nnew_certs_dir={self.folder}\nserial={self.folder}/{name}.serial\n"
                          "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        (self.folder / f"{name}.db").write_text("")
        (self.folder / f"{name}.serial").write_text("1000\n")
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = now - datetime.timedelta(days=60), now + datetime.timedelta(days=days)
        form = "%Y%m%d%H%M%SZ"
        run("openssl", "ca", "-batch", "-config", config, "-cert", self.cert, "-keyfile", self.key, "-in", request, "-out", cert,
            "-notext", "-startdate", start.strftime(form), "-enddate", end.strftime(form), "-extfile", extensions)
        return cert, key


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def nginx_tls(cert, key, port, more="", http2=False, version="TLSv1.2 TLSv1.3"):
    """For Nginx(main=...): a second server, over TLS, that tells how it was reached."""
    return f'''
        server {{
          listen 127.0.0.1:{port} ssl{" http2" if http2 else ""};
          ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols {version}; ssl_session_cache shared:s{port}:1m; {more}
          location / {{ return 200 "$server_protocol $ssl_protocol reused=$ssl_session_reused sni=$ssl_server_name cert=$ssl_client_verify $connection\\n"; }}
          location /size/ {{ root FOLDER/..; }}
          location = /status/503 {{ return 503; }}
        }}'''

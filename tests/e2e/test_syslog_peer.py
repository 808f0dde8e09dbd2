"""A real rsyslogd understands every message: facility, severity, host, program, process and text, by UDP, TCP and TLS."""
import shutil
import signal

import pytest

from harness import Process, free_port, wait_until
from test_syslog import ask, certificate, start, state

RSYSLOGD = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"


class Rsyslog(Process):
    def __init__(self, folder, way, files=()):
        super().__init__(f"rsyslog-{way}", folder)
        self.port, self.got = free_port(), self.folder / "got"
        module = {"udp": f'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{self.port}")',
                  "tcp": f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{self.port}")'}.get(way)
        if way == "tls":
            cert, key = files
            module = (f'global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{cert}" defaultNetstreamDriverCertFile="{cert}" '
                      f'defaultNetstreamDriverKeyFile="{key}")\nmodule(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")\n'
                      f'input(type="imtcp" address="127.0.0.1" port="{self.port}")')
        self.conf = self.folder / f"{way}.conf"
        self.conf.write_text(f'''global(workDirectory="{self.folder}" maxMessageSize="64k")
{module}
template(name="all" type="string" string="%syslogfacility-text%|%syslogseverity-text%|%hostname%|%app-name%|%procid%|%msgid%|%protocol-version%|%msg%\\n")
*.* action(type="omfile" file="{self.got}" template="all")
''')

    def start(self):
        self.spawn([RSYSLOGD, "-n", "-i", str(self.folder / "pid"), "-f", str(self.conf)])
        return self

    def rows(self):
        return [line.split("|") for line in self.got.read_text().splitlines()] if self.got.exists() else []


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_rsyslogd_takes_every_message(genkan, tmp_path, way):
    files = certificate(tmp_path) if way == "tls" else ()
    peer = Rsyslog(tmp_path, way, files).start()
    try:
        more = 'facility = "local5"\napp_name = "front"' + (f'\nca = "{files[0]}"\ntls_name = "localhost"' if files else "")
        port, g = start(genkan, f"{way}://127.0.0.1:{peer.port}", more)
        wait_until(lambda: state(g)["state"] == "connected", 20, "rsyslogd listens")
        paths = [f"/p/{i}" for i in range(200)] + ["/%22quoted%20" + "x" * 3000]
        ask(port, *paths)
        wait_until(lambda: {r[7].strip() for r in peer.rows() if len(r) == 8} >= {p for p in paths[:-1]}, 20, "all lines")
        row = [r for r in peer.rows() if r[7].strip() == "/p/0"][0]
        assert row[:7] == ["local5", "info", "genkan", "front", str(g.pid), "access", "1"], row
        wait_until(lambda: any(len(r[7]) > 3000 for r in peer.rows()), 10, "the long line")
        assert any(r[1] == "notice" and r[5] == "log" and "genkan serves" in r[7] for r in peer.rows())
        assert state(g)["dropped"] == 0
    finally:
        if peer.running():
            peer.signal(signal.SIGTERM)
            peer.child.wait(20)

"""docker/compose.yml without an engine: its services as local programs, each in a network namespace with the address that
the file gives it, in a mount namespace with what the file mounts, under the host name and the user that it would have.

What of an image matters is said once, in IMAGES: which program it runs. Genkan's user is the one that docker/Dockerfile
makes. Nothing is left on the machine: what a service sees of /etc, /var, /srv and /run is an overlay on a tmpfs that ends
with it.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from harness import ROOT, SLOW, Process, program, wait_until
from netns import Namespaces, inside

DOCKER = ROOT / "docker"
NGINX = "daemon off; events {} http { access_log off; include /etc/nginx/conf.d/default.conf; }"
OVERLAID = ("/etc", "/var", "/srv", "/run")


def missing():
    """Why mounts can't be made here, or None."""
    done = subprocess.run(["unshare", "--mount", "--uts", "mount", "-t", "tmpfs", "tmpfs", "/srv"], capture_output=True, text=True)
    return f"mount namespaces: {done.stderr.strip()}" if done.returncode else None


def users_of_the_image():
    """(uid, gid) of Genkan in its image."""
    made = (DOCKER / "Dockerfile").read_text()
    return (int(re.search(r"useradd .*--uid (\d+)", made).group(1)), int(re.search(r"groupadd .*--gid (\d+)", made).group(1)))


class Service(Process):
    def __init__(self, site, name, told):
        network = told["networks"]["site"]["ipv4_address"]
        self.host = site.net.host(name, f"{network}/24")
        super().__init__(name, site.folder / name, self.host.namespace)
        self.site, self.told, self.address = site, told, network
        self.environment = {k: str(v) for k, v in told.get("environment", {}).items()}

    def mounts(self):
        """[(source, destination, read only)] as the file says, volumes as folders."""
        found = []
        for line in self.told.get("volumes", []):
            source, destination, *mode = line.split(":")
            at = (DOCKER / source).resolve() if source.startswith(".") else self.site.volume(source)
            found.append((at, destination, mode == ["ro"]))
        return found

    def command(self):
        image = self.told["image"]
        if image.startswith("localhost/genkan"):
            uid, gid = users_of_the_image()
            return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", program(), *self.told["command"]]
        if image.startswith("nginx:"):
            return [shutil.which("nginx") or "/usr/sbin/nginx", "-e", "stderr", "-c", str(self.site.nginx_conf), "-g", "pid /run/web.pid;"]
        if image.startswith("dovecot/dovecot:"):
            return [shutil.which("dovecot") or "/usr/sbin/dovecot", "-F"]
        assert image.startswith("memcached:"), image
        return ["memcached", "-u", "nobody"]

    def script(self, command):
        """Shell lines that make what the container would see, and become the command."""
        layers = self.folder / "layers"
        layers.mkdir(exist_ok=True)
        lines = ["set -e", f"hostname {shlex.quote(self.told.get('hostname', self.name))}", f"mount -t tmpfs tmpfs {layers}"]
        for top in OVERLAID:
            up, work = f"{layers}{top}-up", f"{layers}{top}-work"
            lines += [f"mkdir {up} {work}", f"mount -t overlay overlay -o lowerdir={top},upperdir={up},workdir={work} {top}"]
        for source, destination, read_only in self.mounts():
            make = "mkdir -p" if source.is_dir() else "install -D /dev/null"
            lines += [f"{make} {destination}", f"mount --bind {shlex.quote(str(source))} {destination}"]
            if read_only:
                lines.append(f"mount -o remount,bind,ro {destination}")
        return "\n".join([*lines, "exec " + shlex.join(command)])

    def start(self):
        self.spawn(["unshare", "--mount", "--uts", "sh", "-c", self.script(self.command())], self.environment)

    def run(self, *argv, stdin=None):
        """A command beside the service, as `docker compose exec` does it: in its namespaces, as its user."""
        as_whom = self.command()[:4] if self.told["image"].startswith("localhost/genkan") else []
        env = {**os.environ, **self.environment}
        return subprocess.run(["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--", *as_whom, *map(str, argv)],
                              input=stdin, capture_output=True, text=True, env=env, timeout=60 * SLOW)

    def try_command(self, *argv):
        """A command in namespaces of its own, before the service is started."""
        command = [*self.command()[:4], *map(str, argv)]
        return subprocess.run(inside(self.host.namespace, ["unshare", "--mount", "--uts", "sh", "-c", self.script(command)]),
                              capture_output=True, text=True, env={**os.environ, **self.environment}, timeout=60 * SLOW)


class Compose:
    def __init__(self, folder):
        self.folder, self.services, self.volumes = Path(folder), {}, {}
        self.told = yaml.safe_load((DOCKER / "compose.yml").read_text())
        self.net = Namespaces()

    def __enter__(self):
        self.folder.chmod(0o755)
        self.nginx_conf = self.folder / "nginx.conf"
        self.nginx_conf.write_text(NGINX)
        self.net.__enter__()
        try:
            self.client = self.net.host("client", "172.28.75.1/24")
            for name, told in self.told["services"].items():
                self.services[name] = Service(self, name, told)
        except BaseException:
            self.net.close()
            raise
        return self

    def __exit__(self, *_):
        for one in self.services.values():
            one.end()
        self.net.close()

    def volume(self, name):
        """A named volume: as an engine makes it, with the owner that the folder has in Genkan's image."""
        assert name in self.told["volumes"], f"compose.yml has no volume {name}"
        path = self.folder / f"volume-{name}"
        if not path.exists():
            path.mkdir(mode=0o750)
            os.chown(path, *users_of_the_image())
        return path

    def start(self):
        begun = set()

        def begin(name):
            if name not in begun:
                begun.add(name)
                for needed in self.services[name].told.get("depends_on", []):
                    begin(needed)
                self.services[name].start()
        for name in self.services:
            begin(name)
        for one in self.services.values():
            for published in one.told.get("ports", []):
                self.wait_port(one, published.split(":")[1])
        self.wait_port(self.services["memcached"], 11211)
        return self

    def wait_port(self, service, port):
        def open_now():
            if not service.running():
                raise RuntimeError(f"{service.name} has ended:\n{service.log()[-4000:]}")
            self.ask("import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)", service.address, port)
            return True
        wait_until(open_now, 20, f"{service.name} listens on {port}\n{service.log()[-2000:]}", every=0.1)

    def ask(self, script, *args):
        """Python lines at a client of the site; what they print."""
        return self.client.run(sys.executable, "-c", script, *args, timeout=60 * SLOW)

    def get(self, url, *more):
        return self.client.run("curl", "-ksS", "--max-time", str(int(20 * SLOW)), *more, url, timeout=60 * SLOW)

"""The configurations of the origin, of Genkan and of its peers. Peers are set up as someone would who wants them fast:
nginx keeps as many origin connections as there are clients (a smaller pool doubles its cost), reuseport, multi_accept and a
buffered access log; HAProxy reuses origin connections always. All log every request to a file."""
import shutil

from lib import Server, folder, free_port, genkan_program, write

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"


def _nginx(name, port, http, workers, cpus):
    base = folder() / name
    (base / "tmp").mkdir(parents=True, exist_ok=True)
    temps = " ".join(f"{kind}_temp_path {base}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = write(f"{name}/nginx.conf", f"""
        daemon off; worker_processes {workers}; pid {base}/pid; error_log {base}/error.log;
        user root;
        events {{ worker_connections 8192; multi_accept on; }}
        http {{ {temps} keepalive_requests 100000000; keepalive_timeout 300s; default_type text/plain; {http} }}
    """)
    return Server(name, [NGINX, "-p", base, "-c", conf, "-e", base / "error.log"], port, cpus)


def origin(size=1024, workers=1, cpus=None, address="127.0.0.1"):
    """An nginx that answers / with `size` bytes from a file it keeps open."""
    port = free_port()
    page = write(f"www/{size}", ("0123456789abcde\n" * (size // 16 + 1))[:size])
    return _nginx("origin", port, f"""
        access_log off; sendfile on; tcp_nopush on; open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
        server {{ listen {address}:{port} reuseport backlog=4096; location / {{ root {page.parent}; try_files /{size} =404; }} }}
    """, workers, cpus)


def nginx(origin_port, threads=1, cpus=None):
    port = free_port()
    log = folder() / "nginx-access.log"
    return _nginx("nginx", port, f"""
        access_log {log} combined buffer=64k flush=1s;
        upstream web {{ server 127.0.0.1:{origin_port}; keepalive 2048; keepalive_requests 100000000; }}
        server {{
          listen 127.0.0.1:{port} reuseport backlog=4096;
          location / {{
            proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
          }}
        }}
    """, threads, cpus)


def haproxy(origin_port, threads=1, cpus=None):
    port = free_port()
    conf = write("haproxy.cfg", f"""
global
  nbthread {threads}
  maxconn 8000
  log stdout format raw local0
  tune.pool-high-fd-ratio 90
  tune.pool-low-fd-ratio 90
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend web
backend web
  http-request set-header X-Forwarded-Proto http
  server one 127.0.0.1:{origin_port} pool-max-conn 2048 pool-purge-delay 300s
""")
    return Server("haproxy", [HAPROXY, "-db", "-f", conf], port, cpus)


def genkan(origin_port, threads=1, cpus=None, route="", pool="", top=""):
    """`route`, `pool`, `top`: further TOML lines for the route, the pool, and after everything else."""
    port, admin = free_port(), free_port()
    conf = write("genkan.toml", f"""
[node]
name = "bench"
state_dir = "{folder()}/genkan"
workers = {threads}
[log]
level = "warning"
[access_log]
path = "{folder()}/genkan-access.log"
[admin]
listen = "127.0.0.1:{admin}"
[http]
idle_timeout = "300s"
[[listen]]
address = ["127.0.0.1:{port}"]
[[pool]]
name = "web"
idle_connections = 4096
{pool}
  [[pool.backend]]
  address = "127.0.0.1:{origin_port}"
[[route]]
pool = "web"
{route}
{top}
""")
    (folder() / "genkan").mkdir(exist_ok=True)
    return Server("genkan", [genkan_program(), "run", "-c", conf], port, cpus)

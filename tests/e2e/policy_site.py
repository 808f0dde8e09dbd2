"""A configuration piece by piece for the tests of routes and what stands around them."""
from harness import free_port

HEALTH = '[pool.health]\npath = "/health"\ninterval = "200ms"\ntimeout = "2s"\nrise = 1\nfall = 2\n'


def pool(name, *servers):
    backends = "".join(f'[[pool.backend]]\naddress = "127.0.0.1:{s.port}"\n' for s in servers)
    return f'[[pool]]\nname = "{name}"\n{backends}{HEALTH}\n'


def site(genkan, pools, routes, http="", **more):
    """A program with these pools ({name: server or servers}) and routes (TOML). Returns (port, program)."""
    port = free_port()
    made = "".join(pool(name, *(servers if isinstance(servers, (list, tuple)) else [servers]))
                   for name, servers in pools.items())
    conf = f'[http]\n{http}\n[[listen]]\naddress = ["127.0.0.1:{port}"]\n{made}\n{routes}\n'
    return port, genkan(conf, **more)

#!/usr/bin/env python3
"""Who may include whom: reads the room() lines of CMakeLists.txt and every #include of every room, and names each breach.

usage: layering.py [ROOT]     exit code 0: nothing found; 1: breaches, one a line as FILE:LINE: what

Three rules:
- a room includes only itself and the rooms that its USES names;
- USES names only rooms that stand above it in CMakeLists.txt, so there can be no cycle;
- a third-party library is included only where THIRD_PARTY says, so that it can be replaced in one place.
"""
import re
import sys
from pathlib import Path

# A prefix of the included path, and the files (prefixes of their path from the root) that may include it. First match.
THIRD_PARTY = {
    "nghttp2/": ["http/h2"],
    "boost/beast": ["http/h1"],
    "boost/asio/buffer.hpp": ["http/h1"],  # what Beast's parser is fed with
    "boost/asio": [],
    "openssl/": ["net/tls", "base/crypto"],
    "libmemcached": ["cache/memcached"],
    "re2/": ["base/pattern"],
    "toml++/": ["conf/"],
    "CLI/": ["app/"],
    "ares.h": ["net/"],
    "sqlite3.h": ["monitor/", "smtp/", "webmail/"],
    "libpsl.h": ["smtp/auth/public_suffix"],
    "argon2.h": ["webmail/", "proxy/password"],
    "unicode/": ["webmail/"],
    "zlib.h": ["proxy/"],
    "brotli/": ["proxy/"],
    "zstd.h": ["proxy/"],
}

ROOM = re.compile(r"^\s*room\(\s*(\w+)([^)]*)\)", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SOURCES = {".cpp", ".hpp", ".h", ".cc", ".ipp"}


def read_rooms(cmake_text):
    """{room: set of rooms it may include} in the order of the file."""
    text = re.sub(r"#.*", "", cmake_text)
    rooms = {}
    for name, rest in ROOM.findall(text):
        uses, keyword = set(), ""
        for word in rest.split():
            if word in ("USES", "LINKS"):
                keyword = word
            elif keyword == "USES":
                uses.add(word)
        rooms[name] = uses
    return rooms


def check_order(rooms):
    seen = set()
    for name, uses in rooms.items():
        for used in sorted(uses - seen):
            why = "is not a room" if used not in rooms else "stands below it"
            yield f"CMakeLists.txt: room {name} uses {used}, which {why}"
        seen.add(name)


def check_file(path, text, rooms):
    """path: from the root, with slashes. Yields "path:line: what"."""
    room = path.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(2)
        first = target.split("/")[0]
        if "/../" in f"/{target}":
            yield f"{path}:{number}: includes {target}: name it from the project's root"
        ours = match.group(1) == '"' or target.endswith(".hpp")  # <net/if.h> is the system's
        if ours and "/" in target and first in rooms and first != room and first not in rooms[room]:
            yield f"{path}:{number}: room {room} must not include {target} (it may use: {' '.join(sorted(rooms[room]))})"
        library = next((prefix for prefix in THIRD_PARTY if target.startswith(prefix)), None)
        if library:
            places = THIRD_PARTY[library]
            if not any(path.startswith(p) for p in places):
                where = " and ".join(f"{p}*" for p in places) or "no file"
                yield f"{path}:{number}: includes {target}, which is for {where} only"


def check_tree(root):
    rooms = read_rooms((root / "CMakeLists.txt").read_text())
    if not rooms:
        yield "CMakeLists.txt: has no room() line"
        return
    yield from check_order(rooms)
    for room in rooms:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in SOURCES and "node_modules" not in path.parts:
                yield from check_file(path.relative_to(root).as_posix(), path.read_text(errors="replace"), rooms)


def main(argv):
    root = Path(argv[1]) if len(argv) > 1 else Path(__file__).resolve().parent.parent
    breaches = list(check_tree(root))
    print("\n".join(breaches) if breaches else "layering: nothing found")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

#!/usr/bin/env python3
"""clang-tidy over C++ sources, those left out that were clean and have not changed since.

usage: tools/tidy.py BUILD FILE...    BUILD: the folder of compile_commands.json

What counts as the same: the bytes of the source, of every header of the project that it includes, of .clang-tidy and of
the command that compiles it. Kept in BUILD/clean, a file for each source. Ends with 1 when something was found.
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

TIDY = "clang-tidy-14"


class Sources:
    def __init__(self, build):
        self.build, self.clean = Path(build), Path(build) / "clean"
        self.clean.mkdir(exist_ok=True)
        self.commands = {str(Path(one["directory"], one["file"]).resolve()): one
                         for one in json.loads((self.build / "compile_commands.json").read_text())}
        self.rules = Path(".clang-tidy").read_bytes()
        self.bytes = {}

    def note(self, file):
        return self.clean / (file.replace("/", "+") + ".json")

    def command(self, file):
        return self.commands[str(Path(file).resolve())]

    def headers(self, file):
        """The project's own files that the source is compiled from."""
        argv = shlex.split(self.command(file)["command"])
        at = argv.index("-o")
        del argv[at:at + 2]
        argv = [a for a in argv if a != "-c"]
        done = subprocess.run([*argv, "-MM", "-MT", "x"], cwd=self.command(file)["directory"], capture_output=True, text=True, check=True)
        return sorted({os.path.relpath(f) for f in done.stdout.replace("\\\n", " ").split(":", 1)[1].split()})

    def sum(self, file, headers):
        whole = hashlib.sha256(self.rules + self.command(file)["command"].encode())
        for one in [file, *headers]:
            if one not in self.bytes:
                self.bytes[one] = hashlib.sha256(Path(one).read_bytes()).digest() if os.path.exists(one) else b""
            whole.update(one.encode() + self.bytes[one])
        return whole.hexdigest()

    def is_clean(self, file):
        try:
            note = json.loads(self.note(file).read_text())
            return note["sum"] == self.sum(file, note["headers"])
        except (OSError, ValueError, KeyError):
            return False

    def check(self, file):
        """(file, what clang-tidy says or "")."""
        done = subprocess.run([TIDY, "-p", str(self.build), "--quiet", file], capture_output=True, text=True)
        if done.returncode != 0:
            return file, (done.stdout + done.stderr).strip() or f"{TIDY} ended with {done.returncode}"
        headers = self.headers(file)
        self.note(file).write_text(json.dumps({"sum": self.sum(file, headers), "headers": headers}))
        return file, ""


def main():
    sources = Sources(sys.argv[1])
    todo = [file for file in sys.argv[2:] if not sources.is_clean(file)]
    print(f"{len(sys.argv) - 2} files, {len(todo)} of them new or changed", file=sys.stderr, flush=True)
    found = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (file, said) in enumerate(pool.map(sources.check, todo), 1):
            if said:
                found += 1
                print(said, flush=True)
            if number % 20 == 0 and sys.stderr.isatty():
                print(f"{number} of {len(todo)}", file=sys.stderr, flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

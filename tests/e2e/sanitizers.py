"""Reports of AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer and ThreadSanitizer, of every process of a test.

A sanitizer writes to stderr, which the program may have sent elsewhere, and says by the exit code that it spoke, which a
test that kills the program or expects it to end never looks at; a guardian or a successor is no child of the test at all.
So the sanitizers are told to write into one folder, a file for each process, and what is in it when a test has ended fails
that test. The folder is open to everybody: the program gives up root.
"""
import os
import shutil
import tempfile
from pathlib import Path


class Reports:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="genkan-reports-"))
        self.folder.chmod(0o1777)
        for name, more in (("ASAN", "detect_leaks=1"), ("LSAN", ""), ("UBSAN", "print_stacktrace=1"), ("TSAN", "")):
            given = os.environ.get(f"{name}_OPTIONS", "")
            mine = f"log_path={self.folder}/{name.lower()}:exitcode=99"
            os.environ[f"{name}_OPTIONS"] = ":".join(o for o in (mine, more, given) if o)

    def take(self):
        """What was written since the last time, one text for each process; forgotten afterwards."""
        texts = []
        for file in sorted(self.folder.iterdir()):
            text = file.read_text(errors="replace")
            file.unlink()
            if text.strip():
                texts.append(f"{file.name}:\n{text[:8000]}")
        return texts

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

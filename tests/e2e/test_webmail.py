"""The webmail and the status page in a real browser (Debian's Chromium, driven by playwright-core).

The scenarios are in browser/*.mjs, one function each. Those of the webmail run twice: against the in-memory server that the UI is
developed with (webmail/ui/dev/), and against `genkan run` with real Maildirs and a real SMTP port. GENKAN_TEST_PICTURES=FOLDER keeps
a picture of every page of a scenario that failed.
"""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import harness
from harness import ROOT, SLOW, free_port, http_get, run_genkan, wait_until

BROWSER = Path(__file__).resolve().parent / "browser"
UI = ROOT / "webmail" / "ui"
USER, PASSWORD = "alice@example.org", "correct horse 電池"


def scenarios(*files):
    """Names of scenarios: the last object that a file exports lists them."""
    names = []
    for file in files:
        listed = re.findall(r"^export const \w+ = \{([^}]*)\};", (BROWSER / file).read_text(), re.M)[-1]
        names += [name.strip() for name in listed.split(",") if name.strip()]
    assert names
    return names


@pytest.fixture(scope="session")
def ui():
    """The UI, built, with the browser driver installed."""
    for program in ("node", "npm", "chromium"):
        assert shutil.which(program), f"{program} is not installed (apt install nodejs npm chromium)"
    if not (UI / "node_modules" / "playwright-core").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=UI, check=True, timeout=600)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=UI, check=True, timeout=300)


def start_node(folder, name, *argv):
    """A stand-in server; it says where it is in its first line of JSON."""
    one = harness.Process(name, folder)
    one.spawn(["node", *map(str, argv)])
    line = one.wait_log(r'^\{"url"', timeout=20)[0]
    return one, json.loads(line)


@pytest.fixture(scope="session", autouse=True)
def browser(ui, tmp_path_factory):
    """One browser for all scenarios; play() finds it in the environment."""
    one, where = start_node(tmp_path_factory.mktemp("browser"), "browser", BROWSER / "run.mjs", "--browser")
    os.environ["BROWSER_URL"] = where["url"]
    yield
    del os.environ["BROWSER_URL"]
    one.end()


def play(name, tmp_path, timeout=120, **env):
    pictures = os.environ.get("GENKAN_TEST_PICTURES", str(tmp_path))
    done = subprocess.run(["node", str(BROWSER / "run.mjs"), name], env={**os.environ, "WEBMAIL_PICTURES": pictures, **{k: str(v) for k, v in env.items()}},
                          capture_output=True, text=True, timeout=timeout * SLOW)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"


# --- The UI with the in-memory server

@pytest.fixture(scope="module")
def mock(ui, tmp_path_factory):
    one, where = start_node(tmp_path_factory.mktemp("mock"), "mock", UI / "dev" / "server.mjs", "--port", 0, "--smtp", 0, "--user", USER, "--password", PASSWORD)
    yield where
    one.end()


@pytest.mark.parametrize("name", scenarios("webmail.mjs", "webmail-writing.mjs"))
def test_the_ui_alone(name, mock, tmp_path):
    play(name, tmp_path, WEBMAIL_URL=mock["url"], WEBMAIL_SMTP=mock["smtp"], WEBMAIL_USER=USER, WEBMAIL_PASSWORD=PASSWORD, WEBMAIL_MOCK=1)


# --- The UI with Genkan

CONF = """
[[listen]]
address = ["127.0.0.1:{http}"]
[[pool]]
name = "webmail"
webmail = true
[[route]]
path_prefix = "/webmail/"
pool = "webmail"
[smtp]
enabled = true
yield = false
hostname = "mx.example.org"
min_free = "1MiB"
max_connections_per_address = 200
[[smtp.listen]]
address = ["127.0.0.1:{smtp}"]
[[smtp.route]]
domains = ["example.org"]
local = true
[webmail]
enabled = true
domains = ["example.org"]
secure_cookie = false
"""


@pytest.fixture(scope="module")
def site(ui, tmp_path_factory):
    """One Genkan for all scenarios: a mailbox that fills up, as in life."""
    http, smtp = free_port(), free_port()
    one = harness.Genkan(tmp_path_factory.mktemp("site"), CONF.format(http=http, smtp=smtp))
    one.state.mkdir(exist_ok=True)
    added = run_genkan("user", "add", USER, "-c", one.file, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert added.returncode == 0, added.stderr + added.stdout
    one.start()
    wait_until(lambda: http_get(http, "/webmail/").status == 200, what="the webmail answers")
    yield {"url": f"http://127.0.0.1:{http}/webmail/", "smtp": smtp}
    one.stop()


@pytest.mark.parametrize("name", scenarios("webmail.mjs", "webmail-writing.mjs"))
def test_the_webmail(name, site, tmp_path):
    play(name, tmp_path, WEBMAIL_URL=site["url"], WEBMAIL_SMTP=site["smtp"], WEBMAIL_USER=USER, WEBMAIL_PASSWORD=PASSWORD)


# --- The status page with made-up figures: trouble that is hard to make, and input that should never come

STATUS_OPTIONS = {"statusSaysWhatIsWrong": ["--trouble"], "statusAsksForAToken": ["--token", "s3cret"]}


@pytest.mark.parametrize("name", scenarios("status.mjs"))
def test_the_status_page(name, ui, tmp_path):
    one, where = start_node(tmp_path, "status-mock", BROWSER / "status-mock.mjs", "--port", 0, *STATUS_OPTIONS.get(name, []))
    try:
        play(name, tmp_path, STATUS_URL=where["url"])
    finally:
        one.end()


@pytest.mark.parametrize("token", ["", "a token of some length"], ids=["loopback", "token"])
def test_the_status_page_of_genkan(token, ui, genkan, nginx, tmp_path):
    one, two = nginx("one"), nginx("two")
    port, admin = free_port(), free_port()
    genkan(f"""
        [[listen]]
        address = ["127.0.0.1:{port}"]
        [[pool]]
        name = "web"
        backend = [{{ name = "one", address = "127.0.0.1:{one.port}" }}, {{ name = "two", address = "127.0.0.1:{two.port}" }}]
        [[route]]
        pool = "web"
        [admin]
        listen = "127.0.0.1:{admin}"
        token = "{token}"
    """)
    play("statusOfGenkan", tmp_path, STATUS_URL=f"http://127.0.0.1:{admin}/", STATUS_TOKEN=token)


def test_the_status_page_is_one_small_file_that_asks_nobody_else():
    page = (ROOT / "admin" / "page" / "index.html").read_text()
    assert len(page.encode()) < 60_000
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", page)
    assert not re.search(r"""\son\w+\s*=\s*["']|\sstyle\s*=\s*["']""", page), "handlers and styles would need unsafe-inline"

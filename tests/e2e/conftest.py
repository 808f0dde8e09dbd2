"""Fixtures of the end-to-end tests: each is a function that starts one more of its kind and stops all of them afterwards."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness  # noqa: E402
from peers import need_root  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "root: makes network namespaces or needs other rights of root")


@pytest.fixture(autouse=True)
def rights(request):
    if request.node.get_closest_marker("root"):
        need_root(request.node.name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On failure the end of every log of the test is shown."""
    report = (yield).get_result()
    folder = item.funcargs.get("tmp_path") if hasattr(item, "funcargs") else None
    if report.failed and folder:
        for log in sorted(Path(folder).rglob("*.log")):
            if log.stat().st_size:
                report.sections.append((str(log.relative_to(folder)), log.read_text(errors="replace")[-3000:]))


def _stop_all(started):
    problems = []
    for one in reversed(started):
        try:
            one.stop()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def genkan(tmp_path):
    """genkan(conf, name=..., workers=..., env=..., netns=..., start=True) -> a ready harness.Genkan."""
    started = []

    def make(conf, start=True, ready=True, **more):
        one = harness.Genkan(tmp_path, conf, **more)
        started.append(one)
        return one.start(ready=ready) if start else one
    yield make
    _stop_all(started)


@pytest.fixture
def nginx(tmp_path):
    started = []

    def make(name="nginx", **more):
        one = harness.Nginx(tmp_path, name, **more)
        started.append(one)
        return one.start()
    yield make
    _stop_all(started)


@pytest.fixture
def origin():
    """origin(handler) -> harness.RawOrigin."""
    started = []

    def make(handler, **more):
        one = harness.RawOrigin(handler, **more)
        started.append(one)
        return one
    yield make
    _stop_all(started)


@pytest.fixture
def smtp_sink(tmp_path):
    started = []

    def make(name="sink", **more):
        one = harness.SmtpSink(tmp_path, name, **more)
        started.append(one)
        return one.start()
    yield make
    _stop_all(started)


@pytest.fixture(scope="session", autouse=True)
def _no_proxy():
    """The machine's proxy settings are not for loopback."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ.pop(name, None)

"""Fixtures of the end-to-end tests: each is a function that starts one more of its kind and stops all of them afterwards."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness  # noqa: E402
from peers import need_root  # noqa: E402
from sanitizers import Reports  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # A folder of this run's own for all tmp_path. The common one is closed again (0700) by each pytest that starts, and
    # Postfix, smtp-sink and a Genkan that gave up root would lose the way to their files in the middle of a test.
    if not config.option.basetemp:
        config.own_folder = config.option.basetemp = tempfile.mkdtemp(prefix="genkan-e2e-")
    config.reports = Reports()
    config.addinivalue_line("markers", "root: makes network namespaces or needs other rights of root")


def pytest_sessionfinish(session, exitstatus):
    """What failed can be looked at; what passed leaves nothing behind."""
    late = session.config.reports.take()  # of what lives longer than a test
    session.config.reports.remove()
    if late:
        print("\nA sanitizer report after the last test:\n" + "\n".join(late))
        session.exitstatus = exitstatus = pytest.ExitCode.TESTS_FAILED
    own = getattr(session.config, "own_folder", None)
    if own and exitstatus == 0:
        shutil.rmtree(own, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _open_folder(tmp_path_factory):
    tmp_path_factory.getbasetemp().chmod(0o755)


@pytest.fixture
def open_path(tmp_path):
    """tmp_path, for a program that is not root."""
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture(autouse=True)
def rights(request):
    if request.node.get_closest_marker("root"):
        need_root(request.node.name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test fails when a sanitizer spoke. On failure the end of every log of the test is shown."""
    report = (yield).get_result()
    said = item.config.reports.take() if call.when == "teardown" else []  # here, as another failure hides none of a fixture
    if said:
        before = f"{report.longreprtext}\n" if report.failed else ""
        report.outcome, report.longrepr = "failed", before + "a sanitizer report:\n" + "\n".join(said)
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

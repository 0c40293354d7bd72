"""What milton loads into pytest to be told what happened to every test.

The tests run in this very process, so nothing here is out of their reach. What it is for: the outcome
is taken where the test ended, before any hook can rewrite it; each line is authenticated with a key
that is read from standard input before a file of the candidate is imported, and chained to the line
before, so that a record that was cut, edited or written by somebody else is no record. What a hook or
a setting of the candidate steers is found by the second run, with the base's own.

Written for Python 3.7 and pytest 6, and everything newer.
"""

import hashlib
import hmac
import json
import os
import sys
import unittest

import _pytest.outcomes
import _pytest.python
import _pytest.runner
import pluggy
import pytest


def _make(
    # Captured here, so that a test which replaces one of these changes nothing.
    close=os.close,
    digest=hashlib.sha256,
    dumps=json.dumps,
    flags=os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0),
    getpid=os.getpid,
    mac=hmac.new,
    modules=sys.modules,
    opened=os.open,
    write=os.write,
):
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    key = b""
    settings = {"file": None, "modules": []}
    if not is_worker:
        given = b""
        while True:
            part = os.read(0, 65536)
            if not part:
                break
            given += part
        nothing = opened(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if nothing != 0:
            close(nothing)
        key, settings = given[:32], json.loads(given[32:].decode("utf-8"))
        del given

    owner = getpid()
    chain = {"mac": b"", "seq": 0}
    waiting = []
    skips = (_pytest.outcomes.Skipped, unittest.SkipTest)
    expected = getattr(_pytest.outcomes, "XFailed", None)
    if expected is None:
        expected = _pytest.skipping.xfail.Exception
    worst = {"passed": 0, "xpassed": 1, "xfailed": 2, "skipped": 2, "failed": 3}

    watched = []
    for place, name in (
        (_pytest.runner, "pytest_runtest_protocol"),
        (_pytest.runner, "runtestprotocol"),
        (_pytest.runner, "call_and_report"),
        (_pytest.runner, "call_runtest_hook"),
        (_pytest.runner, "pytest_runtest_call"),
        (_pytest.runner, "pytest_runtest_setup"),
        (_pytest.runner, "pytest_runtest_makereport"),
        (_pytest.runner.CallInfo, "from_call"),
        (_pytest.python.Function, "runtest"),
        (_pytest.python.Function, "setup"),
        (_pytest.python, "pytest_pyfunc_call"),
        (getattr(pluggy, "_hooks", pluggy), "_multicall"),
        (getattr(pluggy, "_callers", pluggy), "_multicall"),
    ):
        found = getattr(place, name, None)
        code = getattr(getattr(found, "__func__", found), "__code__", None)
        if code is not None:
            watched.append((place, name, code))

    def tampered():
        for place, name, code in watched:
            found = getattr(place, name, None)
            if getattr(getattr(found, "__func__", found), "__code__", None) is not code:
                return True
        return False

    def clean(text, most=600):
        text = str(text).encode("utf-8", "backslashreplace")
        if len(text) > most:
            text = text[: most - 40] + b" " + digest(text).hexdigest()[:32].encode("ascii")
        return text.decode("utf-8", "replace")

    def tell(kind, **fields):
        # A child that a test forked is not the one that tells.
        if is_worker or not settings["file"] or getpid() != owner:
            return
        fields["kind"] = kind
        fields["seq"] = chain["seq"]
        line = dumps(fields, sort_keys=True).encode("ascii")
        chain["mac"] = mac(key, chain["mac"] + line, digest).digest()
        chain["seq"] += 1
        waiting.append(chain["mac"].hex().encode("ascii") + b" " + line + b"\n")
        # A record that breaks off is no record, so nothing is lost by writing many lines at once.
        if kind == "test" and len(waiting) < 64:
            return
        whole = b"".join(waiting)
        del waiting[:]
        file = opened(settings["file"], flags, 0o600)
        try:
            while whole:
                whole = whole[write(file, whole) :]
        finally:
            close(file)

    def kind_of(info):
        """How a test ended by the exception that ended it."""
        if info is None:
            return "passed"
        value = getattr(info, "value", info)
        if isinstance(value, expected):
            return "xfailed"
        if isinstance(value, skips):
            return "skipped"
        return "failed"

    def where(name):
        module = modules.get(name)
        if module is None:
            return None
        file = getattr(module, "__file__", None)
        if not file:
            file = next(iter(getattr(module, "__path__", None) or ()), None)
        return clean(os.path.abspath(file), 4000) if file else None

    class Report:
        def __init__(self):
            self.tests = {}
            self.gathered = 0
            self.broken_collections = 0
            self.changed = False
            self.tampered = False
            self.exit_status = None
            tell("begin", version=1, pytest=clean(pytest.__version__))

        def note(self, nodeid, outcome, reason=""):
            test = self.tests.setdefault(nodeid, {"outcome": "passed", "reason": "", "calls": 0})
            if worst[outcome] > worst[test["outcome"]]:
                test["outcome"], test["reason"] = outcome, clean(reason, 300)
            return test

        def end(self, nodeid):
            test = self.tests.pop(nodeid, None)
            if test is not None:
                tell(
                    "test",
                    id=clean(nodeid),
                    outcome=test["outcome"],
                    reason=test["reason"],
                    calls=test["calls"],
                )

        @pytest.hookimpl(tryfirst=True)
        def pytest_itemcollected(self, item):
            self.gathered += 1

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(self, session):
            self.tampered = self.tampered or tampered()
            if not hasattr(session.config, "workerinput"):
                tell("collected", run=len(session.items), gathered=self.gathered)

        @pytest.hookimpl(tryfirst=True)
        def pytest_collectreport(self, report):
            if report.failed:
                self.broken_collections += 1
                tell("collection", id=clean(report.nodeid), outcome="failed")
            elif report.skipped:
                tell("collection", id=clean(report.nodeid), outcome="skipped")

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(self, item, call):
            if call.when == "setup":
                # Anew: a plugin runs a flaky test again.
                self.tests.pop(item.nodeid, None)
            before = kind_of(call.excinfo)
            kept = [kind_of(info) for info in getattr(item, "_excinfo", None) or ()]
            result = yield
            report = result.get_result()
            if call.when == "teardown":
                self.tampered = self.tampered or tampered()
            seen = [before, kind_of(call.excinfo)] + kept
            outcome = max(seen, key=worst.get)
            xfail = hasattr(report, "wasxfail") and item.get_closest_marker("xfail") is not None
            if outcome == "failed" and report.outcome == "skipped" and xfail:
                outcome = "xfailed"
            elif outcome == "failed" and report.outcome != "failed":
                self.changed = True
            elif outcome != "failed" and report.outcome == "failed":
                outcome = "failed"
            elif outcome == "passed" and xfail:
                outcome = "xpassed"
            reason = getattr(getattr(call.excinfo, "value", None), "msg", "") or ""
            test = self.note(item.nodeid, outcome, reason if outcome != "failed" else "")
            if call.when == "call":
                test["calls"] += 1
            # A worker of pytest-xdist tells through the report that it sends.
            report.milton = [outcome, self.changed, self.tampered]

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self, report):
            if hasattr(report, "node"):
                outcome, changed, tampering = getattr(report, "milton", ("failed", True, True))
                self.changed = self.changed or changed
                self.tampered = self.tampered or tampering
                if report.when == "setup":
                    self.tests.pop(report.nodeid, None)
                test = self.note(report.nodeid, "failed" if report.failed else outcome)
                test["calls"] += report.when == "call"
            elif report.failed:
                self.note(report.nodeid, "failed")

        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logfinish(self, nodeid, location):
            self.end(nodeid)

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_sessionfinish(self, session, exitstatus):
            before = int(exitstatus)
            yield
            if hasattr(session.config, "workerinput"):
                return
            for nodeid in list(self.tests):
                self.end(nodeid)
            found = {name: where(name) for name in settings["modules"]}
            tell(
                "finish",
                exit_before=before,
                exit=int(session.exitstatus),
                failed=int(session.testsfailed),
                changed=self.changed,
                tampered=self.tampered or tampered(),
                modules={name: file for name, file in found.items() if file},
            )

    return Report()


def pytest_configure(config, report=_make()):
    config.pluginmanager.register(report, "milton-report")

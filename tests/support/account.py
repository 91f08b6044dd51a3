"""Tells the minutes of each folder, and lets a run with a skipped test fail."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

BUDGET_MINUTES = {"unit": 1, "store": 7, "stories": 6, "faults": 9, "browser": 4}


class Account:
    """Counts the seconds of each folder, and the tests that were skipped."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.tests: Counter[str] = Counter()
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one test."""
        folder = folder_of(report.nodeid)
        self.seconds[folder] += report.duration
        self.tests[folder] += report.when == "call"
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notice a file that skips itself."""
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let a run with a skipped test fail."""
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print the account."""
        terminalreporter.section("minutes by folder")
        for folder, seconds in self.seconds.items():
            budget = BUDGET_MINUTES.get(folder)
            limit = f" of {budget}" if budget else ""
            over = "  OVER" if budget and seconds > 60 * budget else ""
            terminalreporter.line(
                f"{folder:<10} {seconds / 60:5.2f}{limit}"
                f"  ({self.tests[folder]} tests){over}"
            )
        for test in self.skipped:
            terminalreporter.line(f"SKIPPED, which fails the run: {test}", red=True)


def folder_of(nodeid: str) -> str:
    """Return the folder below ``tests`` that a test lies in, or its file."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 1 else "".join(parts)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the account of this run."""
    config.pluginmanager.register(Account(), "account")

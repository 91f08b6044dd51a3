"""A run in which a test is skipped fails, and the time of each folder is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSING = "def test_a():\n    assert True\n"


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run one test file with the account, and nothing else, plugged in."""
    file = folder / "test_it.py"
    file.write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.account"]
    return subprocess.run(
        [*command, "-c", str(folder / "pytest.ini"), str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_run_without_skips_passes(tmp_path: Path) -> None:
    done = run(tmp_path, PASSING)
    assert done.returncode == 0, done.stdout
    assert "minutes by folder" in done.stdout
    assert "(1 tests)" in done.stdout
    assert done.stdout.splitlines()[-1].strip("= ").startswith("1 passed")


@pytest.mark.parametrize(
    "skipping",
    [
        "import pytest\n\n\n@pytest.mark.{skip}\ndef test_b():\n    assert True\n",
        "import pytest\n\n\ndef test_b():\n    pytest.{skip}('no')\n",
        "import pytest\npytest.{skip}('no', allow_module_level=True)\n",
        "import pytest\n\n\n@pytest.mark.{xfail}\ndef test_b():\n    assert False\n",
    ],
    ids=["marked", "called", "file", "expected"],
)
def test_a_skip_fails_the_run(tmp_path: Path, skipping: str) -> None:
    words = {"skip": "sk" + "ip", "xfail": "xf" + "ail"}
    done = run(tmp_path, PASSING + skipping.format(**words))
    assert done.returncode != 0, done.stdout
    assert "SKIPPED, which fails the run" in done.stdout

"""What the tests need of the machine is installed without side effects."""

import subprocess
from pathlib import Path

import pytest

from setting import machine


def test_packages_start_no_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(machine, "POLICY", policy)
    with pytest.raises(RuntimeError), machine.no_services():
        asked = [str(policy), "nginx", "start"]
        assert subprocess.run(asked, check=False).returncode == 101
        raise RuntimeError("the installation failed")
    assert not policy.exists()


def test_a_machine_keeps_its_own_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("its own")
    monkeypatch.setattr(machine, "POLICY", policy)
    with machine.no_services():
        assert policy.read_text() == "its own"
    assert policy.read_text() == "its own"


def test_programs_for_root_alone_are_found() -> None:
    assert machine.program("sh")()
    assert not machine.program("no-such-program")()

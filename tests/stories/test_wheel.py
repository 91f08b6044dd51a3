"""A built wheel carries all that the server reads at run time."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "dealcast"


def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(
        [*build, "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("dealcast-*.whl")
    with ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    sources = {
        str(file.relative_to(ROOT / "server"))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert any(name.endswith(".lua") for name in sources)
    assert sources <= carried, sources - carried

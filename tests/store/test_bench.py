"""The measurement runs: it does by itself what the gate does for a new folder."""

from dealcast.config import Settings
from dealcast.tools import bench


def test_holds_are_measured_beside_a_baseline() -> None:
    assert bench.run(Settings(), "holds", 1, 100) == 0

"""The stage on which the stories of faults are played."""

from tests.faults.harness import stage_of

__all__ = ["stage_of"]

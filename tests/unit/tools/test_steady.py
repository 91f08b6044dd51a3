"""The plan of a steady load: made of its seed alone."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

from dealcast.tools.scene import Plan
from dealcast.tools.steady import CLUMP, EARLY_S, Errand, schedule

PLAN = Plan(
    url="", show="demo", viewers=50, steady_s=30, buys_per_s=40, seed=7, expiring=True
)


def first(plan: Plan, buys: int = 1200) -> list[Errand]:
    """Return the first buys of a plan."""
    return list(islice(schedule(plan), buys))


def test_a_seed_plans_the_same_buys() -> None:
    assert first(PLAN) == first(PLAN)
    assert first(PLAN) != first(replace(PLAN, seed=8))


def test_buys_come_in_clumps_all_the_time() -> None:
    instants = Counter(errand.at_s for errand in first(PLAN))
    assert set(instants.values()) == {CLUMP}
    ordered = sorted(instants)
    assert ordered == list(instants)
    assert 29 < ordered[-1] <= 30, "1,200 buys are planned for 30 s"
    assert max(b - a for a, b in pairwise(ordered)) <= 2 * CLUMP / PLAN.buys_per_s


def test_every_viewer_and_every_turn_has_a_part() -> None:
    errands = first(PLAN)
    turns = Counter(errand.turn for errand in errands)
    assert {errand.viewer for errand in errands} == set(range(PLAN.viewers))
    assert set(turns) == {"pays", "releases", "declines", "leaves"}
    assert turns.most_common(1)[0][0] == "pays"
    assert {errand.quantity for errand in errands} == {1, 2}
    assert any(errand.twice for errand in errands)


def test_holds_expire_only_early_and_only_if_there_is_time_for_it() -> None:
    left = [errand for errand in first(PLAN) if errand.turn == "leaves"]
    assert left
    assert all(errand.at_s < EARLY_S for errand in left)
    hasty = first(replace(PLAN, expiring=False))
    assert all(errand.turn != "leaves" for errand in hasty)

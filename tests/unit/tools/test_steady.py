"""The plan of a steady load: made of its seed alone."""

import itertools
from collections import Counter
from dataclasses import replace

from dealcast.tools.scene import Plan
from dealcast.tools.steady import CLUMP, EARLY, schedule

PLAN = Plan(
    url="", show="demo", viewers=50, steady_s=30, buys_per_s=40, seed=7, expiring=True
)


def test_a_seed_plans_the_same_buys() -> None:
    assert schedule(PLAN) == schedule(PLAN)
    assert schedule(PLAN) != schedule(replace(PLAN, seed=8))


def test_buys_come_in_clumps_all_the_time() -> None:
    instants = Counter(errand.at_s for errand in schedule(PLAN))
    assert set(instants.values()) == {CLUMP}
    assert len(instants) == PLAN.steady_s * PLAN.buys_per_s / CLUMP
    ordered = sorted(instants)
    pause = PLAN.steady_s / len(ordered)
    assert 0 <= ordered[0] and ordered[-1] <= PLAN.steady_s
    gaps = [b - a for a, b in itertools.pairwise(ordered)]
    assert max(gaps) <= 2 * pause


def test_every_viewer_and_every_turn_has_a_part() -> None:
    errands = schedule(PLAN)
    turns = Counter(errand.turn for errand in errands)
    assert {errand.viewer for errand in errands} == set(range(PLAN.viewers))
    assert set(turns) == {"pays", "releases", "declines", "leaves"}
    assert turns.most_common(1)[0][0] == "pays"
    assert {errand.quantity for errand in errands} == {1, 2}
    assert any(errand.twice for errand in errands)


def test_holds_expire_only_if_there_is_time_for_it() -> None:
    left = [errand for errand in schedule(PLAN) if errand.turn == "leaves"]
    assert left
    assert all(errand.at_s < EARLY * PLAN.steady_s for errand in left)
    hasty = schedule(replace(PLAN, expiring=False))
    assert all(errand.turn != "leaves" for errand in hasty)

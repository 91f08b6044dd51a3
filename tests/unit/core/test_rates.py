"""Nobody does more than allowed, and everybody may again after a while."""

from dealcast.core.rates import Bucket, Rates


def test_a_burst_is_a_quarter_of_a_minutes_worth() -> None:
    rates = Rates()
    told = [rates.allow("mei", "chat", per_minute=40, now=0) for _ in range(12)]
    assert told.count(True) == 10
    assert rates.allow("lin", "chat", per_minute=40, now=0)
    assert rates.allow("mei", "hold", per_minute=40, now=0)
    assert rates.allow("mei", "chat", per_minute=40, now=1500)
    assert not rates.allow("mei", "chat", per_minute=40, now=1500)
    assert not rates.allow("mei", "chat", per_minute=40, now=0)  # Clocks go back.


def test_the_quietest_is_forgotten_first() -> None:
    rates = Rates(who_max=2)
    for who in ("a", "b", "a", "c"):
        assert rates.allow(who, "x", per_minute=4, now=0)
    assert [rates.allow("a", "x", per_minute=4, now=0) for _ in range(2)] == [
        True,
        False,
    ]


def test_a_debt_is_waited_out() -> None:
    bucket = Bucket(burst=10, per_ms=0.01, now=0)
    assert bucket.owe(10, 0) == 0
    assert bucket.owe(5, 0) == 500
    assert bucket.owe(0, 400) == 100
    assert not bucket.take(1, 500)
    assert bucket.take(1, 601)

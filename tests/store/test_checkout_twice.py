"""The same checkout asked twice at once is one, whichever is how fast."""

from dataclasses import fields
from typing import Any

from dealcast.shop.checkout.service import Checkout
from dealcast.store import tables
from tests.store.selling import Trade, caller

ANN = caller("ann")


async def test_one_that_looked_before_the_other_was_done(trade: Trade) -> None:
    """It finds no payment yet, and then holds that are being paid already."""
    deal = await trade.listing()
    hold = await trade.hold(ANN, deal.id)
    first = await trade.check_out(ANN, hold, key="k")
    looks: list[str] = []

    class Late(Checkout):
        """Looks for the payment before the other has written it."""

        async def _find(self, buyer: Any, key: str) -> Any:
            looks.append(key)
            return None if len(looks) == 1 else await super()._find(buyer, key)

    same = {one.name: getattr(trade.checkout, one.name) for one in fields(Checkout)}
    late = await Late(**same).check_out(
        ANN, [hold], address=None, provider=None, key="k"
    )
    assert late == first
    assert len(await trade.rows(tables.payment)) == 1

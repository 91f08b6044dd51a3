"""All browser tests share one loop, that of their browser, and one node."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from tests.support.browser import Screens
from tests.support.server import Node, running
from tests.support.shopper import SETTINGS, visiting
from tests.support.studio import Studio, close_deals, stock_up

SHARED_LOOP = pytest.mark.asyncio(loop_scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in the loop of the session."""
    for item in items:
        if is_async_test(item) and "tests/browser/" in item.nodeid:
            item.add_marker(SHARED_LOOP, append=False)


@pytest.fixture(scope="session")
def demo_node() -> Iterator[Node]:
    """Run one node with the sample catalog."""
    with running("--demo", "--workers=2", settings=SETTINGS) as node:
        yield node
        assert node.faults() == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(demo_node: Node) -> Node:
    """End the demo's own show, whose deals take what the tests want to sell."""
    async with visiting(demo_node.url) as shop:
        await shop.done("POST", "/shows/demo/end", token=shop.host)
        await close_deals(shop, "demo")
        await stock_up(shop, "silk-scarf", 500)
    return demo_node


@pytest_asyncio.fixture(loop_scope="session")
async def studio(stage: Node, screens: Screens) -> AsyncIterator[Studio]:
    """Go live with a new show; the goods go back when the test is over."""
    async with visiting(stage.url) as shop:
        studio = Studio(stage, shop, screens)
        await studio.begin()
        yield studio
        await close_deals(shop, studio.show)

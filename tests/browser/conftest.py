"""All browser tests share one loop: that of their browser."""

import pytest
from pytest_asyncio import is_async_test

SHARED_LOOP = pytest.mark.asyncio(loop_scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in the loop of the session."""
    for item in items:
        if is_async_test(item) and "tests/browser/" in item.nodeid:
            item.add_marker(SHARED_LOOP, append=False)

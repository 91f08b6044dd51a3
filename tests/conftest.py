"""What all tests stand on: a skip fails the run, and servers are real."""

pytest_plugins = [
    "tests.support.account",
    "tests.support.browser",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.shards",
    "tests.support.rented",
    "tests.support.books",  # After what it imports.
    "tests.support.server",
    "tests.support.shopper",
    "tests.support.stage",
    "tests.support.site",
]

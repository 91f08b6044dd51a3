"""Free ports on loopback."""

import random
import socket

# Below those that the system gives to outgoing connections: a port that is free
# now must still be so when its server binds it.
LOWEST, HIGHEST = 20_000, 32_000
TRIES_MAX = 1000


def free_port() -> int:
    """Return a port that nobody listens on, with a free one after it."""
    for _ in range(TRIES_MAX):
        port = random.randrange(LOWEST, HIGHEST)
        if is_free(port) and is_free(port + 1):
            return port
    raise AssertionError(f"no free port from {LOWEST} to {HIGHEST}")


def is_free(port: int) -> bool:
    """Say whether a server could listen on ``port``."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

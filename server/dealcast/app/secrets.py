"""The installation's secret: given, or made once in the data folder."""

import hmac
import os
import secrets as chance
from pathlib import Path

from dealcast.config import Settings, Unusable


def of(settings: Settings) -> str:
    """
    Return the secret that tokens are signed with.

    Raises:
        Unusable: If the data folder's cannot be read.
    """
    if settings.auth.secret is not None:
        return settings.auth.secret
    file = settings.folder / "secret"
    try:
        return read(file) if file.exists() else make(file)
    except OSError as error:
        raise Unusable(f"the secret {file}: {error.strerror}") from None


def sandbox(settings: Settings) -> str:
    """Return the secret that is shared with the sandbox payment provider."""
    given = settings.payments.sandbox_secret
    return given or hmac.digest(of(settings).encode(), b"sandbox", "sha256").hex()


def read(file: Path) -> str:
    """Read the secret; too short a one is refused."""
    secret = file.read_text(encoding="ascii", errors="replace").strip()
    if len(secret) < 32:
        raise Unusable(f"the secret {file} is shorter than 32 characters")
    return secret


def make(file: Path) -> str:
    """Make the secret; whoever else makes one at the same time, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"secret.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(chance.token_hex(32))
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return read(file)

"""
Prints the client's types: ``python -m dealcast.tools.wire > client_demo/src/wire.ts``.

The acts are those that a worker serves, built on nothing: they are described
here, and none is carried out.
"""

import sys
from dataclasses import fields
from typing import Any, cast

from dealcast.app.parts import Parts, shop_acts
from dealcast.config import Settings
from dealcast.core.clock import SystemClock
from dealcast.core.wire import Act
from dealcast.hub.hub import hub_acts
from dealcast.hub.presence import Likes
from dealcast.store.log import Log
from dealcast.web.api import Config
from dealcast.web.server import config_act
from dealcast.web.typescript import render


class Nobody:
    """Stands where a service would stand: it has every method, and does nothing."""

    def __getattr__(self, name: str) -> "Nobody":
        return self


def described() -> list[Act[Any]]:
    """Return every act of the server, none of which can be carried out."""
    nothing: dict[str, Any] = {field.name: Nobody() for field in fields(Parts)}
    parts = Parts(**{**nothing, "settings": Settings()})
    config = Config(demo=False, login_url=None, currencies=[], version="")
    likes = Likes("", cast(Log, Nobody()))
    return [
        config_act(config),
        *shop_acts(parts),
        *hub_acts(SystemClock(), likes),
    ]


if __name__ == "__main__":
    sys.stdout.write(render(described()))

"""
The sandbox payment provider: a real HTTP process that moves no money.

It behaves as providers do: an API with a secret, a page on which the buyer pays
or declines, and signed webhooks that are sent again until they are answered.
"""

from dealcast.tools.sandbox_psp.server import at, run, serve

__all__ = ["at", "run", "serve"]

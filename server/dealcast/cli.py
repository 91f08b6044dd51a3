"""
The command line. Exit codes: 0 good, 1 not as it should be, 2 cannot be done.

Each command reads its options into settings and calls ``app``, which builds it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dealcast import __version__, config
from dealcast.config import Settings, Unusable

Command = Callable[[argparse.Namespace, Settings], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        settings = settings_of(options)
        run: Command = options.run
        return run(options, settings)
    except Unusable as error:
        print(f"dealcast: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def settings_of(options: argparse.Namespace) -> Settings:
    """Read the settings that the options, the environment and the file give."""
    names = {"host": "http.host", "port": "http.port", "data": "data",
             "workers": "workers", "demo": "demo", "tls": "http.tls",
             "tls_cert": "http.tls_cert", "tls_key": "http.tls_key"}  # fmt: skip
    told: dict[str, Any] = {}
    for option, name in names.items():
        value = getattr(options, option, None)
        if value is not None:
            told[name] = value
    return config.load(os.environ, told, getattr(options, "config", None))


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(
        prog="dealcast",
        description="A live-stream shopping server.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"dealcast {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False
        )
        command.set_defaults(run=run)
        command.add_argument("--data", metavar="DIR", help="the data folder")
        command.add_argument(
            "--config", metavar="FILE", type=Path, help="a TOML file of settings"
        )
        return command

    node = add("serve", serve, "Run a whole node: Redis, workers, clerk.")
    node.add_argument("--host", help="the address to listen on (127.0.0.1)")
    node.add_argument("--port", type=int, help="the port to listen on (8080)")
    node.add_argument(
        "--tls", choices=["self-signed"], help="speak TLS, by a certificate of our own"
    )
    node.add_argument("--tls-cert", metavar="FILE", help="or by that of a PEM file")
    node.add_argument("--tls-key", metavar="FILE", help="its key (in the same file)")
    node.add_argument("--workers", type=int, help="how many workers (2)")
    node.add_argument(
        "--demo",
        action="store_const",
        const=True,
        help="seed a show, allow demo accounts",
    )
    work = add("worker", worker, "Run one worker: web pages, API and sockets.")
    work.add_argument("--index", type=int, default=0, help="its number on this node")
    add("clerk", clerk, "Run the clerk: ledger, outbox, timers, payments.")
    add("sandbox-psp", sandbox_psp, "Run the sandbox payment provider.")
    add("verify", verify, "Recount stock, holds, orders and ledger.")
    saving = add("backup", backup, "Save the shop into a folder, while it runs.")
    saving.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    saved = add("restore", restore, "Bring a shop back that was saved.")
    saved.add_argument("folder", type=Path, metavar="DIR", help="where it was saved")
    add_token(add("token", token, "Make a token, or a staff link."))
    add_crowd(add("crowd", crowd, "Send many real viewers to a show."))
    add_bench(add("bench", bench, "Measure, each figure beside a plain baseline."))
    catalog = add("catalog", catalog_import, "Work on the catalog.")
    catalog.add_argument("verb", choices=["import"], metavar="import")
    catalog.add_argument("file", type=Path, metavar="FILE", help="a CSV file")
    catalog.add_argument(
        "--currency", default="CNY", help="currency of a Shopify export (CNY)"
    )
    return top


def add_token(command: argparse.ArgumentParser) -> None:
    """Describe ``dealcast token``."""
    roles = ["viewer", "host", "moderator", "assistant", "shop"]
    command.add_argument("--role", choices=roles, default="viewer")
    command.add_argument(
        "--show", default="*", help="a show's id or slug, or * for all"
    )
    command.add_argument("--subject", default="operator", help="whose token it is")
    command.add_argument("--name", default="Operator", help="the name that is shown")
    command.add_argument("--seconds", type=int, default=3600, help="how long it lives")
    command.add_argument(
        "--link", action="store_true", help="print a staff link with a one-time code"
    )


def add_crowd(command: argparse.ArgumentParser) -> None:
    """Describe ``dealcast crowd``."""
    command.add_argument("--url", help="the server (the one of this data folder)")
    command.add_argument("--show", default="demo", help="a show's id or slug")
    command.add_argument("--viewers", type=int, default=200, help="how many (200)")
    command.add_argument(
        "--chat", type=float, default=0.0, help="lines a second in all"
    )
    command.add_argument(
        "--buy", action="store_true", help="rush the next deal and pay"
    )
    command.add_argument(
        "--quantity", type=int, default=1, help="units a viewer asks for"
    )
    command.add_argument("--open", action="store_true", help="plan a deal of our own")
    command.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="how long to watch without --buy (10)",
    )
    command.add_argument(
        "--steady",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="buy and pay all the time, in three deals of our own",
    )
    command.add_argument(
        "--rate", type=float, default=20.0, help="buys a second with --steady (20)"
    )
    command.add_argument(
        "--history",
        type=Path,
        metavar="FILE",
        help="write what each client saw, as JSON lines",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of who chats, and who buys, when"
    )


def add_bench(command: argparse.ArgumentParser) -> None:
    """Describe ``dealcast bench``."""
    command.add_argument("what", choices=["holds"], help="what to measure")
    command.add_argument("--runs", type=int, default=5, help="how many runs (5)")
    command.add_argument("--count", type=int, default=2000, help="buys in a run")


# Each command imports what it runs: `dealcast token` need not load a web server.


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Run a whole node."""
    from dealcast.app import node

    return node.run(settings)


def worker(options: argparse.Namespace, settings: Settings) -> int:
    """Run one worker."""
    from dealcast.app import worker

    return worker.run(settings, options.index)


def clerk(options: argparse.Namespace, settings: Settings) -> int:
    """Run the clerk."""
    from dealcast.app import clerk

    return clerk.run(settings)


def sandbox_psp(options: argparse.Namespace, settings: Settings) -> int:
    """Run the sandbox payment provider."""
    from dealcast.tools import sandbox_psp

    return sandbox_psp.run(settings)


def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Recount everything; 1 if a number disagrees."""
    from dealcast.tools import recount

    return recount.run(settings)


def backup(options: argparse.Namespace, settings: Settings) -> int:
    """Save the shop into a folder."""
    from dealcast.tools import backup

    return backup.run(settings, options.folder, options.config)


def restore(options: argparse.Namespace, settings: Settings) -> int:
    """Bring a shop back."""
    from dealcast.tools import restore

    return restore.run(settings, options.folder)


def token(options: argparse.Namespace, settings: Settings) -> int:
    """Print a token, or a staff link."""
    from dealcast.tools import operator

    if options.link:
        return operator.staff_link(settings, options.role, options.show)
    return operator.token(settings, options)


def catalog_import(options: argparse.Namespace, settings: Settings) -> int:
    """Import a CSV file of products."""
    from dealcast.tools import operator

    return operator.catalog_import(settings, options.file, options.currency)


def crowd(options: argparse.Namespace, settings: Settings) -> int:
    """Send a crowd."""
    from dealcast.tools import operator

    return operator.crowd(settings, options)


def bench(options: argparse.Namespace, settings: Settings) -> int:
    """Measure."""
    from dealcast.tools import bench

    return bench.run(settings, options.what, options.runs, options.count)

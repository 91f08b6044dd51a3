"""Runs the tools of the set-up, keeps what they print, and explains failures."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from setting.place import Place
from setting.say import Failure

# What pip, npm and apt-get print when they reach nobody.
NO_NETWORK = re.compile(
    r"Temporary failure (in name resolution|resolving)|Name or service not known"
    r"|Could not resolve|Could not connect|[Uu]nable to connect"
    r"|Network is unreachable|NewConnectionError|ConnectTimeoutError|ReadTimeoutError"
    r"|Failed to establish a new connection|Failed to fetch|ProxyError"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ECONNRESET"
)
# These would send packages elsewhere than into the virtual environment.
MISLEADING = (
    "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH",
)  # fmt: skip


def silent(line: str) -> None:
    """Show nothing of a tool's output."""


@dataclass(frozen=True)
class Tools:
    """Starts tools for one clone, under its lock."""

    place: Place
    lock: int

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] = silent,
        mortal: bool = False,
    ) -> None:
        """
        Run ``command``, log its output and pass each line to ``on_line``.

        Ctrl-C reaches the command too, and it ends as it likes to; a ``mortal``
        one is killed when this is interrupted, in whatever way.

        Raises:
            Failure: If it fails; the message names the log.
        """
        words = [str(word) for word in command]
        tail: list[str] = []
        with (
            self.place.log.open("a", encoding="utf-8", errors="replace") as log,
            subprocess.Popen(
                words,
                cwd=cwd or self.place.root,
                env=self.environment(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                pass_fds=(self.lock,),
            ) as tool,
        ):
            log.write(f"\n$ {shlex.join(words)}\n")
            assert tool.stdout is not None
            try:
                for line in tool.stdout:
                    log.write(line)
                    log.flush()
                    tail = [*tail[-199:], line]
                    on_line(line.rstrip())
            except BaseException:
                if mortal:
                    tool.kill()
                raise
        if tool.returncode:
            raise Failure(self.explain(words, tool.returncode, "".join(tail)))

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the variables for a tool; caches stay in the clone."""
        kept = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        own = {
            "PIP_CACHE_DIR": str(self.place.cache / "pip"),
            "npm_config_cache": str(self.place.cache / "npm"),
            "npm_config_update_notifier": "false",
            "NODE_COMPILE_CACHE": str(self.place.cache / "node"),
        }
        return {**own, **kept, **extra}

    def explain(self, words: Sequence[str], code: int, output: str) -> str:
        """Put the failure of a tool into one line."""
        names = [Path(word).name.removesuffix("-cli.js") for word in words[:3]]
        tool = next((n for n in names if n in ("pip", "ensurepip", "npm")), names[0])
        if NO_NETWORK.search(output):
            return f"No network: {tool} reached nobody; see {self.place.log}."
        return f"{tool} failed with exit code {code}; see {self.place.log}."


def answer(command: Sequence[str | Path]) -> str | None:
    """Return what ``command`` prints, or None if it cannot say it."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

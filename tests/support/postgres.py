"""A real PostgreSQL: its own port and folder, run by an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import Process, group_of

# Not the home of root, where the server's user may not go; a short path too,
# since that of a socket has at most 107 characters.
TEMPORARY = "/tmp"
OWNER = "dealcast"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # A killed server loses nothing by it, only a dead machine.
    "max_connections": "200",
    "timezone": "UTC",
}
PLAIN = {"LC_ALL": "C", "PATH": os.defpath}
START_S = 30.0
COMMAND_S = 30.0


def programs() -> Path:
    """Return the folder of the newest PostgreSQL of this machine."""
    found = [file.parent for file in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    elsewhere = shutil.which("initdb")
    assert elsewhere is not None, "PostgreSQL is not installed"
    return Path(elsewhere).resolve().parent


def server_user() -> str | None:
    """Return who is to run the server; None is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class Postgres:
    """A running server, and databases on it."""

    folder: Path
    port: int
    user: str | None
    numbers: Iterator[int] = field(default_factory=count)
    server: Process | None = None

    def start(self) -> None:
        """Make an empty cluster and run a server on it."""
        data, options = self.folder / "data", ["--no-locale", "--encoding=UTF8"]
        self.run("initdb", [*options, "--auth=trust", "--no-sync", f"--pgdata={data}"])
        self.serve()

    def serve(self) -> None:
        """Run a server on the cluster that is there."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder)}
        self.server = Process.start(
            [
                str(programs() / "postgres"),
                *("-D", str(self.folder / "data")),
                *("-p", str(self.port)),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            log=self.folder / "postgres.log",
            env=PLAIN,
            cwd=self.folder,
            user=self.user,
        )
        self.server.wait_until(self.answers, limit_s=START_S)

    def answers(self) -> bool:
        """Say whether the server takes connections."""
        return self.command("pg_isready", [*self.where, "--quiet"]).returncode == 0

    def stop(self) -> None:
        """Stop the server at once; its backends end with it."""
        if self.server is not None:
            assert self.server.stop(signal.SIGINT) == 0, self.server.output()

    def crash(self) -> None:
        """Stop the server as a lost machine does; it recovers when it is served."""
        assert self.server is not None
        self.server.stop(signal.SIGQUIT)

    def create(self) -> str:
        """Create an empty database and return its name."""
        name = f"dealcast_{next(self.numbers)}"
        self.run("createdb", [*self.where, name])
        return name

    def drop(self, name: str) -> None:
        """Drop a database, and whoever is still connected to it."""
        self.run("dropdb", [*self.where, "--force", name])

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+asyncpg://{OWNER}@127.0.0.1:{self.port}/{name}"

    @property
    def where(self) -> list[str]:
        """The options that lead a program to this server."""
        return ["--host=127.0.0.1", f"--port={self.port}", f"--username={OWNER}"]

    def run(self, program: str, options: Sequence[str]) -> None:
        """Run one of PostgreSQL's programs; it must succeed."""
        if program == "initdb":
            options = [f"--username={OWNER}", *options]
        done = self.command(program, options)
        assert done.returncode == 0, f"{program}: {done.stdout}"

    def command(
        self, program: str, options: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user."""
        return subprocess.run(
            [str(programs() / program), *options],
            cwd=self.folder,
            env=PLAIN,
            user=self.user,
            group=None if self.user is None else group_of(self.user),
            extra_groups=None if self.user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL for all tests."""
    yield from run()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL for this test, which may stop it."""
    yield from run()


def run() -> Iterator[Postgres]:
    """Run a server, lend it out, and clear it away."""
    folder = Path(tempfile.mkdtemp(prefix="dealcast-pg-", dir=TEMPORARY))
    user = server_user()
    if user is not None:
        shutil.chown(folder, user, group_of(user))
    server = Postgres(folder, free_port(), user)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        if server.server is not None:
            server.server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Return the URL of an empty database that this test has to itself."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)

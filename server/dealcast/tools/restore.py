"""``dealcast restore``: a shop as it was backed up, in an empty data folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random, SystemRandom

from dealcast import config
from dealcast.app.books import database_of
from dealcast.app.folder import claim_folder
from dealcast.config import Settings, Unusable
from dealcast.store import schema
from dealcast.store.backup import Saved, load
from dealcast.store.sql import Database
from dealcast.tools import manifest
from dealcast.tools.backup import TOML, date, explaining, whole


def run(settings: Settings, source: Path) -> int:
    """
    Restore a backup into the data folder and the books that the settings name.

    Raises:
        Unusable: If it cannot be done; then nothing is changed.
    """
    os.umask(0o077)
    with explaining("the restore"):
        found = manifest.read(source, schema.revisions())
        said = restore(settings, source, found, SystemRandom())
    print(
        f"Restored {sum(found.rows.values()):,} rows as of {date(found.made_at)} "
        f"into {settings.folder}."
    )
    for line in said:
        print(line)
    print(
        "What was paid after that the payment provider alone knows: the clerk asks "
        "it for the payments\nthat were open then; look through its list for later "
        "ones.\n"
        f"Next: dealcast serve --data {settings.folder}"
    )
    return 0


def restore(
    settings: Settings, source: Path, found: manifest.Manifest, rng: Random
) -> list[str]:
    """Bring everything to its place, or nothing; return what is to be told."""
    folder = settings.folder
    if (folder / "redis").exists():
        raise Unusable(
            f"{folder} has a Redis of its own: give an empty data folder with --data"
        )
    database = database_of(settings)
    new = not folder.exists()
    claim = claim_folder(folder)
    try:
        with undoing(folder, new=new):
            said = put_files(settings, source, found)
            books = source.resolve() / manifest.BOOKS
            whole(fill(database, books, found.saved, rng))
            manifest.sync(folder)
    finally:
        claim.release()
    return said


async def fill(database: Database, books: Path, saved: Saved, rng: Random) -> None:
    """Load the books."""
    try:
        await load(database, books, saved, rng=rng)
    finally:
        await database.aclose()


def put_files(settings: Settings, source: Path, found: manifest.Manifest) -> list[str]:
    """
    Put the secret and the settings into the data folder; return what to tell.

    Raises:
        Unusable: If the folder has a secret that is another one.
    """
    said = []
    for name in manifest.KEPT:
        if name not in found.files:
            continue
        content, place = (source / name).read_bytes(), settings.folder / name
        if place.is_file() and place.read_bytes() == content:
            continue
        if name == TOML and (place.exists() or not fits(settings, source / name)):
            place = place.with_suffix(".toml.restored")
            said.append(f"Its settings are other ones than these: see {place}.")
        elif place.exists():
            raise Unusable(f"{place} is there and is another one: move it away first")
        manifest.put(place, content)
    return said


def fits(settings: Settings, file: Path) -> bool:
    """Tell whether a file of settings names the stores that are restored into."""
    try:
        told = config.load(os.environ, {"data": settings.data}, file)
    except Unusable:
        return False
    return (told.sql_url, told.redis.url) == (settings.sql_url, settings.redis.url)


@contextmanager
def undoing(folder: Path, *, new: bool) -> Iterator[None]:
    """Remove what the block made in ``folder``, if it fails; all, if it is new."""
    before = set(folder.iterdir())
    try:
        yield
    except BaseException:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        for made in set(folder.iterdir()) - before if folder.exists() else ():
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
        raise

"""
What a backup consists of, so that a damaged one is known before it is used.

The manifest has the digest of every file beside it, and one of itself.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from dealcast import __version__
from dealcast.config import Unusable
from dealcast.store.backup import Saved

NAME = "manifest.json"
BOOKS = "books.sqlite3"
FORM = 1
BYTES_MAX = 1_048_576
KEPT = ("secret", "dealcast.toml")  # Of the data folder, if they are there.

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(Struct, frozen=True, kw_only=True):
    """The list of what is in a backup."""

    form: int
    product: str
    revision: str
    made_at: int  # The instant that the books show, in ms UTC.
    rows: dict[str, int]
    files: dict[str, Digest]  # SHA-256 of each.
    digest: str = ""  # SHA-256 of all the above.

    @property
    def saved(self) -> Saved:
        """What the file of the books must turn out to have."""
        return Saved(self.revision, self.rows)

    def own_digest(self) -> str:
        """Return the digest of the manifest itself."""
        bare = msgspec.structs.replace(self, digest="")
        return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def write(folder: Path, saved: Saved, made_at: int) -> None:
    """Write the manifest of the files in ``folder``, all made to last."""
    files = {one.name: digest_of(one) for one in sorted(folder.iterdir())}
    made = Manifest(
        form=FORM,
        product=__version__,
        revision=saved.revision,
        made_at=made_at,
        rows=saved.rows,
        files=files,
    )
    made = msgspec.structs.replace(made, digest=made.own_digest())
    put(folder / NAME, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    sync(folder)


def read(folder: Path, revisions: list[str]) -> Manifest:
    """
    Read the manifest of a backup, and check all that it lists.

    ``revisions`` are those of the schema that this product knows.

    Raises:
        Unusable: If anything is missing or changed, or a newer product made it.
    """
    file = folder / NAME
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX)
        found = msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        raise Unusable(f"{folder} is no backup: it has no {NAME}") from None
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unusable(f"{file} is damaged: it cannot be read") from None
    if found.form > FORM or found.revision not in revisions:
        raise Unusable(
            f"{folder} was made by Dealcast {found.product}, with books of revision "
            f"{found.revision}; this is {__version__}, which knows them up to "
            f"{revisions[-1]}: restore it with the newer version"
        )
    if found.digest != found.own_digest():
        raise Unusable(f"{file} is damaged: it is not what was written")
    check_files(folder, found.files)
    return found


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """
    Check that the listed files are there as they were written.

    Raises:
        Unusable: If one is not.
    """
    if BOOKS not in files or not files.keys() <= {BOOKS, *KEPT}:
        raise Unusable(f"{folder / NAME} is damaged: it lists other files")
    for name, digest in files.items():
        try:
            found = digest_of(folder / name)
        except OSError as error:
            raise Unusable(f"{folder / name}: {error.strerror}") from None
        if found != digest:
            raise Unusable(f"{folder / name} is damaged: it is not what was written")


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def put(file: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and make it last."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, outlast a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

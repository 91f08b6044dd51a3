"""A backup that is not what was written is refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.config import Unusable
from dealcast.store.backup import Saved
from dealcast.tools import manifest

SAVED = Saved("0002", {"seller": 3, "show": 1})
KNOWN = ["0001", "0002"]
MADE_AT = 1_795_374_449_796


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a backup: to the manifest all files are alike."""
    made = tmp_path / "saved"
    made.mkdir()
    manifest.put(made / "books.sqlite3", b"the books" * 1000)
    manifest.put(made / "secret", b"a secret of 32 letters, or more!")
    manifest.write(made, SAVED, MADE_AT)
    return made


def test_what_was_written_is_read(folder: Path) -> None:
    found = manifest.read(folder, KNOWN)
    assert (found.saved, found.made_at) == (SAVED, MADE_AT)
    assert set(found.files) == {"books.sqlite3", "secret"}
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}


def flipped(name: str, where: float) -> Callable[[Path], None]:
    """Return what flips one bit of a file."""

    def flip(folder: Path) -> None:
        file = folder / name
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 1
        file.write_bytes(content)

    return flip


def told(**changes: object) -> Callable[[Path], None]:
    """Return what changes the manifest."""

    def tell(folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}))

    return tell


def gone(name: str) -> Callable[[Path], None]:
    """Return what removes a file."""
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    """Cut the manifest off."""
    file = folder / "manifest.json"
    file.write_bytes(file.read_bytes()[:200])


def empty(folder: Path) -> None:
    """Leave the books without a byte."""
    (folder / "books.sqlite3").write_bytes(b"")


SPOILED = [
    (flipped("books.sqlite3", 0.0), "books.sqlite3 is damaged"),
    (flipped("books.sqlite3", 0.9999), "books.sqlite3 is damaged"),
    (flipped("secret", 0.5), "secret is damaged"),
    (empty, "books.sqlite3 is damaged"),
    (cut, "manifest.json is damaged: it cannot be read"),
    (told(rows={}), "manifest.json is damaged"),
    (told(revision="0001"), "manifest.json is damaged"),
    (told(files={"../secret": "0" * 64}), "manifest.json is damaged"),
    (told(files=[]), "manifest.json is damaged: it cannot be read"),
    (gone("books.sqlite3"), "books.sqlite3: No such file"),
    (gone("secret"), "secret: No such file"),
    (gone("manifest.json"), "is no backup: it has no manifest.json"),
    (told(revision="4711"), "revision 4711"),
    (told(form=2, product="9.9"), "made by Dealcast 9.9"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILED, ids=str)
def test_what_was_changed_is_refused(
    folder: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(folder)
    with pytest.raises(Unusable) as refused:
        manifest.read(folder, KNOWN)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_every_byte_of_the_manifest_counts(folder: Path) -> None:
    """But for the blanks between its words: they mean nothing."""
    file = folder / "manifest.json"
    content = file.read_bytes()
    for place in range(len(content)):
        if content[place : place + 1].isspace():
            continue
        spoiled = bytearray(content)
        spoiled[place] ^= 1
        file.write_bytes(spoiled)
        with pytest.raises(Unusable):
            manifest.read(folder, KNOWN)
    file.write_bytes(content)
    assert manifest.read(folder, KNOWN).saved == SAVED

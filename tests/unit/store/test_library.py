"""The library is one text; what features add cannot meet our own locals."""

import json
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from dealcast import __version__
from dealcast.app.parts import library
from dealcast.store.library import FILES, VERSION, library_text

ROOT = Path(__file__).parents[3]
EXTRA = "local dc_secret = 1"


def test_every_file_is_in_it_once() -> None:
    there = {entry.name for entry in (files("dealcast.store") / "functions").iterdir()}
    assert {name for name in there if name.endswith(".lua")} == set(FILES)
    text = library_text([EXTRA])
    assert text.startswith(f"#!lua name=dealcast{VERSION}\n")
    assert text.count(EXTRA) == 1
    assert text.count("local dc = {}") == 1


def test_names_carry_the_version() -> None:
    text = library()
    makers = "changing|turning|leased|building|register_function"
    names = re.findall(rf"(?:{makers})\('(\w+)'", text)
    names += re.findall(r"function_name = '(\w+)'", text)
    assert len(names) == len(set(names)) >= 20
    assert all(name.startswith(f"dc{VERSION}_") for name in names)


def test_no_handler_writes_before_the_commit() -> None:
    """Lua has no rollback: only the prelude and the gate may write."""
    writing = r"redis\.p?call\('(HSET|HDEL|XADD|ZADD|ZREM|SADD|DEL|HINCRBY|SET)'"
    for name in FILES:
        text = (files("dealcast.store") / "functions" / name).read_text("utf-8")
        if name not in ("_prelude.lua", "_stock.lua", "gate.lua"):
            assert re.search(writing, text) is None, name


def test_a_released_text_stays_as_it_is() -> None:
    """
    Old and new processes share the functions of one version while they run side
    by side, so a text that was released is never changed.

    If this fails: raise VERSION in ``store/library.py``, and name the functions
    after it (``dc1_`` becomes ``dc2_``, in Lua and in Python). With each release
    ``library_released.json`` gets the digest of its text, by VERSION; what is
    not released yet may change freely.
    """
    known = json.loads(Path(__file__).with_name("library_released.json").read_bytes())
    digest = sha256(library().encode()).hexdigest()
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if f"\n## [{__version__}]" in changes:
        assert str(VERSION) in known, f"record the released text: {digest}"
    assert known.get(str(VERSION), digest) == digest, "raise VERSION"

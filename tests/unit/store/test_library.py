"""The library is one text; what features add cannot meet our own locals."""

import re
from importlib.resources import files

from dealcast.store.library import FILES, library_text

EXTRA = "local dc_secret = 1"


def test_every_file_is_in_it_once() -> None:
    there = {entry.name for entry in (files("dealcast.store") / "functions").iterdir()}
    assert {name for name in there if name.endswith(".lua")} == set(FILES)
    text = library_text([EXTRA])
    assert text.startswith("#!lua name=dealcast\n")
    assert text.count(EXTRA) == 1
    assert text.count("local dc = {}") == 1


def test_names_carry_the_version() -> None:
    text = library_text()
    names = re.findall(r"(?:changing|turning|register_function)\('(\w+)'", text)
    names += re.findall(r"function_name = '(\w+)'", text)
    assert len(names) == len(set(names)) >= 15
    assert all(name.startswith("dc1_") for name in names)


def test_no_handler_writes_before_the_commit() -> None:
    """Lua has no rollback: only the prelude and the gate may write."""
    writing = r"redis\.p?call\('(HSET|HDEL|XADD|ZADD|ZREM|SADD|DEL|HINCRBY|SET)'"
    for name in FILES:
        text = (files("dealcast.store") / "functions" / name).read_text("utf-8")
        if name not in ("_prelude.lua", "_stock.lua", "gate.lua"):
            assert re.search(writing, text) is None, name

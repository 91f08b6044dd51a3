"""A CSV file as rows that know where they stand; for any form of catalog."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from dealcast.core.errors import Invalid, Refused, TooLarge

BYTES_MAX = 5_000_000
ROWS_MAX = 10_000
COLUMNS_MAX = 100
FIELD_MAX = 20_000  # A Shopify export carries whole HTML pages in a field.

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One row: its fields by column, and the line on which it begins."""

    line: int
    fields: dict[str, str]

    def get(self, column: str) -> str:
        """Return the text in ``column`` without outer blanks, or an empty one."""
        return self.fields.get(column, "").strip()

    def read(self, column: str, reader: Callable[[str], T]) -> T:
        """
        Return what ``reader`` makes of ``column``.

        Raises:
            Invalid: As ``reader`` says, with line and column before it.
        """
        try:
            return reader(self.get(column))
        except Refused as refused:
            raise self.wrong(column, refused.detail or refused.title) from None

    def wrong(self, column: str, detail: str) -> Invalid:
        """Return the refusal that names this row and ``column``."""
        return Invalid(f"line {self.line}, column {column}: {detail}")


def decode(data: bytes) -> str:
    """
    Return the text of a file in UTF-8, with or without a byte order mark.

    Raises:
        TooLarge: If the file is too large.
        Invalid: If it is not UTF-8; the detail names line and byte.
    """
    if len(data) > BYTES_MAX:
        raise TooLarge(f"a catalog is at most {BYTES_MAX} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        byte = error.start - (before.rfind(b"\n") + 1) + 1
        where = f"line {line}, byte {byte}"
        raise Invalid(f"{where}: not UTF-8; save it as UTF-8") from None


def read(data: bytes) -> tuple[list[str], list[Row]]:
    """
    Return the columns and the rows of a CSV file.

    Raises:
        TooLarge: If the file is too large.
        Invalid: If it is no CSV file; the detail names the line.
    """
    text = decode(data)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Invalid(f"line {line}: a zero byte; this is no text file")
    records = _records(text)
    _, columns = next(records, (1, []))
    columns = [name.strip() for name in columns]
    _check_columns(columns)
    rows: list[Row] = []
    for line, fields in records:
        if not any(field.strip() for field in fields):
            continue  # An empty line, as many programs leave at the end.
        if len(rows) == ROWS_MAX:
            raise TooLarge(f"line {line}: a catalog has at most {ROWS_MAX} rows")
        if len(fields) != len(columns):
            raise Invalid(
                f"line {line}, column {min(len(fields), len(columns))}: "
                f"{len(fields)} fields where the header has {len(columns)}"
            )
        for name, field in zip(columns, fields, strict=True):
            if len(field) > FIELD_MAX:
                raise Invalid(
                    f"line {line}, column {name}: longer than {FIELD_MAX} characters"
                )
        rows.append(Row(line, dict(zip(columns, fields, strict=True))))
    return columns, rows


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Invalid(f"line {line}, column 1: {error}") from None
        yield line, fields
        line = reader.line_num + 1  # A quoted field may span lines.


def _check_columns(columns: list[str]) -> None:
    if not any(columns):
        raise Invalid("line 1, column 1: there is no header")
    if len(columns) > COLUMNS_MAX:
        raise Invalid(f"line 1: more than {COLUMNS_MAX} columns")
    for number, name in enumerate(columns, 1):
        if not name:
            raise Invalid(f"line 1, column {number}: has no name")
        if columns.index(name) != number - 1:
            raise Invalid(f"line 1, column {name[:80]}: stands twice")

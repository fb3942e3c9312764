"""What a file is by its first bytes, where its name or its source says something else."""

import codecs
import re

from mlray.data.sources._place import Format, SourceFile
from mlray.errors import DataError

__all__ = ["GZIP", "HEAD", "marked", "mistaken"]

HEAD = 4096
"""How many bytes are looked at."""

GZIP = b"\x1f\x8b"

_NAMES: dict[Format, str] = {"parquet": "Parquet", "csv": "CSV", "json": "JSON lines"}
_BINARY = (
    (b"PAR1", "Parquet", ""),
    (b"PK\x03\x04", "a workbook (xlsx) or another ZIP archive", "Export its sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "a workbook (xls)", "Export its sheet as CSV"),
    (GZIP, "packed with gzip", "Unpack it; a text that is packed once is read under a name such as .csv.gz"),
)
_MARKS = (
    # UTF-32 with the low byte first begins as UTF-16 does: the longer marks come before the shorter ones.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
"""Which bytes of four are often zero → the character set."""
_ORDERS = {"-le": ", the low byte first", "-be": ", the high byte first"}
_OBJECT = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:')
"""How a JSON object begins, and no header of a CSV does."""
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def mistaken(file: SourceFile, head: bytes) -> DataError | None:
    """Return the error for a file that begins as something else than it is read as; None where it may be that."""
    for magic, what, remedy in _BINARY:
        if head.startswith(magic):
            return None if what == _NAMES[file.format] else _misnamed(file, what, remedy or _rename(file, "parquet"))
    if file.format == "parquet":
        return _text_as_parquet(file, head)
    return _misread(file, head) or _json_as_csv(file, head)


def _misnamed(file: SourceFile, what: str, remedy: str) -> DataError:
    says = "name" if file.spec.format is None else "source"
    return DataError(
        f"{file.shown} is {what}, though its {says} says {_NAMES[file.format]}.",
        remedy=f"{remedy[0].upper()}{remedy[1:]}; nothing was committed.",
    )


def _rename(file: SourceFile, kind: Format) -> str:
    ending = "jsonl" if kind == "json" else kind
    # A format that the source names holds whatever the file's name is.
    return f"{'' if file.spec.format else f'rename it to .{ending}, or '}write `format: {kind}` in the source"


def _text_as_parquet(file: SourceFile, head: bytes) -> DataError | None:
    wide = marked(head) or _unmarked(head)
    if not head.strip() or (not wide and _CONTROL.search(head)):
        return None
    text = head.decode(wide or "utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    kind: Format = "json" if _OBJECT.match(text) else "csv"
    if kind == "json":
        return _misnamed(file, "JSON lines", _rename(file, kind))
    return _misnamed(file, f"text that begins '{text.splitlines()[0][:60]}'", f"If it is CSV: {_rename(file, kind)}")


def _misread(file: SourceFile, head: bytes) -> DataError | None:
    mark = marked(head)
    found = mark or _unmarked(head)
    read = codecs.lookup(file.spec.encoding).name
    # Without a mark and a word on the order of bytes, the low one is taken to be the first.
    swapped = found.endswith("-be") and not read.endswith("-be")
    if not found or (read[:6] == found[:6] and not swapped):
        return None
    shown = found[:6].upper()
    if mark:
        what = f"is in {shown}"
    else:
        what = f"looks like {shown}{_ORDERS[found[6:]]}, without a mark at its beginning (many of its bytes are zero)"
    return DataError(
        f"{file.shown} {what}, and is read as {file.spec.encoding}.",
        remedy=f"Say so: `source: {{files: …, encoding: {found}}}`; nothing was committed.",
    )


def _json_as_csv(file: SourceFile, head: bytes) -> DataError | None:
    text = head.decode(file.spec.encoding, errors="replace").removeprefix("\ufeff")
    if file.format != "csv" or not _OBJECT.match(text):
        return None
    return _misnamed(file, "JSON lines", _rename(file, "json"))


def marked(head: bytes) -> str:
    """Return the character set of wide letters whose mark a text begins with; empty for none."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "")


def _unmarked(head: bytes) -> str:
    """Return the character set that leaves so many bytes zero, each at its place in a letter; empty if none does."""
    units = len(head) // 4
    counts = [head[place : units * 4 : 4].count(0) for place in range(4)]
    often = tuple(count > units / 4 for count in counts)
    # Damage leaves zeros anywhere: of a letter's other bytes hardly one is zero.
    stray = any(count > units / 20 for count, many in zip(counts, often, strict=True) if not many)
    return "" if stray else _UNMARKED.get((often[0], often[1], often[2], often[3]), "")

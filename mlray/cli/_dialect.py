"""How a CSV file is written: its character set and what stands between its values."""

import codecs
import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlray.errors import InputError

if TYPE_CHECKING:
    from mlray.spec import SourceSpec

__all__ = ["Dialect", "dialect_of", "differing", "once"]

_SAMPLE = 1 << 20
_CSV, _TABBED = (".csv", ".csv.gz"), (".tsv", ".tsv.gz")
_ANY = "cp1252"
"""What a text is taken for that is no UTF-8."""
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs from commas in UTF-8."""

    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def told(self) -> dict[str, str]:
        """What the project file has to say of it."""
        said = {"delimiter": self.delimiter, "encoding": self.encoding}
        return {name: value for name, value in said.items() if value != getattr(Dialect(), name)}

    def read(self, file: Path) -> Any:  # noqa: ANN401 (a pyarrow.Table)
        """Return the rows of `file`, types guessed by pyarrow; its errors where it is no such CSV."""
        from pyarrow import csv as reader

        return reader.read_csv(
            file,
            read_options=reader.ReadOptions(encoding=self.encoding),
            parse_options=reader.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=reader.ConvertOptions(strings_can_be_null=True),
        )


def dialect_of(file: Path) -> Dialect:
    """Return how `file` is written, as its beginning tells.

    Raises:
        InputError: it is empty, or no text.
    """
    with gzip.open(file) if file.name.lower().endswith(".gz") else file.open("rb") as opened:
        content = opened.read(_SAMPLE)
    if not content.strip():
        raise InputError(f"{file} is empty.", remedy="The first line names the columns, such as `at,size,returned`.")
    encoding = _encoding(file, content)
    text = content.decode(encoding, errors="ignore").removeprefix("\ufeff")
    header = text.splitlines()[0]
    names = next(csv.reader([header], delimiter=(delimiter := _delimiter(text))))
    once(file, names)
    return Dialect(delimiter, encoding)


def differing(file: Path, usual: "SourceSpec") -> dict[str, str]:
    """Return what has to be said of `file` where others are read as `usual` says; nothing of what is no CSV.

    Raises:
        InputError: it is empty, or no text.
    """
    name = file.name.lower()
    if not name.endswith((*_CSV, *_TABBED)):
        return {}
    seen, said = dialect_of(file), dict[str, str]()
    if seen.delimiter != ("\t" if usual.delimiter == "," and name.endswith(_TABBED) else usual.delimiter):
        said["delimiter"] = seen.delimiter
    known = codecs.lookup(usual.encoding).name
    # Of character sets with one byte a letter none can be told from another by looking: what is said of them holds.
    if seen.encoding != known and (seen.encoding != _ANY or known == "utf-8"):
        said["encoding"] = seen.encoding
    return said


def once(file: Path, names: Sequence[str]) -> None:
    """Refuse a file that has a column twice: nobody could tell which is meant."""
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"{file} has the column '{repeated}' twice.", remedy="Rename or remove one in the file.")


def _encoding(file: Path, content: bytes) -> str:
    from mlray.data.sources._sniff import marked

    wide = marked(content)
    if wide or content.startswith(codecs.BOM_UTF8):
        return wide or "utf-8"
    if b"\0" in content:
        raise InputError(f"{file} is not text: it holds zero bytes.", remedy="Save it as CSV in UTF-8.")
    try:
        # The end of the sample may cut a letter in two.
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return _ANY
    return "utf-8"


def _delimiter(text: str) -> str:
    """Return what divides the first lines into the same number of values, and into most."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]

    def parts(delimiter: str) -> tuple[bool, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        return len(set(widths)) == 1, widths[0]

    return max(_DELIMITERS, key=lambda one: parts(one) if parts(one)[1] > 1 else (False, 0))

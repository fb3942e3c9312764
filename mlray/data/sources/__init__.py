"""Sources: what is there, what is new since last time, and rows as they come, refused by name when they cannot be read.

`find` lists files here, in a bucket or behind HTTP; `probe` looks at any source without reading rows; `read`,
`columns_of` and `span` read one file; `land` brings what is no file (a database, a topic, a table) into files.
"""

from mlray.data.sources._find import files, find, name_of
from mlray.data.sources._place import SourceFile
from mlray.data.sources._probe import Probe, probe
from mlray.data.sources._read import Raw, columns_of, pieces, read, span
from mlray.data.sources._text import parse_json

__all__ = [
    "Probe",
    "Raw",
    "SourceFile",
    "columns_of",
    "files",
    "find",
    "name_of",
    "parse_json",
    "pieces",
    "probe",
    "read",
    "span",
]

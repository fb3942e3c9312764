"""Parquet with content-defined chunking, cut into chunks that are kept once: what Hugging Face's Xet rests on."""

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3
from fastcdc import fastcdc

from benchmarks.data.contenders.history import Files, answer

KB = 1024


class Chunks(Files):
    settings = {"use_content_defined_chunking": True}  # noqa: RUF012 (never changed)

    def keep(self) -> None:
        kept, manifest = self.folder / "kept", {}
        kept.mkdir(exist_ok=True)
        for file in sorted(self.work.iterdir()):
            names = []
            for chunk in fastcdc(str(file), min_size=16 * KB, avg_size=64 * KB, max_size=256 * KB, fat=True):
                name = blake3(chunk.data).hexdigest()[:40]
                names.append(name)
                place = kept / name
                if not place.exists():
                    place.write_bytes(chunk.data)
            manifest[file.name] = names
        (kept / f"v{self.version}.json").write_text(json.dumps(manifest))

    def read(self, version: int) -> pa.Table:
        kept = self.folder / "kept"
        manifest = json.loads((kept / f"v{version}.json").read_text())
        files = (b"".join((kept / name).read_bytes() for name in names) for names in manifest.values())
        return pa.concat_tables(pq.read_table(pa.BufferReader(content)) for content in files)

    def places(self) -> Iterable[Path]:
        return [self.folder / "kept"]


if __name__ == "__main__":
    answer(Chunks)

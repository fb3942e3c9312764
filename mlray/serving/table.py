"""The endpoint table: which version answers and which is on trial, kept in a file and swapped in one step."""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from mlray.errors import MlrayError, NotFoundError, RequestError, UnavailableError
from mlray.ids import Json, canonical
from mlray.ports import Predictor
from mlray.records import Endpoint, Stage
from mlray.serving.protocol import decode

__all__ = ["EndpointTable", "Loaded", "Snapshot"]

_LOG = logging.getLogger("mlray.serving")
_KEPT = 3  # versions that have left the table and stay in memory, so that a rollback loads nothing


@dataclass(frozen=True, slots=True)
class Loaded:
    """One version in memory, with what it says about itself asked once."""

    number: int
    predictor: Predictor
    description: Mapping[str, Json]

    @property
    def outputs(self) -> Sequence[Mapping[str, Json]]:
        """The outputs in the protocol's words."""
        return cast("Sequence[Mapping[str, Json]]", self.description.get("outputs", ()))

    @property
    def example(self) -> Mapping[str, Json]:
        """A request in the protocol's words that works; empty when the version knows none.

        A version describes its example as such a request, or simply as columns.
        """
        told = cast("Mapping[str, Json]", self.description.get("example") or {})
        if not told or "inputs" in told:
            return told
        columns = cast("Mapping[str, Sequence[Json]]", told)
        tensors: list[Json] = [
            {"name": name, "shape": [len(columns[name])], "datatype": datatype, "data": columns[name]}
            for name, datatype in self.datatypes.items()
        ]
        return {"inputs": tensors}

    @property
    def datatypes(self) -> dict[str, str]:
        """Input name → datatype."""
        inputs = cast("Sequence[Mapping[str, Json]]", self.description.get("inputs", ()))
        return {str(item["name"]): str(item["datatype"]) for item in inputs}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table at one moment. A request takes one snapshot and keeps it, whatever is swapped meanwhile."""

    endpoint: Endpoint
    versions: Mapping[int, Loaded] = field(default_factory=dict)

    @property
    def live(self) -> Loaded | None:
        """The version that answers where none is named."""
        return self.versions.get(self.endpoint.live) if self.endpoint.live is not None else None

    @property
    def candidate(self) -> Loaded | None:
        """The version on trial; None as well when it could not be loaded again after a restart."""
        return self.versions.get(self.endpoint.candidate) if self.endpoint.candidate is not None else None

    def version(self, text: str) -> Loaded:
        """Return the version that a path names, or raise RequestError 404 naming those that have an address."""
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        if number not in self.versions:
            known = ", ".join(map(str, sorted(self.versions))) or "none"
            raise RequestError(
                f"'{self.endpoint.name}' has no version '{text[:40]}' here.",
                remedy=f"Known versions: {known}.",
                status=404,
                code="unknown_version",
            )
        return self.versions[number]


class EndpointTable:
    """Keeps the table in `file` and the versions that it names in memory."""

    def __init__(self, name: str, load: Callable[[int], Predictor], file: Path) -> None:
        """Start with an empty table; `open` reads the file.

        Args:
            name: The endpoint's name.
            load: Returns one version, ready to predict; may take seconds and may raise.
            file: Where the table is kept; its folder is made.
        """
        self.name = name
        self._load, self._file = load, file
        self._changing = threading.Lock()
        self._kept: dict[int, Loaded] = {}
        self._seen = 0
        self.current = Snapshot(Endpoint(name, "", live=None))

    def open(self) -> Snapshot:
        """Read the file and load what it names; without a file the table stays empty.

        A candidate that cannot be loaded is left out, for it must not harm the live version.

        Raises:
            UnavailableError: the file is damaged, or the live version cannot be loaded.
        """
        with self._changing:
            stored = self._stored()
            if stored is not None:
                self.current = self._snapshot(stored, needed={stored.live} - {None})
            return self.current

    def follow(self) -> Snapshot:
        """Take over a newer table that another replica has written; called every now and then.

        Raises:
            MlrayError: the newer table is damaged or its live version cannot be loaded; the old one stays, and only a
                file that has changed again is looked at.
        """
        try:
            written = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return self.current
        if written == self._seen:
            return self.current
        self._seen = written
        stored = self._stored()
        if stored is None or stored.generation <= self.current.endpoint.generation:
            return self.current
        return self.open()

    def change(self, wanted: Endpoint) -> Snapshot:
        """Make `wanted` the table: check it, load what it needs, write the file, swap. Blocks while versions load.

        Raises:
            RequestError: 409 for a generation that is not newer, 422 for a table that makes no sense or a version that
                cannot be loaded; the old table stays.
            UnavailableError: the file cannot be written; the old table stays.
        """
        with self._changing:
            _sensible(wanted, self.name)
            wanted = _with_addresses(wanted)
            now = self.current.endpoint
            if wanted == now:  # the same change again, from a caller that did not hear the answer
                return self.current
            if wanted.generation <= now.generation:
                raise RequestError(
                    f"Generation {wanted.generation} is not newer than {now.generation}.",
                    remedy=f"Read the endpoint again and send generation {now.generation + 1}.",
                    status=409,
                    code="stale_generation",
                )
            snapshot = self._snapshot(wanted, needed=set(wanted.versions))
            self._write(wanted)
            self.current = snapshot
            return snapshot

    def _snapshot(self, endpoint: Endpoint, needed: set[int | None]) -> Snapshot:
        known = {**self._kept, **self.current.versions}
        versions: dict[int, Loaded] = {}
        for number in endpoint.versions:
            try:
                versions[number] = known.get(number) or self._loaded(number)
            except MlrayError as error:
                if number in needed:
                    raise
                _LOG.warning("%s: version %d is left out: %s", self.name, number, error)
        left = {number: loaded for number, loaded in known.items() if number not in versions}
        self._kept = dict(list(left.items())[-_KEPT:])
        return Snapshot(endpoint, versions)

    def _loaded(self, number: int) -> Loaded:
        """Load one version and let it answer its own example, so that no caller pays for the first prediction."""
        try:
            predictor = self._load(number)
            loaded = Loaded(number, predictor, predictor.describe())
            _warm_up(loaded)
        except NotFoundError as error:
            raise RequestError(error.problem, remedy=error.remedy, status=404, code="unknown_version") from error
        except Exception as error:  # a model may raise anything, and no caller may suffer for it
            raise RequestError(
                f"Version {number} cannot be loaded: {type(error).__name__}: {error}",
                remedy="The table stays as it was.",
                code="cannot_load",
            ) from error
        return loaded

    def _stored(self) -> Endpoint | None:
        try:
            return Endpoint.from_json(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"The endpoint table {self._file} cannot be read: {error}", remedy="Remove it and deploy again."
            ) from error

    def _write(self, endpoint: Endpoint) -> None:
        aside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                file.write(canonical(endpoint.to_json()))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._file)
        except OSError as error:
            raise UnavailableError(
                f"The endpoint table {self._file} cannot be written: {error}",
                remedy="Free the disk; the old table stays.",
            ) from error


def parse_table(data: Json) -> Endpoint:
    """Return the table in a request's JSON; `counters`, which a GET adds, may stay in it.

    Raises:
        RequestError: 422, naming the field.
    """
    if not isinstance(data, dict):
        raise RequestError("The endpoint table is not a JSON object.", remedy="Send what GET returned, changed.")
    fields = {key: value for key, value in data.items() if key != "counters"}
    unknown = set(fields) - set(Endpoint.__dataclass_fields__)
    if unknown:
        name = min(unknown)
        raise RequestError(
            f"Unknown field '{name}'.", remedy=f"Known: {', '.join(Endpoint.__dataclass_fields__)}.", column=name
        )
    try:
        return Endpoint.from_json(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise RequestError(
            f"Field '{place}': {fault['msg']}.", remedy="Send what GET returned, changed.", column=place
        ) from None


def _with_addresses(endpoint: Endpoint) -> Endpoint:
    named = {number for number in (endpoint.live, endpoint.candidate) if number is not None}
    return replace(endpoint, versions=tuple(sorted({*endpoint.versions, *named})))


def _sensible(endpoint: Endpoint, name: str) -> None:
    on_trial = endpoint.stage is not Stage.NONE
    rules = (
        (endpoint.name != name, "name", f"it is '{endpoint.name}', but this endpoint is '{name}'"),
        (not 0 <= endpoint.share <= 1, "share", f"{endpoint.share} is not a share from 0 to 1"),
        (
            on_trial != (endpoint.candidate is not None),
            "stage",
            f"'{endpoint.stage}' with candidate {endpoint.candidate}",
        ),
        (on_trial and endpoint.live is None, "live", "a candidate needs a live version beside it"),
        (on_trial and endpoint.candidate == endpoint.live, "candidate", f"{endpoint.candidate} is live already"),
        (any(number < 1 for number in endpoint.versions), "versions", "version numbers start at 1"),
    )
    for column in ("url", "contract"):
        if any("\ud800" <= letter <= "\udfff" for letter in getattr(endpoint, column)):
            raise RequestError(f"Field '{column}' is no proper text.", remedy="Send UTF-8.", column=column)
    for broken, column, why in rules:
        if broken:
            raise RequestError(
                f"Field '{column}': {why}.", remedy="Correct the field; nothing was changed.", column=column
            )


def _warm_up(loaded: Loaded) -> None:
    if not loaded.example:
        return
    request = decode(canonical(loaded.example), max_rows=1_000_000, known=loaded.datatypes)
    loaded.predictor.predict(loaded.predictor.check(request.columns))

"""Lineage for others: OpenLineage events of ingestion, training, registration and deployment.

Events go to a file of the workspace, one JSON text a line, and to the address that `workspace.lineage` names. Nothing
that is wrong with either ever stops the work that they tell of.
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from mlray.clock import SystemClock
from mlray.records import DatasetVersion, Fragment
from mlray.registry.columns import Origin

__all__ = ["Dataset", "Emitter", "RunOf", "dataset", "source", "version_facet"]

PRODUCER = "https://pypi.org/project/mlray/"
PAUSE = 60.0
"""Seconds in which an address that did not answer is not asked again: a job of many events must not wait for each."""
TIMEOUT = 3.0
"""Seconds that one event may take; there is one more try."""
log = logging.getLogger("mlray.lineage")


@dataclass(frozen=True)
class Dataset:
    """One input or output in OpenLineage's words: anything with a name that a run reads or makes."""

    namespace: str
    name: str
    facets: Mapping[str, Any] = field(default_factory=dict)
    """Of the thing itself."""
    run_facets: Mapping[str, Any] = field(default_factory=dict)
    """Of this run's use of it: input facets of an input, output facets of an output."""


@dataclass(frozen=True)
class RunOf:
    """One run of a job; the same job and key are the same run, so that what a restart tells belongs to it."""

    place: str
    """The workspace's name, which no other has."""
    job: str
    """`<project>.ingest`, `.train`, `.register` or `.deploy`."""
    key: str
    now: datetime
    """The project's own time, which in a replay is not today's."""

    @property
    def id(self) -> str:
        """The run's UUID."""
        return str(uuid5(NAMESPACE_URL, f"mlray://{self.place}/{self.job}/{self.key}"))


class Emitter:
    """Writes events to a file, and sends them on where an address is given. Never raises."""

    def __init__(self, file: Path, url: str | None = None) -> None:
        """Append to `file`; `url` is a server such as Marquez, and the variable `OPENLINEAGE_API_KEY` holds its key."""
        self._file = file
        self._url = url
        self._http: Any = None
        self._quiet_until = float("-inf")

    def emit(
        self,
        state: str,
        run: RunOf,
        inputs: Sequence[Dataset] = (),
        outputs: Sequence[Dataset] = (),
        *,
        error: BaseException | None = None,
    ) -> None:
        """Tell that `run` is at `state` (`START`, `COMPLETE` or `FAIL`)."""
        if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
            return
        event = _event(state, run, inputs, outputs, error)
        try:
            self._write(event)
        except (OSError, RuntimeError) as broken:
            log.warning("The lineage file %s cannot be written: %s", self._file, broken)
        if self._url and SystemClock().ticks() >= self._quiet_until:
            self._send(event)

    def _write(self, event: Any) -> None:
        from openlineage.client.transport.file import FileConfig, FileTransport

        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        FileTransport(FileConfig(str(self._file), append=True)).emit(event)

    def _send(self, event: Any) -> None:
        try:
            self._http = self._http or _transport(self._url or "")
            self._http.emit(event)
        except (OSError, RuntimeError, ValueError) as broken:  # requests' own errors are OSErrors
            self._quiet_until = SystemClock().ticks() + PAUSE
            # The kind alone: an error's text may hold the address with a password in it.
            log.warning("No lineage event reached %s: %s", _public(self._url or ""), type(broken).__name__)

    def close(self) -> None:
        """Let go of the connection."""
        if self._http is not None:
            with suppress(OSError):
                self._http.close()


def _transport(url: str) -> Any:
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider
    from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

    key = os.environ.get("OPENLINEAGE_API_KEY")
    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    base, slash, endpoint = url.partition("/api/")
    return HttpTransport(
        HttpConfig(
            url=base,
            endpoint=f"api/{endpoint}" if slash else "api/v1/lineage",
            timeout=TIMEOUT,
            auth=auth,
            retry={**DEFAULT_RETRY_CONFIG, "total": 1, "connect": 1, "read": 1},
        )
    )


def _event(
    state: str, run: RunOf, inputs: Sequence[Dataset], outputs: Sequence[Dataset], error: BaseException | None
) -> Any:
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run, job_type_job, nominal_time_run

    facets: dict[str, Any] = {"nominalTime": nominal_time_run.NominalTimeRunFacet(run.now.isoformat())}
    if error is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(str(error)[:4_000], "python")
    kind = job_type_job.JobTypeJobFacet("BATCH", "MLRAY", run.job.rpartition(".")[2].upper())
    return RunEvent(
        eventTime=SystemClock().now().isoformat(),
        eventType=RunState[state],
        run=Run(run.id, facets),
        job=Job("mlray", run.job, {"jobType": kind}),
        inputs=[_input(one) for one in inputs],
        outputs=[_output(one) for one in outputs],
        producer=PRODUCER,
    )


def _input(one: Dataset) -> Any:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(one.namespace, one.name, facets=dict(one.facets), inputFacets=dict(one.run_facets))


def _output(one: Dataset) -> Any:
    from openlineage.client.event_v2 import OutputDataset

    return OutputDataset(one.namespace, one.name, facets=dict(one.facets), outputFacets=dict(one.run_facets))


def source(name: str, folder: Path) -> Dataset:
    """Return a source in OpenLineage's names: a file by its path, an address by its server; passwords are left out.

    >>> source("s3://lake/flights/2013-01.parquet", Path("/srv")).namespace
    's3://lake'
    >>> source("data/flights.parquet", Path("/srv")).name
    '/srv/data/flights.parquet'
    >>> source("../flights.parquet", Path("/srv/shop")).name
    '/srv/flights.parquet'
    """
    parts = urlsplit(name)
    if not parts.scheme or "://" not in name:
        # One file that two projects read is one thing, however each of them comes to it.
        return Dataset("file", os.path.normpath(folder / name))
    public = urlsplit(_public(name))
    return Dataset(f"{public.scheme}://{public.netloc}", public.path.lstrip("/") or "/")


def _public(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def dataset(
    version: DatasetVersion,
    place: str,
    *,
    origins: Mapping[str, Sequence[tuple[Dataset, Origin]]] | None = None,
    added: Iterable[Fragment] = (),
) -> Dataset:
    """Return a dataset version with its schema, version and digest; as an output also with what was written.

    Args:
        version: The version.
        place: The workspace's name.
        origins: Column → the sources and columns that it was made from.
        added: The fragments that this run wrote.
    """
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in version.schema.items()]
    facets: dict[str, Any] = {
        # The number for people and the digest that proves it.
        "version": version_facet(f"v{version.number}-{version.digest}"),
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
    }
    if origins:
        facets["columnLineage"] = _column_lineage(origins)
    written = tuple(added)
    if not written:
        return Dataset(f"mlray://{place}", version.table, facets, {"dataQualityAssertions": _assertions(version)})
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=sum(one.rows for one in written), size=sum(one.bytes for one in written), fileCount=len(written)
    )
    return Dataset(f"mlray://{place}", version.table, facets, {"outputStatistics": statistics})


def version_facet(text: str) -> Any:
    """Return the facet that says which version of a thing is meant."""
    from openlineage.client.facet_v2 import dataset_version_dataset

    return dataset_version_dataset.DatasetVersionDatasetFacet(text)


def _assertions(version: DatasetVersion) -> Any:
    """Return what the contract found, rule by rule; the rows that broke one were set aside."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facet

    quality = version.quality
    rules = [
        facet.Assertion(reason, success=False, severity="warn", expected="0 rows", actual=f"{count} rows set aside")
        for reason, count in quality.set_aside.items()
    ]
    kept = facet.Assertion(
        "contract", success=quality.kept > 0, expected=f"{quality.seen} rows", actual=f"{quality.kept} rows kept"
    )
    return facet.DataQualityAssertionsDatasetFacet([kept, *rules])


def _column_lineage(origins: Mapping[str, Sequence[tuple[Dataset, Origin]]]) -> Any:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    def one(found: Dataset, origin: Origin) -> Any:
        how = facet.Transformation("DIRECT", "TRANSFORMATION" if origin.how else "IDENTITY", origin.how or None)
        return facet.InputField(found.namespace, found.name, origin.column, [how])

    return facet.ColumnLineageDatasetFacet(
        {name: facet.Fields([one(*pair) for pair in pairs]) for name, pairs in origins.items()}
    )

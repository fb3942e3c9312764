"""The registry in MLflow: experiments, model versions and aliases as MLflow's own entities, visible in `mlflow ui`."""

import fcntl
import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from mlray.clock import SystemClock
from mlray.errors import NotFoundError, StoreError
from mlray.ids import canonical
from mlray.records import DatasetVersion, Experiment, ModelVersion
from mlray.registry.promotion import Move, move
from mlray.registry.sweeps.on_mlflow import EXPERIMENT, SweepRun, Tracked

__all__ = ["Registry"]

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_RECORD, _CAUSE, _ENDPOINT = "mlray.record", "mlray.caused_by", "mlray.endpoint"
_PIECE = 16_000
"""Characters of the record in one tag: MLflow's SQL columns hold 65,535 bytes on every database."""


class Registry:
    """Experiments and model versions of a project. Safe for several threads and processes that share `root`."""

    def __init__(self, tracking_uri: str, root: Path, store: str = "") -> None:
        """Use the MLflow at `tracking_uri` (`sqlite:///…` or a server); files, and the lock, lie in `root`.

        `store` is the dataset store that runs name as the source of what they learnt from.
        """
        self.tracking_uri = tracking_uri
        self.root = root
        self.store = store

    def warm(self) -> None:
        """Import MLflow and make its database now: that takes seconds, which may pass while others work."""
        _ = self._client

    def tracked(self, project: str, name: str, dataset: DatasetVersion, metric: str) -> Tracked:
        """Return who tells MLflow of the sweep `name` while it runs, to be used in a `with` statement.

        MLflow is imported in its thread, and its database made: that takes seconds, which pass while the sweep works.
        """

        def begin() -> SweepRun:
            with self._changing() as client:
                folder = self._experiment(client, project)
                return SweepRun.begin(client, folder, name, dataset, metric, self.store, SystemClock().now())

        return Tracked(begin, self._changing)

    def log_experiment(self, project: str, experiment: Experiment, dataset: DatasetVersion) -> Experiment:
        """Track `experiment` as one run with a child for each of the best trials, and return it with the run's id.

        What was `tracked` while the sweep ran is completed. The same experiment again returns the run that is there.
        """
        with self._changing() as client:
            folder = self._experiment(client, project)
            found = client.search_runs([folder], f"tags.`{EXPERIMENT}` = '{experiment.id}'", max_results=1)
            if found and found[0].info.status == "FINISHED":
                return replace(experiment, tracking=found[0].info.run_id)
            end = SystemClock().now()
            start = end - timedelta(seconds=experiment.seconds)
            run = SweepRun.begin(client, folder, experiment.id, dataset, experiment.metric, self.store, start)
            run.end(folder, experiment, end)
            return replace(experiment, tracking=run.id)

    def register(self, version: ModelVersion) -> ModelVersion:
        """Keep `version` under the next number of its name, and return it with that number and no alias.

        A version with the same `caused_by`, unless that is empty, is returned as it is: a decision that is carried out
        twice registers once.
        """
        with self._changing() as client:
            if version.caused_by:
                for known in self._all(client, version.name):
                    if known.caused_by == version.caused_by:
                        return known
            return self._register(client, replace(version, aliases=()))

    def set_alias(self, name: str, alias: str, number: int | None) -> None:
        """Make `alias` (`live` or `candidate`) of model `name` point at version `number`, or nowhere.

        Raises:
            NotFoundError: no such model, version or alias; the remedy lists what exists.
            Refusal: the live version as candidate.
        """
        with self._changing() as client:
            versions = self._all(client, name)
            if not versions:
                raise self._missing(client, name)
            aliases = {known: version.number for version in versions for known in version.aliases}
            for step in move(aliases, [version.number for version in versions], alias, number):
                if step.number is None:
                    client.delete_registered_model_alias(name, step.alias)
                else:
                    client.set_registered_model_alias(name, step.alias, str(step.number))
                _tag_deployed(client, name, step, aliases.get(step.alias))

    def get(self, name: str, which: int | str) -> ModelVersion:
        """Return a version of model `name` by its number or alias; NotFoundError lists what exists."""
        with self._reading() as client:
            versions = self._all(client, name)
            if not versions:
                raise self._missing(client, name)
        for version in versions:
            if which in (version.number, str(version.number)) or which in version.aliases:
                return version
        listed = ", ".join(" ".join([f"v{version.number}", *version.aliases]) for version in versions)
        raise NotFoundError(f"The model '{name}' has no version or alias '{which}'.", remedy=f"It has: {listed}.")

    def versions(self, name: str) -> list[ModelVersion]:
        """Return every version of model `name` by number; none when the model does not exist."""
        with self._reading() as client:
            return self._all(client, name)

    def by_cause(self, name: str, decision_id: str) -> ModelVersion | None:
        """Return the version of model `name` that the decision `decision_id` asked for, or None."""
        matching = [version for version in self.versions(name) if version.caused_by == decision_id]
        return matching[0] if matching else None

    @cached_property
    def _client(self) -> Any:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self.root.mkdir(parents=True, exist_ok=True)
        # MLflow warns about its own dependencies when it is imported; none of it is for our users.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.ERROR)
            with self._lock():
                _create_database(self.tracking_uri)
            return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time change the registry: MLflow itself checks nothing between two of its calls."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "registry.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """Offer the client, and turn what MLflow raises into StoreError."""
        import sqlalchemy.exc
        from mlflow.exceptions import MlflowException

        try:
            yield self._client
        except (MlflowException, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            first = str(error).partition("\n")[0]
            old = "out-of-date" in first
            raise StoreError(
                f"MLflow at {self.tracking_uri} cannot be used: {first}",
                remedy=f"Run `mlflow db upgrade {self.tracking_uri}`."
                if old
                else "`mlray doctor` looks for the cause.",
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[Any]:
        with self._reading() as client, self._lock():
            yield client

    def _experiment(self, client: Any, project: str) -> str:
        known = client.get_experiment_by_name(project)
        if known is not None:
            return str(known.experiment_id)
        return str(client.create_experiment(project, artifact_location=(self.root / "artifacts").as_uri()))

    def _register(self, client: Any, version: ModelVersion) -> ModelVersion:
        if not client.search_registered_models(f"name = '{version.name}'", max_results=1):
            client.create_registered_model(version.name, description=f"Made by mlray for the project {version.name}.")
        text = canonical(version.to_json()).decode()
        pieces = {
            _RECORD if not start else f"{_RECORD}.{start // _PIECE}": text[start : start + _PIECE]
            for start in range(0, len(text), _PIECE)
        }
        made = client.create_model_version(
            version.name,
            source=version.artifact,
            run_id=self._run_of(client, version),
            tags={
                **pieces,
                _CAUSE: version.caused_by,
                "mlray.dataset": version.dataset,
                "mlray.dataset_digest": version.dataset_digest,
                "mlray.gates": "passed" if version.scorecard.passed else "refused",
            },
            description=str(version.scorecard),
        )
        return replace(version, number=int(made.version))

    def _run_of(self, client: Any, version: ModelVersion) -> str | None:
        folder = client.get_experiment_by_name(version.name)
        if folder is None or not version.experiment:
            return None
        found = client.search_runs(
            [folder.experiment_id], f"tags.`{EXPERIMENT}` = '{version.experiment}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _all(self, client: Any, name: str) -> list[ModelVersion]:
        models = client.search_registered_models(f"name = '{name}'", max_results=1)
        if not models:
            return []
        aliases: dict[int, list[str]] = {}
        for alias, number in sorted(models[0].aliases.items()):
            aliases.setdefault(int(number), []).append(alias)
        found, token = [], None
        while True:
            page = client.search_model_versions(f"name = '{name}'", max_results=1_000, page_token=token)
            found += [_read(entry.tags, int(entry.version), aliases.get(int(entry.version), ())) for entry in page]
            token = page.token
            if not token:
                return sorted((version for version in found if version), key=lambda version: version.number)

    def _missing(self, client: Any, name: str) -> NotFoundError:
        known = ", ".join(model.name for model in client.search_registered_models()) or "none yet"
        return NotFoundError(
            f"There is no model '{name}'.", remedy=f"Registered: {known}. `mlray train` registers one."
        )


def _read(tags: dict[str, str], number: int, aliases: Sequence[str]) -> ModelVersion | None:
    """Return the version that `tags` hold; None for one that somebody else registered under the name."""
    if _RECORD not in tags:
        return None
    text, piece = tags[_RECORD], 1
    while f"{_RECORD}.{piece}" in tags:
        text += tags[f"{_RECORD}.{piece}"]
        piece += 1
    return replace(ModelVersion.from_json(json.loads(text)), number=number, aliases=tuple(aliases))


def _tag_deployed(client: Any, name: str, step: Move, before: int | None) -> None:
    """Say on the versions themselves which endpoint they answer at: MLflow has no word for deployments of its own."""
    if before is not None:
        client.set_model_version_tag(name, str(before), _ENDPOINT, f"{name}: {step.alias} no longer")
    if step.number is not None:
        client.set_model_version_tag(name, str(step.number), _ENDPOINT, f"{name}: {step.alias}")


def _create_database(uri: str) -> None:
    """Make a SQLite database with MLflow's tables, in one step: MLflow alone leaves a broken one when it is killed.

    MLflow runs all its migrations on a new database; they are run on a file aside, which then takes its place.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or path.exists():
        return
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"sqlite:///{aside}").search_experiments(max_results=1)
    # Write-ahead logging lets people look at `mlflow ui` while a sweep writes; the file remembers it.
    with closing(sqlite3.connect(aside)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    aside.replace(path)

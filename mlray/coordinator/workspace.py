"""Where one project keeps its state, and how each part of it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mlray.costs import PriceBook
from mlray.data import Contract, Store
from mlray.features import FeaturePlan
from mlray.ids import digest
from mlray.journal import Journal, open_journal
from mlray.records import ModelVersion
from mlray.security import KeyRing, signing_key
from mlray.spec import ProjectSpec, read_spec

if TYPE_CHECKING:
    from mlray.registry.on_mlflow import Registry
    from mlray.registry.on_openlineage import Emitter

__all__ = ["Workspace"]


@dataclass(frozen=True)
class Workspace:
    """A project and its folder of state. Cheap to make: nothing is opened before it is asked for."""

    spec: ProjectSpec

    @classmethod
    def at(cls, path: Path | str, *, check: Callable[[ProjectSpec], None] | None = None, sources: bool = False) -> Self:
        """Return the workspace of the project at `path` (a folder or its file); `check` may find more faults.

        That the files of its sources are there is asked only where `sources` says so.
        """
        return cls(read_spec(path, check=check, sources=sources))

    def current(self, path: Path | str) -> Self:
        """Return this workspace, or a new one where the project's files at `path` say something else by now."""
        now = type(self).at(path)
        return self if now.spec == self.spec and now.plan.digest == self.plan.digest else now

    @property
    def name(self) -> str:
        """The project's name, which is also its endpoint's and its model's."""
        return self.spec.project

    @property
    def place(self) -> str:
        """A name that no other workspace has, for what shares a cluster with others."""
        return f"{self.name}-{digest(str(self.root).encode())[:8]}"

    @property
    def root(self) -> Path:
        """The folder of state."""
        return self.spec.root

    def folder(self, *parts: str) -> Path:
        """Return a folder below the root, made where it is missing, readable by its owner alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.root.joinpath(*parts)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @property
    def log_folder(self) -> Path:
        """The endpoint's request log."""
        return self.folder("log", self.name)

    @property
    def report(self) -> Path:
        """The page that tells what happened."""
        return self.root / "report.html"

    @cached_property
    def journal(self) -> Journal:
        """Everything that was seen, decided and done."""
        return open_journal(self.spec.workspace.journal or f"sqlite:///{self.folder() / 'journal.db'}")

    @cached_property
    def store(self) -> Store:
        """The versions of the project's data."""
        return Store(self._store)

    @property
    def _store(self) -> Path | str:
        named = self.spec.workspace.store
        if named is None:
            return self.folder("store")
        return named if "://" in named else (self.spec.folder / named).resolve()

    @cached_property
    def registry(self) -> "Registry":
        """The models, their aliases, and the experiments they came from."""
        from mlray.registry.on_mlflow import Registry

        return Registry(
            self.spec.workspace.tracking or f"sqlite:///{self.folder() / 'mlflow.db'}",
            self.folder("mlflow"),
            str(self._store),
        )

    @cached_property
    def emitter(self) -> "Emitter":
        """Tells other systems what was made from what."""
        from mlray.registry.on_openlineage import Emitter

        return Emitter(self.root / "lineage" / "events.ndjson", self.spec.workspace.lineage)

    def models(self) -> dict[int, ModelVersion]:
        """Return every registered version by number, read from the journal: no tracking server is asked."""
        ours = f"{self.name}/"  # a journal may be shared with other projects
        entries = [entry for entry in self.journal.entries(kind="model") if entry.subject.startswith(ours)]
        found = [ModelVersion.from_json(entry.data) for entry in entries]
        return {version.number: version for version in found}

    @cached_property
    def keys(self) -> KeyRing:
        """Who may call the endpoint."""
        return KeyRing(self.folder("keys"))

    @cached_property
    def signing_key(self) -> bytes:
        """The secret that signs model artifacts; nothing unsigned is ever loaded."""
        return signing_key(self.folder("keys"))

    @cached_property
    def contract(self) -> Contract:
        """The compiled contract of the project's data."""
        return Contract.compile(self.spec.data)

    @cached_property
    def plan(self) -> FeaturePlan:
        """The user's features."""
        return FeaturePlan.of(self.spec.features, self.spec.folder)

    @cached_property
    def prices(self) -> PriceBook:
        """What a node costs."""
        name = self.spec.costs.prices
        beside = self.spec.folder / name
        return PriceBook.load(str(beside) if beside.is_file() else name)

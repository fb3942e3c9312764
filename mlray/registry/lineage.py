"""Lineage: from a source's rows to the endpoints that answer by what was learnt from them, and back. Pure."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import PurePath

from mlray.errors import NotFoundError
from mlray.records import DatasetVersion, Experiment, ModelVersion, Record

__all__ = ["KINDS", "LEARNT_SINCE", "Facts", "Lineage", "Link", "Node", "Read", "Release", "Trace"]

KINDS = ("source", "dataset", "experiment", "model", "endpoint")
"""In the order in which rows travel."""
LEARNT_SINCE = "learnt_since"
"""The trait of a model that says from which moment on it looked at rows, in seconds since 1970."""
FEWEST = 6
"""Digits of a digest that are enough to ask by."""


@dataclass(frozen=True, slots=True)
class Node(Record):
    """One thing in the chain."""

    kind: str
    """One of `KINDS`."""
    name: str
    """`data/flights-2013-01.parquet`, `departures@v2`, `sweep-…`, `flights/v3` or `flights`."""
    digest: str = ""
    """A source's is of what was read of it last, where that is known; an experiment's is its dataset version's."""
    about: str = ""
    """What a person would like to know of it."""

    @property
    def id(self) -> str:
        """Its name among all: two projects may both have a table called `orders`."""
        told_apart = f":{self.digest[:16]}" if self.kind == "dataset" else ""
        return f"{self.kind}:{self.name}{told_apart}"


@dataclass(frozen=True, slots=True)
class Link(Record):
    """One step: something of `start` went into `end`; both are ids."""

    start: str
    end: str
    how: str
    since: datetime | None = None
    """Of a version at an endpoint: since when. Of rows: the earliest that count."""
    until: datetime | None = None
    """Until when; None where it still holds, or is unknown."""
    rows: int = 0
    digest: str = ""
    """Of a source, as it was when the version last read it; empty where it is unknown."""


@dataclass(frozen=True, slots=True)
class Release(Record):
    """A model version at an endpoint, live or on trial."""

    endpoint: str
    version: int
    stage: str
    """`live`, `shadow` or `canary`."""
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of a source as it was read."""

    digest: str = ""
    """A digest of its content, or the etag that its server gave."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What lineage is read from: records that every project keeps anyway."""

    datasets: Sequence[DatasetVersion] = ()
    experiments: Sequence[Experiment] = ()
    models: Sequence[ModelVersion] = ()
    releases: Sequence[Release] = ()
    lookups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Table → the sources that are joined to each of its rows."""
    read: Mapping[str, Mapping[str, Read]] = field(default_factory=dict)
    """Digest of a dataset version → source → what it was when it was read."""


@dataclass(frozen=True, slots=True)
class Trace(Record):
    """Everything before and after what was asked for."""

    asked: tuple[Node, ...]
    upstream: tuple[Node, ...]
    downstream: tuple[Node, ...]
    links: tuple[Link, ...]
    """The steps between all of these."""

    def of(self, kind: str) -> tuple[Node, ...]:
        """Return the nodes of one kind, those asked for among them."""
        return tuple(node for node in (*self.upstream, *self.asked, *self.downstream) if node.kind == kind)


@dataclass(frozen=True)
class Lineage:
    """All that is known, as a graph from sources to endpoints."""

    nodes: Mapping[str, Node]
    links: tuple[Link, ...]

    @classmethod
    def of(cls, facts: Facts) -> "Lineage":
        """Return the graph that the records draw."""
        drawing = _Drawing()
        for version in facts.datasets:
            drawing.known(version)
        for version in facts.datasets:
            drawing.dataset(version, facts.lookups.get(version.table, ()), facts.read.get(version.digest, {}))
        for experiment in facts.experiments:
            drawing.experiment(experiment, facts.models)
        for model in facts.models:
            drawing.model(model)
        for release in facts.releases:
            drawing.release(release)
        return cls(drawing.nodes, tuple(dict.fromkeys(drawing.links)))

    def find(self, asked: str) -> tuple[Node, ...]:
        """Return what a person means by `asked`: an id, a name, a file's name or pattern, or the start of a digest.

        A name that several things have, as an endpoint and its model do, means the farthest along; `kind:name` says
        exactly which. NotFoundError names the closest.
        """
        if asked in self.nodes:
            return (self.nodes[asked],)
        kind, _, rest = asked.partition(":")
        named = rest if kind in KINDS else asked
        among = [node for node in self.nodes.values() if kind not in KINDS or node.kind == kind]
        found = [node for node in among if named in (node.name, _file(node), *_spellings(node))]
        found = found or [node for node in among if node.kind == "source" and _matches(node, named)]
        if not found and len(named) >= FEWEST:
            # An experiment's digest is its dataset's, which is what is meant.
            found = [node for node in among if node.kind != "experiment" and node.digest.startswith(named)]
        if not found:
            raise self._missing(named)
        last = max(found, key=lambda node: KINDS.index(node.kind)).kind
        return tuple(node for node in found if node.kind == last)

    def trace(self, asked: Sequence[Node]) -> Trace:
        """Return everything that went into `asked`, and everything that it went into.

        From a source on, a model counts only where the rows of that source reach into the time that it learnt from.
        """
        ids = [node.id for node in asked]
        before, back = _walk(self.links, ids, forward=False)
        after, ahead = _walk(self.links, ids, forward=True)
        if all(node.kind == "source" for node in asked):
            after, ahead = self._within(ids, after, ahead)
        return Trace(tuple(asked), self._ordered(before), self._ordered(after), tuple(dict.fromkeys(back + ahead)))

    def _within(self, ids: Sequence[str], after: list[str], links: list[Link]) -> tuple[list[str], list[Link]]:
        """Leave out the models that looked at later rows only, and what follows from them alone."""
        newest: dict[str, datetime | None] = {}
        for link in links:
            if link.start in ids and link.end.startswith("dataset:"):
                known = newest.get(link.end, link.until)
                newest[link.end] = None if known is None or link.until is None else max(known, link.until)
        kept = tuple(link for link in links if not _too_early(link, newest))
        reached, ahead = _walk(kept, ids, forward=True)
        return [name for name in after if name in reached], ahead

    def _ordered(self, ids: Iterable[str]) -> tuple[Node, ...]:
        return tuple(sorted((self.nodes[name] for name in ids), key=lambda node: KINDS.index(node.kind)))

    def _missing(self, asked: str) -> NotFoundError:
        names = sorted({node.name for node in self.nodes.values()})
        close = difflib.get_close_matches(asked, names, n=3, cutoff=0.4)
        told = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(names[:8]) or 'nothing yet'}."
        return NotFoundError(f"Nothing is known of '{asked}'.", remedy=told)


def _walk(links: Iterable[Link], ids: Sequence[str], *, forward: bool) -> tuple[list[str], list[Link]]:
    """Return what lies before or after `ids`, the nearest first, and every step on the way."""
    steps: dict[str, list[Link]] = {}
    for link in links:
        steps.setdefault(link.start if forward else link.end, []).append(link)
    seen, taken, todo = dict.fromkeys(ids), list[Link](), list(ids)
    while todo:
        for link in steps.get(todo.pop(0), ()):
            taken.append(link)
            far = link.end if forward else link.start
            if far not in seen:
                seen[far] = None
                todo.append(far)
    return [name for name in seen if name not in ids], taken


def _too_early(link: Link, newest: Mapping[str, datetime | None]) -> bool:
    until = newest.get(link.start)
    return link.how == "learnt from" and until is not None and link.since is not None and until < link.since


def _file(node: Node) -> str:
    return PurePath(node.name).name if node.kind == "source" else ""


def _matches(node: Node, pattern: str) -> bool:
    return fnmatch(node.name, pattern) or fnmatch(_file(node), pattern)


def _spellings(node: Node) -> tuple[str, ...]:
    """Return how else people write a model version: `flights@v3` and `flights v3`."""
    if node.kind != "model":
        return ()
    name, _, number = node.name.rpartition("/")
    return f"{name}@{number}", f"{name} {number}"


class _Drawing:
    """A graph while it is drawn."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self._last: dict[str, datetime] = {}
        """When a source was read last, by its id."""

    def known(self, version: DatasetVersion) -> None:
        self._add(_dataset(version))

    def dataset(self, version: DatasetVersion, lookups: Iterable[str], read: Mapping[str, Read]) -> None:
        node = self._add(_dataset(version))
        for link in _sources(version, node.id):
            name = link.start.removeprefix("source:")
            if f"dataset:{name}" in self.nodes:  # a plan made these rows from another table's
                self.links.append(replace(link, start=f"dataset:{name}", how="made from"))
                continue
            known = read.get(name, Read())
            self._read(Node("source", name, known.digest, known.about), version.created_at)
            self.links.append(replace(link, digest=known.digest))
        for lookup in lookups:
            self.links.append(Link(self._add(Node("source", lookup)).id, node.id, "joined to its rows"))
        if all(fragment.source for fragment in version.fragments):
            return  # its sources say where every row came from; the versions before it would say it again
        self.links += [
            Link(earlier.id, node.id, version.operation)
            for earlier in list(self.nodes.values())
            if earlier.kind == "dataset" and earlier.digest in version.parents
        ]

    def experiment(self, experiment: Experiment, models: Sequence[ModelVersion]) -> None:
        tried = f"{len(experiment.trials)} trial{'s' if len(experiment.trials) != 1 else ''}"
        about = f"{tried}, best {experiment.metric} {experiment.best.score or float('nan'):.4f}"
        digests = {model.dataset_digest for model in models if model.experiment == experiment.id}
        known = [one for one in self.nodes.values() if one.kind == "dataset" and one.name == experiment.dataset]
        found = [one for one in known if one.digest in digests] or known
        # Two tables of one name leave it open which one was meant.
        digest = found[0].digest if len(found) == 1 else ""
        node = self._add(Node("experiment", experiment.id, digest, about))
        since = next((_learnt_since(model) for model in models if model.experiment == experiment.id), None)
        self.links += [Link(one.id, node.id, "learnt from", since=since) for one in found]

    def model(self, version: ModelVersion) -> None:
        name, about = f"{version.name}/v{version.number}", str(version.scorecard)
        node = self._add(Node("model", name, version.artifact_digest, about))
        dataset = Node("dataset", version.dataset, version.dataset_digest)
        # A version that is not kept here any more is still told by its name and digest.
        dataset = self.nodes.get(dataset.id) or self._add(dataset)
        self.links.append(Link(dataset.id, node.id, "learnt from", since=_learnt_since(version)))
        if f"experiment:{version.experiment}" in self.nodes:
            self.links.append(Link(f"experiment:{version.experiment}", node.id, "the best trial of"))

    def release(self, release: Release) -> None:
        node = self._add(Node("endpoint", release.endpoint))
        model = f"model:{release.endpoint}/v{release.version}"
        if model in self.nodes:
            how = release.stage if release.until is None else f"was {release.stage}"
            self.links.append(Link(model, node.id, how, release.since, release.until))

    def _read(self, node: Node, at: datetime) -> None:
        """Add a source as it was read at that moment; what was read last is what it is."""
        before = self._last.get(node.id)
        if before is None or (node.digest and at >= before):
            self.nodes[node.id] = node
            self._last[node.id] = at

    def _add(self, node: Node) -> Node:
        return self.nodes.setdefault(node.id, node)


def _dataset(version: DatasetVersion) -> Node:
    return Node("dataset", version.name, version.digest, f"{version.rows:,} rows as of {version.as_of:%Y-%m-%d}")


def _sources(version: DatasetVersion, end: str) -> Iterator[Link]:
    """Return one link per source of the version's rows, with the time that its rows span."""
    by_source: dict[str, list[tuple[int, datetime | None, datetime | None]]] = {}
    for fragment in version.fragments:
        # A fragment that compaction made of several names the sources of all; each may have brought any of its rows.
        for source in filter(None, fragment.source.split("; ")):
            by_source.setdefault(source, []).append((fragment.alive, fragment.first, fragment.last))
    for source, parts in by_source.items():
        firsts, lasts = [first for _, first, _ in parts], [last for _, _, last in parts]
        yield Link(
            f"source:{source}",
            end,
            "rows of",
            since=None if None in firsts else min(filter(None, firsts)),
            until=None if None in lasts else max(filter(None, lasts)),
            rows=sum(rows for rows, _, _ in parts),
        )


def _learnt_since(version: ModelVersion) -> datetime | None:
    seconds = version.traits.get(LEARNT_SINCE)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

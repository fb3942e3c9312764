"""An ensemble as a model: several trained members and their shares in one content, signed and served as one."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import numpy as np

from mlray.errors import StoreError
from mlray.experiments._problem import Array
from mlray.experiments._trainers import fit, load_model, threads_for
from mlray.ports import Model
from mlray.records import Experiment, Trial

__all__ = [
    "ENSEMBLE",
    "Member",
    "Members",
    "ensemble_content",
    "fit_ensemble",
    "fit_trials",
    "load_ensemble",
    "members_in",
    "members_of",
]

ENSEMBLE = "ensemble"
"""What stands in a trainer's place where a model is an ensemble."""

_MAGIC = b"mlray ensemble 1\n"

Members = Sequence[tuple[Trial, float]]
"""Trials and their shares of the answer."""


@dataclass(frozen=True, slots=True)
class Member:
    """One trained model of an ensemble."""

    trainer: str
    share: float
    """What its prediction is multiplied by before all are summed up."""
    content: bytes
    """What its trainer wrote."""


def members_of(experiment: Experiment) -> tuple[tuple[Trial, float], ...]:
    """Return the trials of `experiment.ensemble` with their shares; none where the best trial alone is as good."""
    known = {trial.number: trial for trial in experiment.trials}
    return tuple((known[number], share) for number, share in experiment.ensemble if number in known)


def fit_trials(
    trials: Sequence[Trial],
    x: Array,
    y: Array,
    categorical: Sequence[int],
    seed: int,
    **about: Any,  # noqa: ANN401 (passed on to `fit`)
) -> list[bytes]:
    """Train the configurations of `trials` anew, and return the content of each, which `load_model` reads.

    Args:
        trials: What to train; each with the rounds that were best.
        x: Rows, float32 of shape [n, f].
        y: Answers of shape [n].
        categorical: Columns of codes.
        seed: Of every training.
        about: What else `fit` takes, such as `task` and `weights`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def trained(trial: Trial) -> bytes:
        return fit(trial.trainer, x, y, categorical, trial.params, trial.rounds, seed, **about)

    # Where a fit is too small for a second thread, another one takes it.
    with ThreadPoolExecutor(max(1, cores // threads_for(x))) as pool:
        return list(pool.map(trained, trials))


def fit_ensemble(
    members: Members,
    x: Array,
    y: Array,
    categorical: Sequence[int],
    seed: int,
    **about: Any,  # noqa: ANN401 (passed on to `fit`)
) -> bytes:
    """Train every member anew and return the ensemble's content, which `load_model` reads.

    `members` are trials with their shares; for the rest see `fit_trials`.
    """
    contents = fit_trials([trial for trial, _ in members], x, y, categorical, seed, **about)
    return ensemble_content(
        [Member(trial.trainer, share, content) for (trial, share), content in zip(members, contents, strict=True)]
    )


def ensemble_content(members: Sequence[Member]) -> bytes:
    """Return `members` as one content: a line of text that says how many bytes belong to whom, and those bytes.

    Nothing in it is code, but a member's content may be a pickle: what holds for the members holds for the whole.
    """
    head = [{"trainer": one.trainer, "share": one.share, "bytes": len(one.content)} for one in members]
    return b"".join([_MAGIC, json.dumps(head).encode(), b"\n", *(one.content for one in members)])


def members_in(content: bytes) -> tuple[Member, ...]:
    """Return the members that `ensemble_content` wrote.

    Raises:
        StoreError: the content is not one, or not whole.
    """
    head, found, rest = content.removeprefix(_MAGIC).partition(b"\n")
    if not content.startswith(_MAGIC) or not found:
        raise _broken("it does not begin like one")
    try:
        parts = [(str(one["trainer"]), float(one["share"]), int(one["bytes"])) for one in json.loads(head)]
    except (ValueError, KeyError, TypeError) as error:
        raise _broken("its list of members cannot be read") from error
    if sum(size for _, _, size in parts) != len(rest) or any(size < 0 for _, _, size in parts):
        raise _broken(f"it holds {len(rest)} bytes of members, not as many as its list says")
    if not parts or not all(isfinite(share) and share > 0 for _, share, _ in parts):
        raise _broken("a member's share is not a positive number")
    if any(trainer == ENSEMBLE for trainer, _, _ in parts):
        raise _broken("one of its members is an ensemble itself")
    members, start = [], 0
    for trainer, share, size in parts:
        members.append(Member(trainer, share, rest[start : start + size]))
        start += size
    return tuple(members)


def _broken(what: str) -> StoreError:
    return StoreError(f"This is no ensemble: {what}.", remedy="Train the model again: `mlray train`.")


def load_ensemble(content: bytes) -> Model:
    """Return the model that `content` holds; `load_model("ensemble", content)` does the same.

    Raises:
        StoreError: as `members_in` raises it. A member may be a pickle: verify the signature first.
    """
    return _Model([(one.share, load_model(one.trainer, one.content)) for one in members_in(content)])


class _Model:
    def __init__(self, members: Sequence[tuple[float, Model]]) -> None:
        self._members = members

    def predict(self, values: Any) -> Array:  # noqa: ANN401 (a model takes what its trainer takes)
        parts = [share * np.asarray(model.predict(values), dtype=np.float64) for share, model in self._members]
        return cast("Array", np.sum(parts, axis=0))

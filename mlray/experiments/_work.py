"""What a lane does with a pack: train each order, look at marks, stop it where it falls behind. No Ray, one process."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any, Protocol

import numpy as np

from mlray.clock import SystemClock
from mlray.experiments._halving import behind, marks, past_its_best, rungs
from mlray.experiments._metrics import higher_is_better
from mlray.experiments._orders import Look, Order, Pack, Shown
from mlray.experiments._problem import Array, Problem
from mlray.experiments._trainers import Run, Trainer, trainer

__all__ = ["FREE", "Permit", "Worker", "merged", "side_by_side"]

LATENCY_ROWS = 1_000
"""Rows of one request when a model's latency is measured."""
LATENCY_CALLS = 5
LONGEST = 500
"""Characters of an error that are kept."""


MEMORY_SHARE = 0.5
"""Of a node's memory all prepared rows together may take so much."""
BYTES_PER_CELL = 6
"""Of the prepared rows: the bins, at most two bytes, and what binning holds of the float32 values on the way."""


def side_by_side(problem: Problem, cpus: float, memory: float, threads: int) -> int:
    """Return how many trainings of `threads` threads a process is to do on a node: 1, or all that its `cpus` allow.

    One process per training needs the prepared rows once per process; where `memory` (bytes) does not hold that, one
    process with threads prepares them once for the whole node.
    """
    lanes = max(1, int(cpus // threads))
    cells = sum(part.train_x.size + part.valid_x.size for part in problem.parts())
    return 1 if lanes * cells * BYTES_PER_CELL <= MEMORY_SHARE * memory else lanes


class Permit(Protocol):
    """Whoever says whether a lane may go on."""

    def may_go_on(self) -> bool:
        """Return at once, or once a pause is over; False ends the order. Asked after a look has been told."""
        ...


class _Free:
    def may_go_on(self) -> bool:
        return True


FREE = _Free()
"""The permit of who asks nobody."""


def merged(told: Sequence[Shown]) -> tuple[Shown, ...]:
    """Return the same with one entry per order, in the order of their last words: fewer and smaller messages."""
    last: dict[int, Shown] = {}
    for shown in told:
        before = last.pop(shown.number, None)
        last[shown.number] = replace(shown, looks=before.looks + shown.looks) if before else shown
    return tuple(last.values())


@dataclass
class _Course:
    """One order on its way."""

    order: Order
    looks: tuple[Look, ...] = ()
    predictions: Array | None = None
    """Those of the best look."""

    def note(self, look: Look, predictions: Array, *, higher: bool) -> None:
        sign = 1.0 if higher else -1.0
        if self.predictions is None or sign * look.score > max(sign * seen.score for seen in self.looks):
            self.predictions = predictions
        self.looks = (*self.looks, look)

    def best(self, *, higher: bool) -> float:
        scores = [look.score for look in self.looks]
        return max(scores) if higher else min(scores)


def _in_short(problem: Exception) -> str:
    """Return the kind of an error and its first line: some libraries add the addresses of their own code below."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0][:LONGEST] if lines else 'no reason given'}"


def _stretches(wanted: Mapping[int, int], ends: Sequence[int]) -> Iterator[list[int]]:
    """Yield the marks from rung to rung: some trainers fit anew for every stretch, and may be stopped at a rung."""
    stretch: list[int] = []
    for mark, rounds in wanted.items():
        stretch.append(mark)
        if rounds in ends:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


class Worker:
    """Trains orders on one problem and keeps, per trainer, what depends on the data alone.

    One worker serves all packs of a sweep in its process; with `width` above 1 it trains so many orders side by side in
    threads that share the prepared rows. `threads` are the threads of a single training.
    """

    def __init__(
        self,
        problem: Problem,
        rounds: int,
        *,
        threads: int = 1,
        width: int = 1,
        early: bool = True,
        objectives: Sequence[str] = ("score",),
        device: str = "cpu",
    ) -> None:
        """Take the problem; nothing is prepared before the first order.

        `early` ends trials that are past their best; a `device` other than the CPU is handed to every trainer.
        """
        self._parts = problem.parts()
        self._problem, self._rounds = problem, rounds
        self._threads, self._width, self._early = threads, width, early
        self._objectives, self._device = tuple(objectives), device
        self._higher = higher_is_better(problem.metric)
        self._prepared: dict[str, Sequence[Any]] = {}
        self._lock = Lock()
        self._clock = SystemClock()

    def prepare(self, name: str) -> tuple[Trainer, Sequence[Any]]:
        """Return the trainer `name` and each part of the problem in its own form, made once."""
        learner = trainer(name)
        with self._lock:
            if name not in self._prepared:
                self._prepared[name] = [learner.prepare(part, self._threads * self._width) for part in self._parts]
            return learner, self._prepared[name]

    def work(self, pack: Pack, permit: Permit = FREE) -> Iterator[Shown]:
        """Train the orders of `pack` and tell after every look; whoever stops listening stops the training.

        Every order ends with one `Shown(done=True)`. What a trainer raises is told as that order's error.
        """
        if self._width > 1 and len(pack.orders) > 1:
            yield from self._together(pack, permit)
            return
        spent = 0.0
        for position, order in enumerate(pack.orders):
            ended = None
            for shown in self._train(order, pack, permit, spent):
                ended = shown
                yield shown
            spent += ended.seconds if ended else 0.0
            if ended is not None and ended.returned:
                for left in pack.orders[position + 1 :]:
                    yield Shown(left.number, done=True, returned=True)
                return

    def _together(self, pack: Pack, permit: Permit) -> Iterator[Shown]:
        told: SimpleQueue[Shown | None] = SimpleQueue()
        quit_ = Event()

        def one(order: Order) -> None:
            try:
                for shown in self._train(order, pack, permit, 0.0):
                    told.put(shown)
                    if quit_.is_set():
                        return
            finally:
                told.put(None)

        with ThreadPoolExecutor(self._width) as pool:
            for order in pack.orders:
                pool.submit(one, order)
            try:
                left = len(pack.orders)
                while left:
                    shown = told.get()
                    if shown is None:
                        left -= 1
                    else:
                        yield shown
            finally:
                quit_.set()
                pool.shutdown(cancel_futures=True)

    def _train(self, order: Order, pack: Pack, permit: Permit, spent: float) -> Iterator[Shown]:
        """Train one order; `spent` seconds of the pack's allowance are gone already."""
        # A training of one thread happens in this one, beside which others may be at work.
        cpu = time.thread_time if self._threads == 1 else time.process_time
        began, cpu_began, paused = self._clock.ticks(), cpu(), 0.0
        course = _Course(order)

        def told() -> Shown:
            seconds = self._clock.ticks() - began - paused
            return Shown(order.number, seconds=seconds, cpu_seconds=cpu() - cpu_began)

        try:
            learner, prepared = self.prepare(order.configuration.trainer)
            params = self._params(order)
            runs = [learner.start(part, params, order.seed, self._threads) for part in prepared]
            for look, predictions in self._looks(learner, runs):
                course.note(look, predictions, higher=self._higher)
                if self._is_last(learner, look) or self._past_its_best(course):
                    yield self._ended(course, (look,), pack, learner, runs, told)
                    return
                cut = behind(course.looks, pack.cuts, higher=self._higher)
                cut = cut or (pack.allowance is not None and spent + told().seconds >= pack.allowance)
                if cut:
                    yield self._ended(course, (look,), pack, learner, runs, told, cut=True)
                    return
                yield replace(told(), looks=(look,))
                asked = self._clock.ticks()
                go_on = permit.may_go_on()
                paused += self._clock.ticks() - asked
                if not go_on:
                    yield self._ended(course, (), pack, learner, runs, told, cut=True)
                    return
        except Exception as problem:  # noqa: BLE001 (whatever a trainer raises is the trial's result)
            yield replace(told(), done=True, error=_in_short(problem))

    def _params(self, order: Order) -> Mapping[str, Any]:
        """Return the order's parameters, and the device where it is not the CPU."""
        params = order.configuration.params
        return params if self._device == "cpu" else {**params, "device": self._device}

    def _looks(self, learner: Trainer, runs: Sequence[Run]) -> Iterator[tuple[Look, Array]]:
        """Yield each look and the predictions of all parts at it; the score is the mean over the parts."""
        wanted = self._marks(learner)
        for stretch in _stretches(wanted, rungs(self._rounds)):
            for mark, *shown in zip(stretch, *(run.advance(stretch) for run in runs), strict=True):
                scores = [part.score(seen) for part, (_, seen) in zip(self._parts, shown, strict=True)]
                score = float(np.mean(scores))
                if not np.isfinite(score):
                    message = f"the score after {wanted[mark]} rounds is {score}"
                    raise ValueError(message)
                yield Look(wanted[mark], score), np.concatenate([np.asarray(p, np.float32) for _, p in shown])

    def _marks(self, learner: Trainer) -> Mapping[int, int]:
        """Return the trainer's own marks, each with the round of the sweep that it stands for.

        A trainer without rounds is shown growing shares of the rows, in hundredths: a third of the rows stands for a
        third of the rounds, so that the rungs of both can be compared. Each look is a whole fit, so it has rungs only.
        """
        if getattr(learner, "unit", "rounds") == "rounds":
            return {mark: mark for mark in marks(self._rounds)}
        steps = rungs(self._rounds) if self._early else (self._rounds,)
        return {max(1, round(100 * mark / self._rounds)): mark for mark in steps}

    def _is_last(self, learner: Trainer, look: Look) -> bool:
        return look.rounds >= max(self._marks(learner).values())

    def _past_its_best(self, course: _Course) -> bool:
        if not self._early:
            return False
        return past_its_best({look.rounds: look.score for look in course.looks}, self._rounds, higher=self._higher)

    def _ended(
        self,
        course: _Course,
        looks: tuple[Look, ...],
        pack: Pack,
        learner: Trainer,
        runs: Sequence[Run],
        told: Callable[[], Shown],
        *,
        cut: bool = False,
    ) -> Shown:
        """Return the last word on an order, with its predictions and its model where somebody wants them."""
        best = course.best(higher=self._higher)
        last = replace(told(), looks=looks, done=True, cut=cut)
        if course.predictions is not None and self._beats(best, pack.keep):
            last = replace(last, predictions=course.predictions.tobytes())
        if len(runs) == 1 and self._beats(best, pack.keep_model):  # of several folds there is no one model
            last = replace(last, model=runs[0].content())
        if "latency" in self._objectives:
            last = replace(last, objectives={"latency": self._latency(learner, runs[0])})
        return last

    def _beats(self, score: float, threshold: float | None) -> bool:
        return threshold is None or (score > threshold if self._higher else score < threshold)

    def _latency(self, learner: Trainer, run: Run) -> float:
        """Return the milliseconds that the model takes for a thousand rows: the median of some calls."""
        part = self._parts[0]
        rows = part.valid_x[:LATENCY_ROWS]
        model = learner.load(run.content())
        model.predict(rows)
        took = []
        for _ in range(LATENCY_CALLS):
            began = self._clock.ticks()
            model.predict(rows)
            took.append(self._clock.ticks() - began)
        return float(np.median(took)) * 1_000 * LATENCY_ROWS / max(1, len(rows))

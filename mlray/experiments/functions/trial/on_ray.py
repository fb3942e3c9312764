"""One trial of a user's function, in its own process: works while it holds a lease, and waits in memory else."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from ray import tune
from ray.train._internal.session import get_session
from ray.tune.trainable import FunctionTrainable, wrap_function

from mlray.clock import SystemClock
from mlray.errors import InputError, UnavailableError
from mlray.experiments.functions._course import CPU_SECONDS, ERROR, NODE, SECONDS
from mlray.experiments.functions._needs import Needs
from mlray.experiments.functions._reports import OURS
from mlray.leases import Resources
from mlray.leases.on_ray import Desk

__all__ = ["Hold", "leased", "resources", "trainable"]

PATIENCE = 20.0
"""Seconds of one wait for a lease; whoever still waits then asks again and keeps its place."""
LOOK = 0.5
"""Seconds between two questions whether a lease still holds, at most as often as the function reports."""
_NEXT_TO_NOTHING = 0.001


def trainable(function: object) -> type[tune.Trainable]:
    """Return the Tune trainable that `function` is, or that runs it; InputError where it is neither."""
    if isinstance(function, type) and issubclass(function, tune.Trainable):
        return function
    if not callable(function):
        raise InputError(f"{function!r} cannot be trained.", remedy="Pass a function of one argument, `config`.")
    try:
        made: type[tune.Trainable] = wrap_function(function)
    except (ValueError, TypeError) as error:
        name = getattr(function, "__name__", repr(function))
        raise InputError(
            f"The function '{name}' does not take a configuration.",
            remedy=f"Write `def {name}(config):`; bind other arguments with ray.tune.with_parameters.",
        ) from error
    return made


def resources(needs: Needs) -> Resources:
    """Return what a lease for `needs` is asked for."""
    return Resources(needs.total("CPU"), needs.total("GPU"), needs.total("memory"))


@dataclass(frozen=True)
class Hold:
    """In whose name a trial takes its lease."""

    tenant: str
    sweep: str
    needs: Needs


def leased(base: type[tune.Trainable], hold: Hold) -> type[tune.Trainable]:
    """Return `base` with a lease around its work, and with the resources that Ray itself has to give."""
    return type(f"Leased{base.__name__}", (_Leased, base), {"hold": hold, "_name": getattr(base, "_name", "")})


class _Leased(tune.Trainable):
    """Mixed into a trainable: works only while it holds a lease, and waits in memory while that is revoked."""

    hold: ClassVar[Hold]

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Return what Ray is asked for: all of it where only Ray can give it, else next to nothing on its node."""
        needs = cls.hold.needs
        if needs.claimed:
            return tune.PlacementGroupFactory([dict(bundle) for bundle in needs.bundles], strategy=needs.strategy)
        bundle = {"CPU": _NEXT_TO_NOTHING}
        if config.get(NODE):
            bundle[str(config[NODE])] = _NEXT_TO_NOTHING
        return tune.PlacementGroupFactory([bundle])

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, without a lease yet."""
        self._reset()
        # Ray has counted the CPUs that it was asked for; libraries that are loaded from now on use those of the lease.
        os.environ["OMP_NUM_THREADS"] = str(max(1, int(self.hold.needs.bundles[0].get("CPU", 1))))
        self.config = _own(config)
        super().setup(self.config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another configuration in the same process.

        Raises:
            UnavailableError: the trainable cannot. Were that returned, Tune would give the trial up without a word to
                its searcher; for an error it ends the process, and the trial is tried in another.
        """
        self._let_go()
        if self._failed and isinstance(self, FunctionTrainable):
            # The thread that raised has ended, and its error was told: nobody is to wait for it and hear it again.
            cast("Any", get_session()).training_started = False
        self._reset()
        self.config = _own(new_config)
        if not super().reset_config(self.config):
            raise UnavailableError(
                "The process takes no other trial.", remedy="Let `reset_config` return True, or leave `reuse` out."
            )
        return True

    def _reset(self) -> None:
        self._desk = Desk()
        self._lease: str | None = None
        self._failed = False
        self._seconds = self._asked_at = 0.0
        self._cpu_before = time.process_time()

    def step(self) -> dict[str, Any]:
        """Work on under the lease. What the function raises is a result: Tune would end the process for it."""
        clock = SystemClock()
        error, result = "", {}
        began = clock.ticks()
        try:
            if not self._may(clock):
                return self._timed({"done": True})
            began = clock.ticks()
            result = super().step()
        except Exception as problem:  # noqa: BLE001 (whatever it raises is the trial's result)
            self._failed = True
            cause = problem.__cause__ if type(problem).__name__ == "StartTraceback" and problem.__cause__ else problem
            error = f"{type(cause).__name__}: {cause}"
        self._seconds += clock.ticks() - began
        if error:
            return self._timed({ERROR: error, "done": True})
        return self._timed(dict(result))

    def _timed(self, result: dict[str, Any]) -> dict[str, Any]:
        cpu_seconds = time.process_time() - self._cpu_before
        return {**result, SECONDS: self._seconds, CPU_SECONDS: cpu_seconds}

    def _may(self, clock: SystemClock) -> bool:
        """Return once there is a lease; whether to work on, or to end because the sweep was told to stop."""
        while self._lease is None:
            if self._desk.stopped(self.hold.sweep):
                return False
            tenant, sweep, needs = self.hold.tenant, self.hold.sweep, self.hold.needs
            self._lease = self._desk.acquire(
                tenant, sweep, str(self.trial_id), None, resources(needs), PATIENCE, backed=needs.claimed
            )
            self._asked_at = clock.ticks()
        if clock.ticks() - self._asked_at < LOOK:
            return True
        word = self._desk.may_go_on(self._lease)
        while word == "pause":
            word = self._desk.resume(self._lease, PATIENCE)
        self._asked_at = clock.ticks()
        return word == "go"

    def cleanup(self) -> None:
        """Give the lease back, and end."""
        self._let_go()
        with suppress(Exception) if self._failed else _as_it_is():  # it was told already
            cast("Any", super()).cleanup()

    def _let_go(self) -> None:
        if self._lease is not None:
            self._desk.release(self._lease, self._seconds)
            self._lease = None


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _own(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration as the function is to see it."""
    return {key: value for key, value in config.items() if not key.startswith(OURS)}

"""A project and the Ray that it works on: joined when it is needed, left behind as it was found."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlray.coordinator.workspace import Workspace
from mlray.errors import UnavailableError
from mlray.spec import ProjectSpec

if TYPE_CHECKING:
    from mlray.coordinator.cluster.on_ray import Connection

__all__ = ["Joined"]


def _ray_address() -> str:
    """Return the cluster that a job of Ray runs on; Ray's tools use the same variable for a dashboard's URL."""
    address = os.environ.get("RAY_ADDRESS", "")
    return "" if address.startswith("http") else address


class Joined:
    """What a project holds while it works: its workspace, and its connection to a Ray."""

    def __init__(self, space: Workspace, source: Path | None = None) -> None:
        """Take an opened workspace and the path that it was opened by; nothing is started."""
        self.space = space
        self.source = (source or space.spec.folder).resolve()
        """The project's folder, or its file where that was named."""
        self._connection: Connection | None = None

    @property
    def spec(self) -> ProjectSpec:
        """What the project's file says."""
        return self.space.spec

    @property
    def folder(self) -> str:
        """The project's folder or file, as other processes are told it."""
        return str(self.source)

    def _address(self) -> str:
        return os.environ.get("MLRAY_RAY") or _ray_address() or self.spec.workspace.ray

    def connect(self, *, kept: bool = False) -> None:
        """Join the project's Ray, or start one; `kept` starts one that outlives this process, until `stop`.

        A Ray of our own that would end with this process gives way to a kept one.
        """
        if kept and self._connection is not None and self._connection.ours:
            self._leave()
        if self._connection is not None:
            return
        from mlray.coordinator.cluster.on_ray import connect

        keys = self.space.folder("keys")
        self._connection = connect(self._address(), keys, self.space.folder(), self.spec.workspace.cpus, kept=kept)

    def _leave(self) -> None:
        if self._connection is not None:
            # Forgotten only afterwards: whoever interrupts this can call it again.
            self._connection.leave()
            self._connection = None

    def close(self) -> None:
        """End what this object started: a Ray of its own with everything in it. A kept one stays.

        The journal is closed as well; whatever is asked for afterwards opens it again.
        """
        try:
            self._leave()
        finally:
            opened = self.space.__dict__.pop("journal", None)  # where `cached_property` keeps it
            if opened is not None:
                opened.close()

    def stop(self) -> bool:
        """End what `run(keep=True)` or `deploy` left running, here or on a cluster; return whether there was anything.

        Raises:
            UnavailableError: the cluster that the project names does not answer.
        """
        from mlray.coordinator.cluster import read_kept
        from mlray.coordinator.cluster.on_ray import joined

        kept = read_kept(self.space.root / "ray.json")
        if kept is not None:
            self._leave()
            kept.stop()
            return True
        if self._connection is None and self._address() == "local" and not joined():
            return False
        self.connect()
        if self._connection is None or self._connection.ours or not self.on_cluster():
            return False
        self.clear()
        return True

    def on_cluster(self) -> list[str]:
        """Return which of the project's own actors run on the Ray that we are joined to."""
        from mlray.coordinator.cluster.on_ray import actors

        return actors(self.space.place)

    def clear(self) -> None:
        """Take the project off a cluster that goes on without us; a Ray of our own ends with all that is in it."""
        if self._connection is None or self._connection.ours:
            return
        from mlray.coordinator import on_ray
        from mlray.coordinator.cluster.on_ray import serves
        from mlray.serving.on_ray import remove

        on_ray.end(self.folder)
        if serves():
            remove(self.space.place)

    def begin_anew(self) -> None:
        """Let go of everything that was opened, and move what earlier work left in the workspace aside.

        Raises:
            UnavailableError: the project is being watched, by a kept Ray or on the cluster that it joins.
        """
        from mlray.coordinator.cluster.on_ray import joined
        from mlray.project._anew import move_aside, refuse_kept

        refuse_kept(self.space, self._command("stop"))
        if self._connection is None and (joined() or self._address() != "local"):
            self.connect()
            if "coordinator" in self.on_cluster():
                raise UnavailableError(
                    f"{self.spec.project} is already being watched on this cluster.",
                    remedy=f"End that first: {self._command('stop')}",
                )
        self.clear()
        self.close()
        move_aside(self.space.root)
        self.space = replace(self.space)  # nothing that was opened or read before is known any more

    def _command(self, verb: str) -> str:
        """Return the command line that does `verb` with this project."""
        from shlex import quote

        return f"mlray {verb} {quote(str(self.source))}"

    def _actors(self) -> ModuleType:
        """Return the module of the actors, joined to a Ray first: Ray reads its settings when it is imported."""
        self.connect()
        from mlray.coordinator import on_ray

        return on_ray

    def _do(self, key: str, flow: str, arguments: dict[str, Any], heard: Callable[..., None] | None = None) -> Any:  # noqa: ANN401
        on_ray = self._actors()
        return on_ray.do(on_ray.workshop(self.folder), key, flow, arguments, heard)

"""Join a Ray, or start one that ends with us."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, cast

from mlray.coordinator.cluster import NAMESPACE, Kept, birth, environment, local_settings, read_kept
from mlray.coordinator.locks import hold, let_go
from mlray.errors import UnavailableError
from mlray.security import ray_token

__all__ = ["Connection", "actors", "connect", "joined", "keep", "serves"]

KEPT = "ray.json"
PATIENCE = 240.0
"""Seconds that a Ray which somebody else is starting may take."""


@dataclass(frozen=True)
class Connection:
    """A Ray we are joined to."""

    address: str
    ours: bool
    """Whether it ends when we leave."""
    leave: Callable[[], None]


def connect(address: str, keys: Path, root: Path, cpus: int | None, *, kept: bool) -> Connection:
    """Join the Ray at `address`, or start one for `local`.

    Args:
        address: `local`, `auto`, or `host:port`.
        keys: the folder with the workspace's secrets.
        root: the workspace's folder, where a kept Ray is written down.
        cpus: CPUs of a Ray that is started; all by default.
        kept: start one that outlives this process, until `mlray stop`.

    Raises:
        UnavailableError: no Ray could be started or reached.
    """
    if joined():
        # The program that called us has a Ray already: it is used as it is, and ending it is not our business.
        return Connection("joined", ours=False, leave=lambda: None)
    if address != "local":
        return _join(address, None)
    found = read_kept(root / KEPT)
    if found is None and kept:
        found = _only_keeper(keys, root, cpus)
    if found is not None:
        return _join(found.address, ray_token(keys))
    return _start(keys, cpus)


def joined() -> bool:
    """Return whether this process is joined to a Ray, whoever did it."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def actors(place: str) -> list[str]:
    """Return which of the actors of `place`, `coordinator` and `workshop`, are on the cluster we are joined to."""
    import ray

    found = []
    for part in ("coordinator", "workshop"):
        try:
            ray.get_actor(f"{place}-{part}", namespace=NAMESPACE)
        except ValueError:  # there is none
            continue
        found.append(part)
    return found


def serves() -> bool:
    """Return whether Ray Serve runs on the cluster that we are joined to: without it there is no endpoint to end."""
    import ray

    try:
        ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    except ValueError:
        return False
    return True


def _join(address: str, token_file: Path | None) -> Connection:
    os.environ.update(environment(token_file))
    import ray

    _read_token_anew()
    try:
        ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise UnavailableError(
            f"no Ray answers at '{address}': {error}.",
            remedy="Check workspace.ray in mlray.yaml, and RAY_AUTH_TOKEN_PATH if the cluster asks for a token.",
        ) from error
    return Connection(address, ours=False, leave=ray.shutdown)


def _read_token_anew() -> None:
    """Let Ray read the token file again: a process that was on one workspace's Ray may come to another's."""
    from ray import _raylet

    loader = getattr(_raylet, "AuthenticationTokenLoader", None)  # what Ray's own command line uses
    if loader is not None:
        loader.instance().reset_cache()


def _start(keys: Path, cpus: int | None) -> Connection:
    try:
        return _start_once(keys, cpus)
    except UnavailableError as error:
        # Ray gives a new node thirty seconds and no setting for it; a machine that others keep busy may need more.
        if "timed out during startup" not in str(error):
            raise
        return _start_once(keys, cpus)


def _start_once(keys: Path, cpus: int | None) -> Connection:
    import psutil

    local = local_settings(keys, cpus)
    os.environ.update(environment(local.token_file))
    # `ray job submit -- python …` and Ray's own workers are to find this environment's programs, activated or not.
    programs = str(Path(sys.executable).parent)
    if os.environ.get("PATH", "").split(os.pathsep)[0] != programs:
        os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])
    import ray

    _read_token_anew()
    before = {child.pid for child in psutil.Process().children()}
    started: list[psutil.Process] = []

    def note() -> None:
        """Note which processes Ray's start brought; what the calling program starts later is not ours to end."""
        started.extend(child for child in psutil.Process().children() if child.pid not in before)

    def leave() -> None:
        with _held_signals():  # a second Ctrl-C must not cut the clean-up short
            family = [process for root in started for process in _family(root)]
            ray.shutdown()
            # Detached actors are children of the raylet, not of ours: what outlives it is ended here, by its pid.
            _, still = psutil.wait_procs(family, timeout=5)
            for process in still:
                _kill(process)
            local.remove()

    try:
        # An interrupt in the middle of Ray's own start can crash the process: it is heard when Ray is up.
        with _held_signals(), _scratch(local.folder):
            context = ray.init(
                num_cpus=local.cpus,
                namespace=NAMESPACE,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=str(local.folder),
                _node_ip_address="127.0.0.1",
                object_store_memory=_object_store(),
            )
            note()
    except BaseException as error:
        if not started:
            note()
        leave()
        if isinstance(error, Exception):
            raise UnavailableError(
                f"a local Ray could not be started: {error}.", remedy="`mlray doctor` says what is wrong here."
            ) from error
        raise
    return Connection(str(cast("Any", context).address_info["address"]), ours=True, leave=leave)


@contextmanager
def _held_signals() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back until the block is done; other threads than the main one get none anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {number: signal.signal(number, lambda n, _: heard.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        if heard:
            signal.raise_signal(heard[0])


@contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Let the processes that are started here keep their temporary files in `folder`: it is removed when Ray ends."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _family(process: object) -> list[Any]:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _kill(process: object) -> None:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        process.kill()
    except psutil.Error:
        return


def _object_store() -> int:
    """Return the bytes for Ray's object store: an eighth of the memory, 100 MB to 2 GB; ours stays almost empty."""
    import psutil

    return int(min(2e9, max(1e8, psutil.virtual_memory().available / 8)))


def _only_keeper(keys: Path, root: Path, cpus: int | None) -> Kept:
    """Return the workspace's keeper, started where there is none: two who ask at once get the same one."""
    handle = hold(root / "keeper.lock", patience=PATIENCE, remedy="Another command is starting a Ray there; try again.")
    try:
        return read_kept(root / KEPT) or _spawn_keeper(keys, root, cpus)
    finally:
        let_go(handle)


def _spawn_keeper(keys: Path, root: Path, cpus: int | None) -> Kept:
    log = root / "keeper.log"
    command = [sys.executable, "-m", "mlray.coordinator.cluster.on_ray", str(keys), str(root), str(cpus or 0)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (our own module)
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while process.poll() is None:
            found = read_kept(root / KEPT)
            if found is not None and found.pid == process.pid:
                return found
            time.sleep(0.1)
    except BaseException:
        process.terminate()
        raise
    tail = log.read_text(encoding="utf-8", errors="replace")[-400:]
    raise UnavailableError(
        f"a local Ray could not be started: {tail}", remedy="`mlray doctor` says what is wrong here."
    )


def keep(keys: Path, root: Path, cpus: int | None) -> None:
    """Start a local Ray, write down where it is, and hold it up until SIGTERM or SIGINT."""
    done = Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        done.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    connection = _start(keys, cpus)
    file = root / KEPT
    kept = Kept(os.getpid(), birth(os.getpid()), connection.address)
    kept.write(file)
    try:
        while not done.wait(1.0):
            if not file.exists():  # the workspace was removed: nobody could find us any more
                break
    finally:
        kept.forget(file)
        connection.leave()


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) or None)

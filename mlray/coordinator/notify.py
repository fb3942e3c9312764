"""Telling people what the crawler found: the words, and who is told them. What sends them is somebody else."""

import os
import re
from collections.abc import Callable, Mapping

from mlray.coordinator.secrets import read_secret
from mlray.coordinator.workspace import Workspace
from mlray.errors import MlrayError, NotFoundError
from mlray.ids import Json
from mlray.records import Checkup, Verdict
from mlray.security import redact
from mlray.spec import NotifySpec

__all__ = ["Post", "of_checkup", "of_source", "send"]

Post = Callable[[str, Mapping[str, Json], Mapping[str, str]], None]
"""Posts a JSON object to a URL with headers; raises UnavailableError where it was not taken."""


def of_source(project: str, verdict: Verdict, *, paused: bool) -> dict[str, Json]:
    """Return the message about one source. `text` alone says all, as Slack, Mattermost and others show it."""
    pause = " Nothing is ingested until then." if paused else ""
    text = f"{project}: the source '{verdict.source}' is {verdict.state}: {verdict.because}. {verdict.remedy}{pause}"
    return {
        "text": redact(text.strip()),
        "project": project,
        "source": verdict.source,
        "state": verdict.state.value,
        "because": redact(verdict.because),
        "remedy": redact(verdict.remedy),
        "paused": paused,
        "at": verdict.at.isoformat(),
    }


def of_checkup(project: str, table: str, found: Checkup) -> dict[str, Json]:
    """Return the message about damaged files of the store."""
    remedy = "Restore them from a backup; versions that do not need them can be read as before."
    return {
        "text": redact(f"{project}: {found}. {remedy}"),
        "project": project,
        "source": table,
        "state": "damaged",
        "because": redact(str(found)),
        "remedy": remedy,
        "paused": False,
        "at": found.at.isoformat(),
    }


def send(space: Workspace, notify: NotifySpec, message: Mapping[str, Json], post: Post) -> dict[str, Json]:
    """Send one message and return what the journal keeps of it: to which host, whether it was taken, and why not.

    The whole address is never told: with most chat services it is the secret.
    """
    host = notify.host
    try:
        url = _filled(notify.webhook)
        headers = {}
        if notify.key is not None:
            headers["Authorization"] = f"Bearer {read_secret(space.folder('keys'), notify.key)}"
        post(url, message, headers)
    except MlrayError as error:
        return {"to": host, "delivered": False, "error": redact(str(error))}
    return {"to": host, "delivered": True}


def _filled(url: str) -> str:
    """Return the address with variables of the environment in place of their names."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in os.environ:
            raise NotFoundError(
                f"the webhook's address needs the variable {name}, which the environment does not have.",
                remedy=f"export {name}=…, where the coordinator is started.",
            )
        return os.environ[name]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, url)

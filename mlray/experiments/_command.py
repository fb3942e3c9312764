"""The stop command: a file beside a journal, so that it works without Ray, from wherever the folder is seen."""

from pathlib import Path

__all__ = ["ask_stop", "forget_stop", "stop_asked"]


def ask_stop(journal: Path) -> None:
    """Ask the sweep that writes `journal` to end; it keeps its best so far."""
    _sign(journal).touch()


def stop_asked(journal: Path) -> bool:
    """Return whether somebody asked the sweep that writes `journal` to end."""
    return _sign(journal).exists()


def forget_stop(journal: Path) -> None:
    """Take the request back: the sweep has ended, or is taken up again."""
    _sign(journal).unlink(missing_ok=True)


def _sign(journal: Path) -> Path:
    return journal.with_suffix(".stop")

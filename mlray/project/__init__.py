"""One project as a typed Python object: everything that the command line does, without the command line."""

from mlray.project._project import Project
from mlray.project._project import open_project as open  # noqa: A004 (`mlray.open`, as one opens a file)
from mlray.project._result import RunResult

__all__ = ["Project", "RunResult", "open"]

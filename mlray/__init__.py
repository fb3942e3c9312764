"""The whole life of a model on one Ray cluster, answered with decisions: is it worth it, and can we afford it.

    project = mlray.open("jobs/flights")
    project.feasibility()
    project.run()

Nothing heavy is loaded before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlray.errors import InputError, MlrayError, Refusal, UnavailableError
    from mlray.project import Project, open  # noqa: A004 (`mlray.open`, as one opens a file)
    from mlray.project.sweeps import sweep
    from mlray.records import (
        Act,
        Budget,
        DatasetVersion,
        Decision,
        DriftReport,
        Endpoint,
        Experiment,
        Feasibility,
        Interval,
        ModelVersion,
        Scorecard,
        Spend,
    )
    from mlray.spec import ProjectSpec, read_spec

__all__ = [
    "Act",
    "Budget",
    "DatasetVersion",
    "Decision",
    "DriftReport",
    "Endpoint",
    "Experiment",
    "Feasibility",
    "InputError",
    "Interval",
    "MlrayError",
    "ModelVersion",
    "Project",
    "ProjectSpec",
    "Refusal",
    "Scorecard",
    "Spend",
    "UnavailableError",
    "open",
    "read_spec",
    "sweep",
]

_HOMES = {
    "mlray.errors": ("InputError", "MlrayError", "Refusal", "UnavailableError"),
    "mlray.project": ("Project", "open"),
    "mlray.project.sweeps": ("sweep",),
    "mlray.spec": ("ProjectSpec", "read_spec"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562): `import mlray` stays free of Ray and of pandas."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mlray")
    if name not in __all__:
        message = f"module 'mlray' has no attribute '{name}'"
        raise AttributeError(message)
    found = getattr(import_module(_HOME.get(name, "mlray.records")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return what is public, whichever submodules happen to be loaded."""
    return sorted([*__all__, "__version__"])

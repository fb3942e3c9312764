"""The project file `mlray.yaml` as frozen values; what is wrong with it is told with file and line."""

from mlray.spec._model import (
    Access,
    BudgetSpec,
    Choice,
    ColumnSpec,
    Costs,
    Data,
    Drift,
    Gates,
    Live,
    LookupSpec,
    MappingSpec,
    Model,
    Part,
    ProjectSpec,
    Range,
    Serving,
    Target,
    Workspace,
)
from mlray.spec._read import FILE, read_spec
from mlray.spec._schema import SCHEMA, json_schema
from mlray.spec._words import closest, did_you_mean

__all__ = [
    "FILE",
    "SCHEMA",
    "Access",
    "BudgetSpec",
    "Choice",
    "ColumnSpec",
    "Costs",
    "Data",
    "Drift",
    "Gates",
    "Live",
    "LookupSpec",
    "MappingSpec",
    "Model",
    "Part",
    "ProjectSpec",
    "Range",
    "Serving",
    "Target",
    "Workspace",
    "closest",
    "did_you_mean",
    "json_schema",
    "read_spec",
]

"""The project file `mlray.yaml` as frozen values; what is wrong with it is told with file and line."""

from mlray.spec._amend import with_mapping
from mlray.spec._asked import model_of
from mlray.spec._contracts import ContractFile, parse_contract, read_contract
from mlray.spec._domains import read_domains
from mlray.spec._files import check_sources
from mlray.spec._forms import Domain
from mlray.spec._formula import parse as parse_formula
from mlray.spec._model import (
    Access,
    BudgetSpec,
    Choice,
    Claim,
    ColumnSpec,
    Costs,
    CrawlSpec,
    Data,
    Drift,
    Gates,
    Live,
    LookupSpec,
    MappingSpec,
    Model,
    Modes,
    NotifySpec,
    Part,
    ProjectSpec,
    QualityRule,
    Range,
    Schedule,
    Serving,
    Sharing,
    Target,
    Workspace,
)
from mlray.spec._odcs_write import contract_text, flow_text
from mlray.spec._read import FILE, read_spec
from mlray.spec._schema import SCHEMA, json_schema
from mlray.spec._source import CursorSpec, SourceSpec, source_of
from mlray.spec._words import closest, did_you_mean

__all__ = [
    "FILE",
    "SCHEMA",
    "Access",
    "BudgetSpec",
    "Choice",
    "Claim",
    "ColumnSpec",
    "ContractFile",
    "Costs",
    "CrawlSpec",
    "CursorSpec",
    "Data",
    "Domain",
    "Drift",
    "Gates",
    "Live",
    "LookupSpec",
    "MappingSpec",
    "Model",
    "Modes",
    "NotifySpec",
    "Part",
    "ProjectSpec",
    "QualityRule",
    "Range",
    "Schedule",
    "Serving",
    "Sharing",
    "SourceSpec",
    "Target",
    "Workspace",
    "check_sources",
    "closest",
    "contract_text",
    "did_you_mean",
    "flow_text",
    "json_schema",
    "model_of",
    "parse_contract",
    "parse_formula",
    "read_contract",
    "read_domains",
    "read_spec",
    "source_of",
    "with_mapping",
]

"""The section `model`, asked for from Python: the same keys, the same faults, without a file."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlray.errors import SpecError
from mlray.spec._contracts import frozen
from mlray.spec._explain import explain
from mlray.spec._training import Model

__all__ = ["model_of"]


def model_of(values: Mapping[str, object]) -> Model:
    """Return the section `model` with these keys.

    Raises:
        SpecError: a key or value that is none; every fault at once, as of a project file.

    >>> model_of({"trials": 3, "time": "10 minutes"}).seconds
    600.0
    """
    given = frozen(cast("Any", dict(values)))
    try:
        return Model.model_validate(given, strict=True)
    except ValidationError as error:
        inside = [{**said, "loc": ("model", *said["loc"])} for said in error.errors(include_url=False)]
    found = explain(cast("list[ErrorDetails]", inside), {"model": given}, {})
    raise SpecError([one.what.replace("model.", "", 1) for one in found], remedy="Nothing was started.")

"""Secrets: named in a project file, taken from the environment when they are used, and never told."""

import os
import re
from urllib.parse import quote

from mlray.errors import DataError

__all__ = ["with_environment"]

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def with_environment(text: str, *, quoted: bool = False) -> str:
    """Return `text` with each `${NAME}` replaced by the environment's value, `quoted` as in an address.

    Raises:
        DataError: a name is not set; only the name is told.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in os.environ:
            raise DataError(f"The environment variable {name} is not set.", remedy=f"Set it: export {name}=…")
        return quote(os.environ[name], safe="") if quoted else os.environ[name]

    return _NAME.sub(value, text)

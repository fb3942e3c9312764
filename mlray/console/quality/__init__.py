"""The profile of a dataset version as a page: what is in the data, and what a person should look at."""

from mlray.console.quality._findings import findings

__all__ = ["findings"]

"""The profile of a dataset version as a page: what is in the data, and what a person should look at."""

from mlray.console.quality._findings import findings
from mlray.console.quality._page import profile_page

__all__ = ["findings", "profile_page"]

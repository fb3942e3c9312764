"""The crawler: whether a source is there, keeps its contract, is fresh, and holds anything new."""

from mlray.data.crawl._checkup import checkup
from mlray.data.crawl._judge import Known, Thing, judge
from mlray.data.crawl._look import Looked, look
from mlray.data.crawl._schedule import due, next_look
from mlray.records import SourceState, Verdict

__all__ = ["Known", "Looked", "SourceState", "Thing", "Verdict", "checkup", "due", "judge", "look", "next_look"]

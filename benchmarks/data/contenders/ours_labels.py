"""Our confident learning, on the same labels and probabilities."""

import numpy as np

from benchmarks.data.workers import serve
from mlray.evaluation import label_problems


def find(file: str) -> dict[str, float]:
    """Name the rows whose label is wrong."""
    kept = np.load(file)
    named = label_problems(kept["labels"], kept["probabilities"]).rows
    wrong = np.flatnonzero(kept["labels"] != kept["truth"])
    right = len(np.intersect1d(named, wrong))
    return {"precision": right / max(len(named), 1), "recall": right / max(len(wrong), 1)}


if __name__ == "__main__":
    serve(find=find)

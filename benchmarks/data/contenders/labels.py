"""Labels with noise put in, out-of-fold probabilities, and cleanlab's confident learning on them."""

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.data.workers import serve

FOLDS = 5


def make(file: str, rows: int, share: float, seed: int) -> dict[str, int]:
    """Write labels, truth and probabilities: of the digits' images where `rows` is 0, else of made classes.

    Noise turns a class into its next one twice as often as into any other, as people confuse what is alike.
    """
    if rows:
        x, y = make_classification(
            rows,
            n_features=12,
            n_informative=8,
            n_classes=4,
            class_sep=1.5,
            n_clusters_per_class=1,
            flip_y=0.0,
            random_state=seed,
        )
    else:
        x, y = load_digits(return_X_y=True)
    rng, classes = np.random.default_rng(seed), int(y.max()) + 1
    labels = y.copy()
    wrong = rng.choice(len(y), int(share * len(y)), replace=False)
    steps = rng.choice(np.arange(1, classes), len(wrong), p=_weights(classes))
    labels[wrong] = (y[wrong] + steps) % classes
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    probabilities = cross_val_predict(model, x, labels, cv=FOLDS, method="predict_proba")
    np.savez(file, labels=labels, truth=y, probabilities=probabilities)
    return {"rows": len(y), "wrong": len(wrong)}


def _weights(classes: int) -> np.ndarray:
    weights = np.ones(classes - 1)
    weights[0] = 2
    return weights / weights.sum()


def find(file: str) -> dict[str, float]:
    """Name the rows whose label is wrong."""
    kept = np.load(file)
    return judged(kept, np.flatnonzero(find_label_issues(kept["labels"], kept["probabilities"], n_jobs=1)))


def judged(kept: dict[str, np.ndarray], named: np.ndarray) -> dict[str, float]:
    """Return the shares of right ones among the named rows, and of named ones among the wrong rows."""
    wrong = np.flatnonzero(kept["labels"] != kept["truth"])
    right = len(np.intersect1d(named, wrong))
    return {"precision": right / max(len(named), 1), "recall": right / max(len(wrong), 1)}


if __name__ == "__main__":
    serve(make=make, find=find)

"""Leakage: columns that know the answer, and rows to judge by that were learnt from. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlray.evaluation._metrics import Array, score
from mlray.records import Interval, LeakageSuspect, Repetition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["alone", "coded", "leakage", "repetition"]

Codes = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

CELLS = 32
"""Cells that a number is cut into, at its quantiles; a value that is common has one of its own."""
PRIOR = 10.0
"""Rows of the overall share that every cell is given: a rare word must not look sure."""
CERTAIN, SUSPECT = 0.99, 0.9
"""AUCs that a single honest column hardly ever reaches."""
TOO_GOOD = 3.0
"""Standard errors by which the holdout must repeat more than is usual."""


def coded(values: npt.ArrayLike, *, words: bool) -> Codes:
    """Return the cell of each value, shape [n]: a word's own, or a number's by quantile; 0 is what is missing."""
    if words:
        import pandas as pd  # which most commands do without

        codes, _ = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=True)
        return np.asarray(codes, dtype=np.int64) + 1
    numbers = np.asarray(values, dtype=np.float64)
    known = np.sort(numbers[~np.isnan(numbers)])
    if not len(known):
        return np.zeros(len(numbers), dtype=np.int64)
    edges = np.unique(known[np.linspace(0, len(known) - 1, CELLS + 1).astype(int)])
    cells = np.searchsorted(edges, numbers, side="left")
    return np.where(np.isnan(numbers), 0, cells + 1).astype(np.int64)


def alone(codes: Codes, answers: Array, seed: int = 0) -> Interval:
    """Return the AUC that a table of shares by cell reaches: learnt on one random half, judged on the other, and back.

    Learning and judging on the same rows would let a name that occurs once look perfect.

    Args:
        codes: The cell of each row, 0 or more, shape [n].
        answers: 0 or 1, both of them there, shape [n].
        seed: Draws the halves.
    """
    half = np.random.default_rng(seed).permutation(len(codes)) % 2 == 0
    told = np.empty(len(codes))
    for learnt in (half, ~half):
        size = int(codes.max()) + 1
        base = float(answers[learnt].mean())
        rows = np.bincount(codes[learnt], minlength=size)
        true = np.bincount(codes[learnt], weights=answers[learnt], minlength=size)
        # Both halves are ranked together, so that what a cell says is how far it lies from its half's own share.
        told[~learnt] = ((true + PRIOR * base) / (rows + PRIOR) - base)[codes[~learnt]]
    return score("auc", answers, (told + 1) / 2)


def leakage(columns: Mapping[str, Codes], answers: Array, seed: int = 0) -> tuple[LeakageSuspect, ...]:
    """Return every column by how well it tells the answer alone, the best first, and which of them are too good.

    A column is certain to know the answer from an AUC of 0.99 on and suspect from 0.9, each by the interval's low end.
    What is missing tells as much as what is there: a column that is only filled in afterwards shows as well.
    """
    found = [_judged(name, codes, answers, seed) for name, codes in columns.items()]
    return tuple(sorted(found, key=lambda one: -one.auc.value))


def _judged(name: str, codes: Codes, answers: Array, seed: int) -> LeakageSuspect:
    auc = alone(codes, answers, seed)
    verdict = "certain" if auc.low >= CERTAIN else "suspect" if auc.low >= SUSPECT else "fine"
    if verdict == "fine":
        return LeakageSuspect(name, auc, verdict)
    missing = codes == 0
    if 0 < missing.sum() < len(codes):
        only = alone(missing.astype(np.int64), answers, seed)
        if only.low >= SUSPECT:
            return LeakageSuspect(name, auc, verdict, f"whether it is missing tells the answer (AUC {only.value:.3f})")
    return LeakageSuspect(name, auc, verdict, f"its value alone ranks the answers with AUC {auc.value:.3f}")


def repetition(
    rows: pa.Table, inputs: Sequence[str], time: str, answers: Array, learnt: npt.NDArray[np.bool_]
) -> Repetition:
    """Return which rows are there twice, which contradict each other, and which of the holdout were learnt from.

    Rows are compared by 64-bit hashes, so that among a million one pair in forty million is a mistake. A row may repeat
    by rights, where few columns take few values. What is usual is therefore measured: a part as large as the holdout,
    just before it, is compared with the rows before that part.

    Args:
        rows: All columns, in the order of time, shape [n].
        inputs: The columns that a request brings.
        time: The column of the event time, which would make every row its own.
        answers: 0 or 1, shape [n].
        learnt: Whether a row lies before the holdout, shape [n]; true ones stand first.
    """
    import pandas as pd

    whole = _hashes(rows.to_pandas())
    seen = rows.select([name for name in inputs if name != time]).to_pandas()
    if not seen.shape[1]:
        return Repetition(len(whole), _repeated(whole), 0)
    same = _hashes(seen)
    labelled = _hashes(pd.DataFrame({"row": same, "answer": answers}))
    edge = int(learnt.sum())
    held = len(labelled) - edge
    hits = int(np.isin(labelled[edge:], labelled[:edge]).sum())
    earlier = max(edge - held, 0)
    usual = float(np.isin(labelled[earlier:edge], labelled[:earlier]).mean()) if 0 < earlier < edge else 0.0
    return Repetition(
        rows=len(whole),
        repeated=_repeated(whole),
        contradicting=_contradicting(same, answers),
        learnt=hits,
        held=held,
        usual=usual,
        suspicious=_too_many(hits, held, usual),
    )


def _hashes(frame: "pd.DataFrame") -> Hashes:
    import pandas as pd

    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def _repeated(hashes: Hashes) -> int:
    return len(hashes) - len(np.unique(hashes))


def _contradicting(same: Hashes, answers: Array) -> int:
    """Return the rows whose inputs occur with both answers."""
    _, places, sizes = np.unique(same, return_inverse=True, return_counts=True)
    true = np.bincount(places, weights=answers, minlength=len(sizes))
    both = (true > 0) & (true < sizes)
    return int(sizes[both].sum())


def _too_many(hits: int, held: int, usual: float) -> bool:
    if not held:
        return False
    # A share of nought is never certain: one row more than was seen is possible.
    expected = max(usual, 1 / held)
    error = (expected * (1 - expected) / held) ** 0.5
    return hits / held > expected + TOO_GOOD * error and hits / held > 2 * usual

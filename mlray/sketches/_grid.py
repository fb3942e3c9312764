"""The aligned grid: a value's cell is the upper half of its float32 once it is centred and scaled.

Cells are 0.8 % wide relative to the distance from the centre, whatever the column's unit; they do not depend on the
rows at hand, so counts from any two batches add up exactly.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["FINITE", "VALUES", "Cells", "add", "codes_of", "count", "missing", "ranked"]

Floats = npt.NDArray[np.float64]
Cells = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]
"""Codes in rising order, each once, and how many values fell into each."""

CELLS = 65_536
# Below this many values, sorting them is cheaper than clearing a counter for every cell.
_FEW = 4_096

_codes = np.arange(CELLS, dtype=np.uint32)
_values = (_codes << np.uint32(16)).view(np.float32)
_finite = np.isfinite(_values)
_order = np.concatenate([_codes[(_codes >= CELLS // 2) & _finite][::-1], _codes[(_codes < CELLS // 2) & _finite]])

FINITE = len(_order)
"""Cells that hold finite values; their ranks are 0 to FINITE - 1 in order of value."""
VALUES: Floats = _values[_order].astype(np.float64)
"""By rank: the border of the cell that lies nearer to the centre, in units of the scale."""
MISSING = -2
"""The rank of a cell of missing values."""

# A code's place in order of value. Infinities lie beyond both ends, so that they land in the outermost bins.
RANKS: npt.NDArray[np.int64] = np.full(CELLS, MISSING, dtype=np.int64)
RANKS[_order] = np.arange(FINITE)
RANKS[_codes[_values == -np.inf]] = -1
RANKS[_codes[_values == np.inf]] = FINITE


def codes_of(values: Floats, centre: float, scale: float) -> npt.NDArray[np.uint16]:
    """Return the cell of each value, shape [n]: NaN has cells of its own, and so have both infinities."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        scaled = ((values - centre) * scale).astype(np.float32)
    # Minus zero is a cell of its own; whether a value just below the centre underflows to it is no difference in value.
    scaled += np.float32(0)
    return np.ascontiguousarray((scaled.view(np.uint32) >> np.uint32(16)).astype(np.uint16))


def count(codes: npt.NDArray[np.uint16]) -> Cells:
    """Return the cells that occur and how often."""
    if len(codes) < _FEW:
        found, counts = np.unique(codes, return_counts=True)
        return found, counts.astype(np.int64)
    dense = np.bincount(codes, minlength=CELLS)
    kept = np.flatnonzero(dense)
    return kept.astype(np.uint16), dense[kept].astype(np.int64)


def add(first: Cells, second: Cells) -> Cells:
    """Return the counts of both together."""
    codes, places = np.unique(np.concatenate([first[0], second[0]]), return_inverse=True)
    counts = np.zeros(len(codes), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([first[1], second[1]]))
    return codes, counts


def ranked(cells: Cells) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (ranks rising, counts) of everything that is not missing, infinities at both ends."""
    ranks = RANKS[cells[0]]
    present = ranks != MISSING
    order = np.argsort(ranks[present], kind="stable")
    return ranks[present][order], cells[1][present][order]


def missing(cells: Cells) -> int:
    """Return how many values were NaN."""
    return int(cells[1][RANKS[cells[0]] == MISSING].sum())

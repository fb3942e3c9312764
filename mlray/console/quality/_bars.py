"""Each column as a card: its distribution, small, with the figures beneath."""

from datetime import UTC, datetime, timedelta

from mlray.console.markup import Safe, join, tag
from mlray.console.words import percent
from mlray.records import Bar, ColumnProfile

__all__ = ["column_cards"]

WIDTH, HEIGHT = 240.0, 64.0
WORD_STEP, WORD_ROOM = 15.0, 92.0
LONGEST = 14
"""Letters of a word that fit beside its bar."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def column_cards(columns: tuple[ColumnProfile, ...], before: str) -> Safe:
    """Return all columns; `before` names the version whose bars stand behind, and is empty where there is none."""
    return tag("div", *(_card(column, before) for column in columns), class_="cards")


def _card(column: ColumnProfile, before: str) -> Safe:
    about = " · ".join(filter(None, [column.kind, column.unit, "known later" if column.known == "later" else ""]))
    return tag(
        "article",
        tag("h3", column.name),
        tag("p", about, class_="kind"),
        _picture(column, before) if column.bars else tag("p", "No values.", class_="nothing"),
        tag("dl", *(part for name, value in _figures(column) for part in (tag("dt", name), tag("dd", value)))),
        class_="card",
    )


def _figures(column: ColumnProfile) -> list[tuple[str, str]]:
    found = [("missing", _missing(column))]
    if column.kind == "number" and column.quartiles is not None:
        low, middle, high = column.quartiles
        found.append(("median", f"{_rounded(middle)} (quartiles {_rounded(low)}, {_rounded(high)})"))
        found.append(("range", f"{column.low:,.5g} to {column.high:,.5g}"))
        share = column.outliers / max(column.rows - column.missing, 1)
        found.append(("outliers", f"{column.outliers:,} ({_share(share)})" if column.outliers else "none"))
    elif column.kind == "timestamp" and column.low is not None and column.high is not None:
        found.append(("range", f"{_moment(column.low)} to {_moment(column.high)}"))
    if column.kind == "text":
        found.append(("different", f"{column.distinct:,}" if column.distinct is not None else "too many to count"))
    return found


def _missing(column: ColumnProfile) -> str:
    if not column.missing:
        return "none"
    return f"{column.missing:,} ({_share(column.missing / column.rows)})"


def _share(share: float) -> str:
    return percent(share) if share >= 0.001 else "under 0.1%"


def _rounded(value: float) -> str:
    """Return a figure to three digits, which is as exact as the counted cells are."""
    return f"{float(f'{value:.3g}'):,.10g}"


def _moment(microseconds: float) -> str:
    return f"{EPOCH + timedelta(microseconds=microseconds):%Y-%m-%d}"


def _picture(column: ColumnProfile, before: str) -> Safe:
    words = column.kind in ("text", "boolean")
    height = WORD_STEP * len(column.bars) if words else HEIGHT + 16
    drawn = _words(column, before) if words else _histogram(column, before)
    name = "column-" + "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in column.name)
    largest = max(column.bars, key=lambda bar: bar.rows)
    described = f"{len(column.bars)} bars; the largest is {largest.label} with {largest.rows:,} rows"
    return tag(
        "svg",
        tag("title", f"Distribution of {column.name}", id=f"{name}-t"),
        tag("desc", described, id=f"{name}-d"),
        drawn,
        viewBox=f"0 0 {WIDTH:.0f} {height:.0f}",
        role="img",
        aria_labelledby=f"{name}-t {name}-d",
    )


def _shares(column: ColumnProfile) -> list[tuple[Bar, float, float]]:
    """Return each bar with its share of the rows, now and before, so that a larger version does not look different."""
    now, then = sum(bar.rows for bar in column.bars), sum(bar.before for bar in column.bars)
    return [(bar, bar.rows / max(now, 1), bar.before / max(then, 1)) for bar in column.bars]


def _tip(bar: Bar, share: float, then: float, before: str) -> str:
    compared = f"; {percent(then)} in {before}" if before else ""
    return f"{bar.label}: {bar.rows:,} rows, {percent(share)}{compared}"


def _histogram(column: ColumnProfile, before: str) -> Safe:
    shares = _shares(column)
    top = max(max(now, then) for _, now, then in shares) or 1.0
    step = WIDTH / len(shares)
    marks = []
    for place, (bar, now, then) in enumerate(shares):
        x, tall = place * step, max(now / top * HEIGHT, 0.8 if bar.rows else 0.0)
        title = tag("title", _tip(bar, now, then, before))
        marks.append(
            tag(
                "rect", x=x + 0.5, y=HEIGHT - tall, width=step - 1, height=tall, class_="served bar", aria_hidden="true"
            )
        )
        # The whole height answers to pointing: a bar of one pixel could not be hit.
        marks.append(tag("rect", title, x=x, y=0, width=step, height=HEIGHT, class_="hit"))
    if before:
        path = "".join(
            f"{'L' if place else 'M'}{place * step:.1f} {HEIGHT - then / top * HEIGHT:.1f}h{step:.1f}"
            for place, (_, _, then) in enumerate(shares)
        )
        marks.insert(0, tag("path", d=path, class_="line kept"))
    ends = (column.bars[0].label.partition(" – ")[0], column.bars[-1].label.rpartition(" – ")[2])
    return join(
        *marks,
        tag("path", d=f"M0 {HEIGHT}H{WIDTH}", class_="grid"),
        tag("text", ends[0], x=0, y=HEIGHT + 13),
        tag("text", ends[1], x=WIDTH, y=HEIGHT + 13, text_anchor="end"),
    )


def _words(column: ColumnProfile, before: str) -> Safe:
    shares = _shares(column)
    top = max(max(now, then) for _, now, then in shares) or 1.0
    room = WIDTH - WORD_ROOM - 36
    marks = []
    for place, (bar, now, then) in enumerate(shares):
        y = place * WORD_STEP
        text = bar.label if len(bar.label) <= LONGEST else f"{bar.label[: LONGEST - 1]}…"
        long = max(now / top * room, 0.8)
        title = tag("title", _tip(bar, now, then, before))
        marks += [
            tag("text", text or "(empty)", x=WORD_ROOM - 6, y=y + 11, text_anchor="end"),
            tag("rect", title, x=WORD_ROOM, y=y + 2.5, width=long, height=WORD_STEP - 5, class_="served bar"),
            tag(
                "text",
                percent(now, 0 if now >= 0.1 else 1),
                x=WORD_ROOM + max(long, then / top * room) + 5,
                y=y + 11,
                class_="share",
            ),
        ]
        if before:
            at = WORD_ROOM + then / top * room
            marks.append(tag("path", d=f"M{at:.1f} {y + 1:.1f}v{WORD_STEP - 2:.1f}", class_="line kept"))
    return join(*marks)

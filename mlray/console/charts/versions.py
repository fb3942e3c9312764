"""The versions' timeline: when each was trained, watched in the shadow, tried as a canary, live, and how it ended."""

from collections.abc import Sequence
from datetime import datetime

from mlray.console.charts.frame import WIDE, Key, Picture, figure, label, marker, time_axis, time_scale
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale
from mlray.console.story import Episode, Phase, Story
from mlray.console.tables import Column, table
from mlray.console.words import day, percent

__all__ = ["versions_figure"]

_STOPPED = frozenset({Phase.ROLLED_BACK, Phase.REJECTED})
_MOMENTS = _STOPPED | {Phase.TRAINED, Phase.RETIRED}
_STEP = 40.0


def versions_figure(story: Story) -> Safe:
    """Return the timeline of all versions."""
    keys = [
        Key("diamond", "ink", "trained"),
        Key("shadow", "trial", "shadow: answers copies only"),
        Key("canary", "trial", "canary: answers some requests"),
        Key("bar", "served", "live"),
    ]
    if any(episode.phase in _STOPPED for episode in story.versions):
        keys.append(Key("cross", "bad", "rolled back or rejected"))
    return figure(
        "versions",
        "Timeline of the model versions",
        "; ".join(_sentence(episode) for episode in story.versions),
        lambda width: _draw(story, width),
        keys=keys,
        data=_data(story),
    )


def _sentence(episode: Episode) -> str:
    until = f" to {day(episode.end)}" if episode.end is not None else ""
    return f"{episode.version} {episode.phase} {day(episode.start)}{until}"


def _draw(story: Story, width: int) -> Picture:
    rows = list(dict.fromkeys(episode.version for episode in sorted(story.versions, key=lambda e: e.start)))
    longest = max(len(name) for name in rows)
    left = max(40.0, min(longest * 6.8 + 12, width * 0.3))
    start = min(story.start, *(episode.start for episode in story.versions))
    # The last words stand right of the last mark: a phone has no room for them, and shows them on pointing.
    x = time_scale(start, story.end, left, width - (96 if width == WIDE else 10))
    bottom = 10 + _STEP * len(rows)
    parts = [
        time_axis(x, start, story.end, bottom),
        tag("path", d=f"M{left:.1f} {bottom:.1f}H{x.stop:.1f}", class_="grid"),
    ]
    for index, name in enumerate(rows):
        middle = 10 + _STEP * (index + 0.5)
        episodes = [episode for episode in story.versions if episode.version == name]
        parts.append(_row(story, episodes, x, middle, wide=width == WIDE))
    return Picture(width, bottom + 26, join(*parts))


def _row(story: Story, episodes: Sequence[Episode], x: Scale, middle: float, *, wide: bool) -> Safe:
    """Draw one version: bars for what lasted, marks for moments, and its fate in words after the last of them."""
    name = episodes[0].version
    broken = name in story.broken_versions
    parts = [
        tag("path", d=f"M{x.start:.1f} {middle:.1f}H{x.stop:.1f}", class_="lane"),
        label(x.start - 10, middle + 4, name, anchor="end", class_="name"),
    ]
    if broken:
        parts.append(label(x.start - 10, middle + 17, "fault", anchor="end", class_="fault-word"))
    inorder = sorted(episodes, key=lambda e: (e.start, list(Phase).index(e.phase)))
    parts += [_episode(story, episode, x, middle) for episode in inorder]
    if wide:
        last = max(episodes, key=lambda episode: (_end(story, episode), list(Phase).index(episode.phase)))
        parts.append(
            label(
                x.at(_end(story, last)) + 10, middle + 4, _fate(last), class_="bad" if last.phase in _STOPPED else None
            )
        )
    return join(*parts)


def _end(story: Story, episode: Episode) -> datetime:
    """Return when an episode ended: moments end where they begin, and what still lasts ends with the story."""
    return episode.start if episode.phase in _MOMENTS else episode.end or story.end


def _fate(last: Episode) -> str:
    return f"{last.phase} {day(last.start)}" if last.phase in _MOMENTS else str(last.phase)


def _episode(story: Story, episode: Episode, x: Scale, middle: float) -> Safe:
    share = f", {percent(episode.share, 0)} of requests" if episode.share else ""
    tip = f"{_sentence(episode)}{share}{': ' + episode.because if episode.because else ''}"
    left = x.at(episode.start)
    right = max(left + 2, x.at(_end(story, episode)))
    match episode.phase:
        case Phase.TRAINED:
            return marker("diamond", left, middle, "ink", tip)
        case Phase.RETIRED:
            return tag("path", tag("title", tip), d=f"M{left:.1f} {middle - 9:.1f}v18", class_="ended")
        case Phase.ROLLED_BACK | Phase.REJECTED:
            return marker("cross", left, middle, "bad", tip)
        case Phase.SHADOW:
            return _bar("shadow trial", 8, left, right, middle, tip)
        case Phase.CANARY:
            return _bar("canary trial", 8 + 10 * episode.share, left, right, middle, tip)
        case Phase.LIVE:
            return _bar("bar served", 18, left, right, middle, tip)


def _bar(kind: str, height: float, left: float, right: float, middle: float, tip: str) -> Safe:
    """Draw a phase that lasted; the taller, the more of the requests it answered."""
    title = tag("title", tip)
    return tag("rect", title, class_=kind, x=left, y=middle - height / 2, width=right - left, height=height)


def _data(story: Story) -> Safe:
    columns = [
        Column("Version"),
        Column("Was"),
        Column("From"),
        Column("To"),
        Column("Share of requests", numeric=True),
        Column("Why"),
    ]
    rows = [
        [
            episode.version + (" (injected fault)" if episode.version in story.broken_versions else ""),
            str(episode.phase),
            f"{episode.start:%Y-%m-%d}",
            f"{episode.end:%Y-%m-%d}" if episode.end is not None else "",
            percent(episode.share, 0) if episode.share else "",
            episode.because,
        ]
        for episode in story.versions
    ]
    return table("What each version was, from when to when", columns, rows)

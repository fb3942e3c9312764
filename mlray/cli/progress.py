"""What a person sees while a run goes on: stages with bars and estimates in a terminal, plain lines in a log."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mlray.clock import SystemClock
from mlray.ports import Narrator, Progress

__all__ = ["Course", "LineNarrator", "LiveNarrator", "Step", "narrator", "short"]

Ticks = Callable[[], float]

# In a log, a stage is heard of when it begins and ends, and in between every quarter or twenty seconds.
QUARTER = 0.25
SILENCE = 20.0


@dataclass
class Step:
    """One stage of the run."""

    name: str
    weight: float
    began: float
    """Ticks, in seconds."""
    done: float = 0.0
    """Share that is done, 0 to 1."""
    note: str = ""
    ended: float | None = None

    def elapsed(self, now: float) -> float:
        """Return the seconds that it has taken so far."""
        return (now if self.ended is None else self.ended) - self.began

    def left(self, now: float) -> float | None:
        """Return the seconds that it will take still, at its own pace; None before there is one."""
        return None if self.done <= 0 else self.elapsed(now) * (1 - self.done) / self.done


@dataclass
class Course:
    """How far the whole run has come: what every narrator knows, and no more than arithmetic.

    Stages that have not begun are expected to go at the pace, seconds per weight, of those that have.
    """

    ticks: Ticks
    steps: list[Step] = field(default_factory=list)

    def begin(self, name: str, weight: float) -> Step:
        """Begin a stage; the one before has ended."""
        self.end()
        self.steps.append(Step(name, weight, self.ticks()))
        return self.steps[-1]

    def end(self) -> None:
        """End the stage that is under way."""
        if self.steps and self.steps[-1].ended is None:
            self.steps[-1].ended = self.ticks()
            self.steps[-1].done = 1.0

    @property
    def done(self) -> float:
        """The share of the whole run that is done, 0 to 1."""
        return min(1.0, sum(step.weight * step.done for step in self.steps))

    def elapsed(self) -> float:
        """Return the seconds since the first stage began."""
        return self.ticks() - self.steps[0].began if self.steps else 0.0

    def left(self) -> float | None:
        """Return the seconds until all is done; None while too little has happened to tell."""
        if self.done <= 0:
            return None
        current = self.steps[-1]
        to_come = max(0.0, 1 - sum(step.weight for step in self.steps))
        pace = self.elapsed() / self.done
        own = current.left(self.ticks()) if current.ended is None else 0.0
        return pace * to_come + (own if own is not None else pace * current.weight)


def short(seconds: float | None) -> str:
    """Return a duration as a clock shows it.

    >>> short(187), short(3725), short(None)
    ('3:07', '1:02:05', '–')
    """
    if seconds is None:
        return "–"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class LiveNarrator:
    """Stages as a list with bars that moves in place; what is said scrolls by above it."""

    def __init__(self, console: Console, ticks: Ticks) -> None:
        """Draw on `console`, a terminal."""
        self.console = console
        self.course = Course(ticks)

    def stage(self, name: str, weight: float) -> Progress:
        """Begin a line with a bar."""
        step = self.course.begin(name, weight)

        def progress(done: float, total: float, note: str = "") -> None:
            step.done, step.note = _share(done, total), note

        return progress

    def say(self, text: str) -> None:
        """Print a sentence above the bars."""
        self.console.print(Text(text))

    def table(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Print a table above the bars."""
        self.console.print(_table(rows))

    def __rich__(self) -> RenderableType:
        """Draw the stages as they are now."""
        now = self.course.ticks()
        grid = Table.grid(padding=(0, 1))
        for step in self.course.steps:
            grid.add_row(*_line(step, now))
        left = self.course.left()
        told = f", about {short(left)} left" if left else ""
        so_far = f" of the whole run, {short(self.course.elapsed())} so far{told}"
        whole = Text.assemble((f"{self.course.done:4.0%}", "bold"), so_far)
        return Group(grid, whole)

    @contextmanager
    def shown(self) -> Iterator["LiveNarrator"]:
        """Keep the drawing up to date while inside."""
        with Live(self, console=self.console, refresh_per_second=4):
            yield self
            self.course.end()


class LineNarrator:
    """One line when something is worth one: for logs, where nothing can be drawn over."""

    def __init__(self, console: Console, ticks: Ticks) -> None:
        """Write to `console`."""
        self.console = console
        self.course = Course(ticks)

    def stage(self, name: str, weight: float) -> Progress:
        """Say that a stage begins, and now and then how far it is."""
        self._end()
        step = self.course.begin(name, weight)
        self._write(f"{name} …")
        told = [0.0, step.began]

        def progress(done: float, total: float, note: str = "") -> None:
            step.done, step.note = _share(done, total), note
            now = self.course.ticks()
            if step.done < 1 and (step.done - told[0] >= QUARTER or now - told[1] >= SILENCE):
                told[:] = [step.done, now]
                left = f"about {short(step.left(now))} left"
                whole = f"the whole run {self.course.done:.0%}, about {short(self.course.left())} left"
                self._write(f"{name} {step.done:.0%}{f' ({note})' if note else ''}, {left}; {whole}")

        return progress

    def say(self, text: str) -> None:
        """Print a sentence."""
        self._write(text)

    def table(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Print a table."""
        self.console.print(_table(rows))

    def _end(self) -> None:
        if self.course.steps and self.course.steps[-1].ended is None:
            self.course.end()
            step = self.course.steps[-1]
            self._write(f"{step.name} done in {short(step.elapsed(self.course.ticks()))}")

    def _write(self, text: str) -> None:
        self.console.print(Text(f"[{short(self.course.elapsed()):>5}] {text}"), soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator["LineNarrator"]:
        """Say that the last stage has ended, when all went well."""
        yield self
        self._end()


@contextmanager
def narrator(console: Console, ticks: Ticks | None = None) -> Iterator[Narrator]:
    """Yield a narrator that suits `console`: drawn in a terminal, lines elsewhere."""
    ticks = ticks or SystemClock().ticks
    chosen = LiveNarrator(console, ticks) if console.is_terminal else LineNarrator(console, ticks)
    with chosen.shown():
        yield chosen


def _share(done: float, total: float) -> float:
    return min(1.0, max(0.0, done / total)) if total > 0 else 0.0


def _line(step: Step, now: float) -> tuple[RenderableType, ...]:
    over = step.ended is not None
    mark = Text("✓", style="green") if over else Text("▸", style="bold")
    bar = ProgressBar(total=1.0, completed=step.done, width=24)
    seconds = step.left(now)
    left = "" if over or seconds is None else f"~{short(seconds)} left"
    return (
        mark,
        Text(step.name),
        bar,
        Text(short(step.elapsed(now))),
        Text(left, style="dim"),
        Text(step.note, style="dim"),
    )


def _table(rows: Sequence[Mapping[str, str]]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in rows[0] if rows else ():
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row.values()))
    return table

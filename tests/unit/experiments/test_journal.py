"""The journal of a sweep: a file that grows by one line for every configuration, and what is learnt from it."""

import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mlray.errors import JournalError, NotFoundError
from mlray.experiments._history import Replay
from mlray.experiments._journal import Journal, earlier, read, replay, resume
from mlray.experiments._orders import Look, Pack, Shown
from mlray.experiments._plan import Plan
from mlray.experiments._space import Configuration
from mlray.experiments._sweep import Sweep
from mlray.records import Trial

PLAN = Plan(
    "sweep-1",
    "auc",
    120,
    6,
    seed=7,
    lanes=2,
    seconds=600.0,
    budget=Decimal("2.5"),
    price_per_lane_second=Decimal("0.0001"),
    objectives=("score", "latency"),
    dataset="departures@v1",
    contract="c0ffee",
    space="5face",
)
TRIAL = Trial(
    number=3,
    trainer="xgboost",
    params={"max_depth": 6, "learning_rate": 0.0437, "booster": "dart", "balanced": True, "seed": None},
    score=0.8830781420806997,
    rounds=80,
    seconds=1.25,
    state="stopped early",
    error="",
    seed=7,
    asked_after=2,
    curve=((40, 0.87), (80, 0.8830781)),
    cpu_seconds=1.2,
    cost=Decimal("0.000125"),
    lane="node-1/0",
    objectives={"latency": 0.5},
)
FAILED = Trial(4, "xgboost", {}, None, 0, 0.5, "failed", "ValueError: no", 7)


class Learning:
    """What it proposes depends on all that it was asked and told."""

    def __init__(self, offset=0):
        self.sum, self.told = offset, []

    def ask(self, number):
        self.sum += 1
        return Configuration("xgboost", {"max_depth": self.sum, "learning_rate": 1 / (1 + number)})

    def tell(self, trial):
        self.told.append(trial.number)
        self.sum += 10 * (trial.number + 1)


def trained(sweep, *, lanes="ab", stop_after=1000, now=1.0):
    """Let two lanes train in turn, `stop_after` trials at most; return the numbers that were trained to the end."""
    done, open_orders = [], []
    while len(done) < stop_after:
        for lane in lanes:
            pack = sweep.next_pack(lane, now)
            if isinstance(pack, Pack):
                open_orders += [(lane, order) for order in pack.orders]
        if not open_orders:
            return done
        lane, order = open_orders.pop(0)
        score = 0.5 + order.configuration.params["max_depth"] % 7 / 20
        sweep.shown(lane, Shown(order.number, (Look(40, score - 0.1), Look(120, score)), 1.0, 1.0, done=True), now)
        done.append(order.number)
    return done


def journal(folder, *trials, **changes):
    """Write the journal of a sweep that has ended, and return its file."""
    opened = Journal.begin(folder, replace(PLAN, **changes))
    for trial in trials:
        opened.finished(trial, 1.0, 1.0)
    opened.close()
    return folder / f"{changes.get('name', PLAN.name)}.jsonl"


def test_what_is_written_is_read_back(tmp_path):
    model = {"trainers": {"xgboost": {"max_depth": [3, 10]}}}
    opened = Journal.begin(tmp_path / "sweeps", PLAN, model)
    opened.asked([3, 4], "a", 0.0, 0.5)
    opened.finished(TRIAL, 1.25, 2.0)
    opened.finished(FAILED, 1.75, 9.0)
    history = read(tmp_path / "sweeps" / "sweep-1.jsonl")
    assert (history.plan, history.model) == (PLAN, model)
    assert history.trials == (TRIAL, FAILED) == tuple(opened.trials())
    assert history.asked == ((3, 0), (4, 0))
    assert (history.spent_seconds, history.seconds) == (1.75, 9.0)
    opened.close()


def test_without_a_folder_the_lines_are_in_memory():
    opened = Journal.begin(None, PLAN)
    opened.finished(TRIAL, 1.0, 1.0)
    opened.close()
    assert (opened.path, list(opened.trials())) == ("", [TRIAL])


def test_a_line_is_below_one_kilobyte(tmp_path):
    curve = tuple((rounds, 0.8830781) for rounds in range(84, 1001, 57))
    params = {f"parameter_number_{i}": 0.123456789012345678 * i for i in range(8)}
    file = journal(tmp_path, replace(TRIAL, curve=curve, params=params))
    assert max(len(line) for line in file.read_bytes().splitlines()) < 1024


def test_a_long_error_is_shortened(tmp_path):
    (trial,) = read(journal(tmp_path, replace(FAILED, error="x" * 5000))).trials
    assert trial.error == "x" * 400


def test_numbers_of_numpy_become_plain_ones(tmp_path):
    params = {"depth": np.int64(3), "rate": np.float32(0.5), "odd": (1, 2)}
    (trial,) = read(journal(tmp_path, replace(TRIAL, params=params))).trials
    assert trial.params == {"depth": 3, "rate": 0.5, "odd": [1, 2]}


def test_what_json_does_not_know_becomes_text(tmp_path):
    (trial,) = read(journal(tmp_path, replace(TRIAL, params={"odd": Decimal("1.5")}))).trials
    assert trial.params == {"odd": "1.5"}


def test_a_trial_written_twice_counts_once(tmp_path):
    assert read(journal(tmp_path, TRIAL, replace(TRIAL, score=0.1))).trials == (TRIAL,)


# Damage


def test_a_torn_last_line_is_cut_off(tmp_path):
    file = journal(tmp_path, TRIAL, FAILED)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert read(file).trials == (TRIAL,)
    opened, history = resume(file)
    assert history.trials == (TRIAL,)
    opened.finished(FAILED, 1.0, 1.0)
    opened.close()
    assert file.read_bytes() == whole


def test_an_end_that_a_power_cut_left_empty_is_cut_off(tmp_path):
    file = journal(tmp_path, TRIAL)
    file.write_bytes(file.read_bytes() + bytes(100) + b"\n" + b"[1]\n")
    opened, history = resume(file)
    opened.close()
    assert history.trials == (TRIAL,)


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path):
    file = journal(tmp_path, TRIAL, FAILED)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b"{torn\n" + lines[2])
    with pytest.raises(JournalError, match=r"sweep-1.jsonl: line 2 is damaged"):
        read(file)
    with pytest.raises(JournalError, match="line 2 is damaged"):
        resume(file)
    file.write_bytes(lines[0] + lines[2])
    resume(file)[0].close()  # the refused one has let go of it


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not the journal of a sweep"),
        (b"\n", "is not the journal of a sweep"),
        (b'{"n": 1}\n', "which is not the head of a sweep's journal of format 1"),
        (b'{"mlray_sweep": 2}\n', "which is not the head of a sweep's journal of format 1"),
    ],
    ids=["empty", "no line", "something else", "of the future"],
)
def test_a_file_that_is_no_journal_is_refused(tmp_path, content, told):
    file = tmp_path / "other.jsonl"
    file.write_bytes(content)
    with pytest.raises(JournalError, match=told):
        read(file)


@pytest.mark.parametrize("opened", [read, resume])
def test_a_journal_that_is_missing_is_not_found(tmp_path, opened):
    with pytest.raises(NotFoundError, match="There is no journal"):
        opened(tmp_path / "none.jsonl")


def test_a_sweep_has_one_journal(tmp_path):
    Journal.begin(tmp_path, PLAN).close()
    with pytest.raises(JournalError, match="The sweep sweep-1 has a journal already"):
        Journal.begin(tmp_path, PLAN)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.begin(tmp_path / "file" / "sweeps", PLAN)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_error(tmp_path):
    opened = Journal(Path("/dev/full"), os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(JournalError, match="No space left"):
        opened.finished(TRIAL, 1.0, 1.0)


def test_a_pipe_that_takes_half_a_line_is_an_error(tmp_path):
    reader, writer = os.pipe2(os.O_NONBLOCK)
    opened = Journal(Path("pipe"), writer)
    long = replace(TRIAL, params={"text": "x" * 1_000_000})
    with pytest.raises(JournalError, match="the disk is full"):
        opened.finished(long, 1.0, 1.0)
    os.close(reader)
    os.close(writer)


def test_two_processes_do_not_write_one_journal(tmp_path):
    opened = Journal.begin(tmp_path, PLAN)
    with pytest.raises(JournalError, match="is running in another process"):
        resume(tmp_path / "sweep-1.jsonl")
    opened.close()
    opened.close()
    again, _ = resume(tmp_path / "sweep-1.jsonl")
    again.close()


# Resume and replay


def test_a_resumed_sweep_trains_nothing_twice_and_asks_for_what_a_whole_one_would_have(tmp_path):
    first = Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN))
    before = trained(first, stop_after=3)
    first._journal.close()  # the driver dies, with orders out there
    assert replay(tmp_path / "sweep-1.jsonl", Learning()) == Replay(3, None)

    opened, history = resume(tmp_path / "sweep-1.jsonl")
    search = Learning()
    second = Sweep(PLAN, search, opened, history)
    assert second.difference is None
    assert second.best == first.best
    after = trained(second, now=history.seconds)
    assert sorted(before + after) == list(range(6))
    assert search.told == before + after
    found = second.experiment(9.0)
    assert [trial.number for trial in found.trials] == list(range(6))
    assert (found.journal, found.spend) == (str(tmp_path / "sweep-1.jsonl"), Decimal("0.0006"))
    assert replay(tmp_path / "sweep-1.jsonl", Learning()) == Replay(6, None)


def test_a_sweep_that_has_ended_is_over_when_it_is_resumed(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)))
    opened, history = resume_after_close(tmp_path)
    sweep = Sweep(history.plan, Learning(), opened, history)
    assert trained(sweep) == []
    assert sweep.over


def resume_after_close(folder):
    """Resume in this process, whose garbage may still hold the file: a copy is what another process would see."""
    copy = folder / "copy.jsonl"
    copy.write_bytes((folder / "sweep-1.jsonl").read_bytes())
    return resume(copy)


def test_a_resumed_sweep_can_be_given_more(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)))
    opened, history = resume_after_close(tmp_path)
    assert trained(Sweep(replace(history.plan, trials=8), Learning(), opened, history)) == [6, 7]


def test_a_replay_by_another_search_says_where_it_differs(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)))
    found = replay(tmp_path / "sweep-1.jsonl", Learning(offset=1))
    assert not found.same
    assert str(found.first_difference) == (
        "Trial 0 was xgboost {'max_depth': 1, 'learning_rate': 1.0},"
        " and is now xgboost {'max_depth': 2, 'learning_rate': 1.0}."
    )


class Silent(Learning):
    def ask(self, number):
        return None


def test_a_search_that_has_nothing_to_say_differs_as_well(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)), stop_after=3)
    assert str(replay(tmp_path / "sweep-1.jsonl", Silent()).first_difference).endswith("and is now nothing.")
    opened, history = resume_after_close(tmp_path)
    resumed = Sweep(PLAN, Silent(), opened, history)
    assert resumed.difference.number == 0
    assert trained(resumed) == []  # what ran when it was lost is not known to this search


def test_what_was_trained_stands_where_a_resumed_search_differs(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)), stop_after=3)
    opened, history = resume_after_close(tmp_path)
    resumed = Sweep(PLAN, Learning(offset=5), opened, history)
    trained(resumed)
    assert resumed.difference.number == 0
    assert tuple(resumed.trials())[:3] == history.trials


def test_a_resumed_sweep_without_halving_compares_nobody(tmp_path):
    plan = replace(PLAN, halving=False)
    trained(Sweep(plan, Learning(), Journal.begin(tmp_path, plan)), stop_after=4)
    opened, history = resume_after_close(tmp_path)
    assert Sweep(plan, Learning(), opened, history).next_pack("a", 1.0).cuts == {}


def test_a_resumed_sweep_knows_the_rungs(tmp_path):
    trained(Sweep(PLAN, Learning(), Journal.begin(tmp_path, PLAN)), stop_after=4)
    opened, history = resume_after_close(tmp_path)
    assert Sweep(PLAN, Learning(), opened, history).next_pack("a", 1.0).cuts.keys() == {40}


# Earlier sweeps


def scored(number, score, **params):
    return replace(TRIAL, number=number, score=score, params=params)


def test_earlier_sweeps_give_their_best_the_newest_first(tmp_path):
    old = journal(tmp_path, scored(0, 0.9, depth=1), scored(1, 0.7, depth=2), FAILED, name="old")
    new = journal(tmp_path, scored(0, 0.6, depth=3), scored(1, 0.8, depth=4), name="new")
    os.utime(old, (1, 1))
    os.utime(new, (2, 2))
    found = earlier(tmp_path, "c0ffee", "auc")
    assert [trial.params["depth"] for trial in found] == [4, 1, 3, 2]
    assert [trial.params["depth"] for trial in earlier(tmp_path, "c0ffee", "auc", most=2)] == [4, 1]
    assert [trial.params["depth"] for trial in earlier(tmp_path, "c0ffee", "auc", skip="new")] == [1, 2]


def test_a_configuration_comes_once(tmp_path):
    journal(tmp_path, scored(0, 0.9, depth=1), scored(1, 0.8, depth=1), name="old")
    journal(tmp_path, scored(0, 0.7, depth=1), name="new")
    assert [trial.params["depth"] for trial in earlier(tmp_path, "c0ffee", "auc")] == [1]


def test_the_best_by_a_loss_are_the_lowest(tmp_path):
    journal(tmp_path, scored(0, 0.9, depth=1), scored(1, 0.2, depth=2), metric="log_loss")
    assert [trial.score for trial in earlier(tmp_path, "c0ffee", "log_loss")] == [0.2, 0.9]


@pytest.mark.parametrize(
    ("contract", "metric"),
    [("other", "auc"), ("c0ffee", "brier"), ("", "auc")],
    ids=["contract", "metric", "no contract"],
)
def test_sweeps_of_something_else_teach_nothing(tmp_path, contract, metric):
    journal(tmp_path, TRIAL)
    assert earlier(tmp_path, contract, metric) == ()


def test_a_damaged_journal_is_passed_over(tmp_path):
    journal(tmp_path, TRIAL)
    (tmp_path / "bad.jsonl").write_text("what?\n")
    assert earlier(tmp_path, "c0ffee", "auc") == (TRIAL,)


def test_a_folder_without_journals_teaches_nothing(tmp_path):
    assert earlier(tmp_path / "none", "c0ffee", "auc") == ()


def test_the_file_is_lines_of_json_that_any_tool_reads(tmp_path):
    first, second = map(json.loads, journal(tmp_path, TRIAL).read_text().splitlines())
    assert (first["mlray_sweep"], first["plan"]["dataset"]) == (1, "departures@v1")
    assert (second["n"], second["params"]["max_depth"], second["curve"]) == (3, 6, [[40, 0.87], [80, 0.8830781]])

"""The stop command."""

from mlray.experiments._command import ask_stop, forget_stop, stop_asked


def test_a_sweep_is_asked_to_stop_until_that_is_forgotten(tmp_path):
    journal = tmp_path / "sweep-1.jsonl"
    assert not stop_asked(journal)

    ask_stop(journal)
    ask_stop(journal)

    assert stop_asked(journal)
    assert not stop_asked(tmp_path / "sweep-2.jsonl")
    forget_stop(journal)
    forget_stop(journal)
    assert not stop_asked(journal)

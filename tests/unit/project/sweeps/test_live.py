"""The line that says how far a sweep is."""

import io

from mlray.project.sweeps._live import live


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_the_last_word_and_ends_its_line():
    screen = Terminal()
    with live(None, screen) as told:
        told(1, 3, "1 of 3 configurations")
        told(2, 3, "2 of 3 configurations")
        told(3, 3)

    assert screen.getvalue().startswith("\r1 of 3 configurations")
    assert screen.getvalue().endswith("\r3 of 3\x1b[K\n")


def test_a_log_and_a_sweep_that_said_nothing_stay_silent():
    log, screen = io.StringIO(), Terminal()
    with live(None, log) as told:
        told(1, 3, "1 of 3 configurations")
    with live(None, screen):
        pass

    assert (log.getvalue(), screen.getvalue()) == ("", "")


def test_whoever_brings_a_listener_is_told_by_it():
    heard = []
    with live(lambda *word: heard.append(word)) as told:
        told(1, 3, "so far")

    assert heard == [(1, 3, "so far")]

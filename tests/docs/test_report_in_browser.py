"""The report in a real browser: what it shows, how it sorts and filters, and that nothing goes wrong in its console."""

import re
import runpy
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from mlray.console import report
from mlray.console.quality import profile_page

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
SAMPLE = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "console" / "sample_story.py"))
PROFILE = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "console" / "quality" / "sample_profile.py"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH: the report is not looked at in a browser"),
]


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """Return a function that opens the report at a fragment and gives the page as the browser ended up with it."""
    folder = tmp_path_factory.mktemp("browser")
    story = SAMPLE["sample_story"]()
    told = story.decisions[0]
    hostile = replace(told, decision=replace(told.decision, because="<script>document.title = 'broken'</script>"))
    (folder / "report.html").write_text(
        report(replace(story, decisions=(hostile, *story.decisions[1:]))), encoding="utf-8"
    )

    def opened(fragment="", *, page=folder / "report.html", complains=False):
        address = f"{page.as_uri()}{fragment}"
        command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert bool(complaints) is complains, complaints
        return done.stdout

    return opened


def rows(page):
    """Return act, price and whether it shows, of each row of the decisions in the order of the page."""
    table = page[page.index('id="decision-table"') :]
    found = re.findall(r'<tr id="d\d+" data-act="(\w+)"([^>]*)>(.*?)</tr>', table[: table.index("</table>")], re.DOTALL)
    return [
        (act, float(re.findall(r'class="n" data-sort="([^"]*)"', cells)[0]), "hidden" not in flags)
        for act, flags, cells in found
    ]


def test_page_opens_whole_and_without_complaint(look):
    page = look()
    told = rows(page)
    assert len(told) == len(SAMPLE["sample_story"]().decisions)
    assert all(shown for _, _, shown in told)
    assert "<title>flights: report" in page
    assert 'aria-sort="none"' in page


def test_a_reason_with_a_script_does_not_run(look):
    page = look()
    assert "<title>broken" not in page
    assert "<script>document.title = 'broken'</script>" in unescape(page)


def test_a_script_that_is_not_ours_is_refused(look, tmp_path):
    forged = report(SAMPLE["sample_story"]()).replace('"use strict";', 'document.title = "broken";')
    page = tmp_path / "forged.html"
    page.write_text(forged, encoding="utf-8")
    assert "<title>broken" not in look(page=page, complains=True)


def test_decisions_sort_by_cost_in_both_directions(look):
    down, up = rows(look("#sort=-cost")), rows(look("#sort=cost"))
    costs = [cost for _, cost, _ in down]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]
    assert [cost for _, cost, _ in up] == sorted(costs)


def test_decisions_filter_by_act(look):
    page = look("#act=defer&sort=date")
    assert {act for act, _, shown in rows(page) if shown} == {"defer"}
    assert "3 of 56 shown" in page
    assert re.search(r'data-act="defer" aria-pressed="true"', page)
    assert 'aria-sort="ascending"' in page


def test_holds_can_be_left_out(look):
    shown = {act for act, _, shown in rows(look("#act=!hold")) if shown}
    assert "hold" not in shown
    assert {"retrain", "defer", "roll_back", "promote"} <= shown


def test_an_unknown_filter_shows_everything(look):
    assert all(shown for _, _, shown in rows(look("#act=nonsense")))


def test_marks_answer_to_pointing_instead_of_the_browsers_own_titles(look):
    page = look()
    assert 'data-tip="June 2013, with retraining (as served): error' in page
    assert not re.search(r"<circle[^>]*><title>", page)
    assert re.search(r'<button type="button" id="save">', page)


def test_the_profile_opens_whole_and_answers_to_pointing(look, tmp_path):
    file = tmp_path / "profile.html"
    file.write_text(profile_page(PROFILE["sample_profile"]()), encoding="utf-8")
    page = look(page=file)
    assert "<title>orders@v2: profile" in page
    assert 'data-tip="north: 200 rows, 80.0%; 71.4% in orders@v1"' in page
    assert re.search(r'<button type="button" id="save">', page)

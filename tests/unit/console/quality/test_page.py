import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from mlray.console.quality import findings, profile_page
from mlray.records import DataProfile, Finding, RuleCount
from tests.pages import ATTACK, Outline

sample_profile = runpy.run_path(str(Path(__file__).with_name("sample_profile.py")))["sample_profile"]


@pytest.fixture
def page():
    return profile_page(sample_profile())


def test_page_is_well_formed_and_its_links_lead_somewhere(page):
    elements = Outline(page).elements
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    asked = [attrs["href"].removeprefix("#") for _, attrs in elements if "href" in attrs]
    asked += [name for _, attrs in elements for name in attrs.get("aria-labelledby", "").split()]
    assert set(asked) <= set(ids)


def test_page_needs_nothing_from_outside(page):
    without = re.sub(r'id="story">.*?</script>', "", page, flags=re.DOTALL).replace("// ", "")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without)
    assert not [attrs for _, attrs in Outline(page).elements if {"src", "srcset", "style"} & set(attrs)]


def test_no_text_becomes_markup_wherever_it_stands():
    told = sample_profile()
    hostile = replace(
        told,
        project=ATTACK,
        dataset=ATTACK,
        against=ATTACK,
        target=ATTACK,
        digest=ATTACK,
        columns=tuple(
            replace(
                one, name=f"{ATTACK}{place}", unit=ATTACK, bars=tuple(replace(bar, label=ATTACK) for bar in one.bars)
            )
            for place, one in enumerate(told.columns)
        ),
        leakage=tuple(replace(one, column=ATTACK, because=ATTACK) for one in told.leakage),
        labels=replace(told.labels, worst=(replace(told.labels.worst[0], row={ATTACK: ATTACK}),)),
        rules=tuple(replace(one, rule=ATTACK, examples=(ATTACK,)) for one in told.rules),
        findings=(Finding("bad", "columns", ATTACK),),
        notes=(ATTACK,),
    )
    page = profile_page(hostile)
    outline = Outline(page)
    assert len([tag for tag, _ in outline.elements if tag == "script"]) == 2
    assert not [tag for tag, _ in outline.elements if tag == "img"]
    assert "\x1b" not in page
    assert any("<script>alert(1)</script>" in text for text in outline.texts)


def test_a_program_finds_the_figures_in_the_page(page):
    text = re.search(r'<script type="application/json" id="story">(.*?)</script>', page, re.DOTALL).group(1)
    read = DataProfile.from_json(json.loads(text))
    assert (read.rules, read.repetition, read.findings) == (
        sample_profile().rules,
        sample_profile().repetition,
        sample_profile().findings,
    )


def test_every_column_has_a_picture_that_can_be_heard(page):
    pictures = [attrs for tag, attrs in Outline(page).elements if tag == "svg" and attrs.get("role") == "img"]
    assert len(pictures) == 4 + 2 * 2
    assert "the largest is north with 200 rows" in page


def test_figures_are_written_as_people_write_them(page):
    texts = " ".join(Outline(page).texts)
    assert "0 to 1,460" in texts
    assert "50 (quartiles 24, 76)" in texts
    assert "30 (7.5%)" in texts
    assert "a very long n…" in texts


def test_the_gravest_comes_first_and_each_part_has_its_finding_for_a_title(page):
    found = sample_profile().findings
    assert [one.level for one in found] == sorted(
        (one.level for one in found), key=["bad", "warn", "note", "good"].index
    )
    assert '<h2 id="leakage-h">refund knows the answer: its value alone ranks' in page
    assert '<h2 id="labels-h">12 of 400 answers (3.0%) are probably wrong' in page


@pytest.mark.parametrize(
    ("changes", "about", "level", "said"),
    [
        ({}, "repetition", "bad", "40 of the 100 rows to judge by, 40.0%, equal rows"),
        ({}, "repetition", "warn", "3 rows (0.75%) repeat another one in every column"),
        ({}, "rules", "bad", "shop duplicateValues: must be 0 rows, is 2 (2 of 400 rows)"),
        ({}, "rules", "warn", "20 of 420 rows (4.76%) broke the contract and were set aside: price below 0 (20)."),
        ({}, "columns", "bad", "empty is always missing"),
        ({}, "columns", "warn", "open always has the same value"),
        ({}, "columns", "warn", "shop is missing in 37.5%"),
        ({}, "columns", "warn", "far outside the usual in price (2.4%)"),
        ({}, "drift", "warn", "price moved since orders@v1 (largest PSI 0.61)"),
        ({}, "answers", "good", "returned is true in 25.0% of the rows"),
        ({"leakage": sample_profile().leakage[2:]}, "leakage", "good", "No column knows the answer"),
        ({"rules": ()}, "answers", "good", "25.0%"),
    ],
)
def test_a_finding_says_what_was_seen_with_its_figure(changes, about, level, said):
    found = [one for one in sample_profile(**changes).findings if one.about == about and said in one.sentence]
    assert [one.level for one in found] == [level]


@pytest.mark.parametrize(
    ("part", "changes", "level", "said"),
    [
        ("labels", {"trusted": False}, "note", "too much to tell a wrong one from a surprise"),
        ("labels", {"wrongly_true": 0, "wrongly_false": 0}, "good", "None of 400 answers looks wrong"),
        ("labels", {"wrongly_true": 60}, "bad", "65 of 400 answers"),
        ("drift", {"broken": "price is always missing"}, "bad", "look broken: price is always missing"),
        ("drift", {"columns": ()}, "good", "No column moved since orders@v1"),
        ("balance", {"positives": 0}, "bad", "Every answer is the same"),
        (
            "repetition",
            {"repeated": 0, "suspicious": False},
            "good",
            "No row is there twice, and the rows to judge by are new.",
        ),
        ("repetition", {"repeated": 0, "suspicious": False, "held": 0}, "good", "No row is there twice."),
        ("repetition", {"suspicious": False, "held": 0}, "note", "was not judged: none was compared"),
        ("repetition", {"suspicious": False, "held": 400}, "note", "not judged: all 400 rows lie in the holdout"),
    ],
)
def test_a_part_that_is_different_is_told_differently(part, changes, level, said):
    told = sample_profile()
    changed = sample_profile(**{part: replace(getattr(told, part), **changes)})
    assert [one.level for one in changed.findings if said in one.sentence] == [level]


def counted(failed, **broken):
    whole = RuleCount("every row keeps the contract", 1_000, failed, passed=not failed, aside=True)
    return (whole, *(RuleCount(rule, 1_000, rows, passed=not rows, aside=True) for rule, rows in broken.items()))


@pytest.mark.parametrize(
    ("rules", "level", "said"),
    [
        (counted(0, a=0, b=0), "good", "All 1,000 rows that were read keep the contract."),
        (counted(5, a=5, b=0), "note", "5 of 1,000 rows (0.50%) broke the contract and were set aside: a (5)."),
        (counted(20, a=9, b=6, c=4, d=1), "warn", "set aside, most often: a (9), b (6) and c (4)."),
        (counted(0, a=7), "note", "Values that broke the contract were left out: a (7)."),
    ],
    ids=["kept", "few", "many", "left out"],
)
def test_rows_that_broke_a_rule_are_told_of_together(rules, level, said):
    (told,) = [one for one in sample_profile(rules=rules).findings if one.about == "rules"]
    assert told.level == level
    assert told.sentence.endswith(said)


def test_the_page_lists_each_rule_and_marks_the_broken_ones(page):
    _, rules = page.split('id="rules"', 1)
    assert 'price below 0<b class="bad keep"> not kept</b>' in rules
    assert "<td>shop is missing</td>" in rules.replace(' class="long"', "")
    assert "a row counts once, for the first rule that it breaks" in page


def test_what_was_not_compared_has_no_share():
    told = sample_profile()
    page = profile_page(sample_profile(repetition=replace(told.repetition, held=0, learnt=0, suspicious=False)))
    assert "not judged</td>" in page
    assert "is usual)" not in page


def test_a_rare_answer_is_not_to_be_judged_by_accuracy():
    told = sample_profile()
    rare = replace(told.balance, share=replace(told.balance.share, value=0.01))
    assert any("not by accuracy" in one.sentence for one in findings(replace(told, balance=rare)))


def test_a_profile_of_hardly_anything_says_what_it_could_not_judge():
    bare = sample_profile(
        balance=None, leakage=(), labels=None, repetition=None, against="", drift=None, rules=(), columns=()
    )
    page = profile_page(bare)
    nothing = [attrs for tag, attrs in Outline(page).elements if tag == "p" and attrs.get("class") == "nothing"]
    assert len(nothing) == 5
    assert 'id="drift"' not in page


def test_surprises_are_folded_away_where_the_model_cannot_be_trusted():
    told = sample_profile()
    page = profile_page(sample_profile(labels=replace(told.labels, trusted=False)))
    assert "<summary>What surprises most: one answer</summary>" in page


def test_a_profile_says_itself_in_one_line():
    assert str(sample_profile()).startswith("orders@v2: 400 rows, 5 columns; refund knows the answer")
    assert str(sample_profile(columns=(), leakage=(), repetition=None, rules=(), drift=None, labels=None)).endswith(
        "nothing stands out"
    )

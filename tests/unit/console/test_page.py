import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest

from mlray.console import Decided, Fault, Story, report
from mlray.records import Decision
from tests.pages import ATTACK, Outline


def embedded(page):
    return json.loads(re.search(r'<script type="application/json" id="story">(.*?)</script>', page, re.DOTALL).group(1))


@pytest.fixture
def page(sample_story):
    return report(sample_story())


def test_page_is_well_formed_and_every_id_is_its_own(page):
    ids = [attrs["id"] for _, attrs in Outline(page).elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere_on_the_page(page):
    outline = Outline(page)
    ids = {attrs["id"] for _, attrs in outline.elements if "id" in attrs}
    asked = [name for _, attrs in outline.elements for name in attrs.get("aria-labelledby", "").split()]
    asked += [attrs["href"].removeprefix("#") for attrs in outline.named("a")]
    assert set(asked) <= ids


def test_page_needs_nothing_from_outside(page):
    outline = Outline(page)
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(",
        re.sub(r'id="story">.*?</script>', "", page, flags=re.DOTALL).replace("// ", ""),
    )
    assert not [attrs for _, attrs in outline.elements if {"src", "srcset", "style"} & set(attrs)]
    assert not outline.named("link")


def test_the_policy_allows_exactly_our_style_and_script(page):
    policy = next(attrs["content"] for attrs in Outline(page).named("meta") if attrs.get("http-equiv"))
    for kind, name in (("style", "report.css"), ("script", "report.js")):
        text = files("mlray.console").joinpath(name).read_bytes()
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
        assert f"<{kind}>{text.decode()}</{kind}>" in page
    assert policy.startswith("default-src 'none'")


def test_no_text_becomes_markup_wherever_it_stands(sample_story):
    story = sample_story()
    told = tuple(
        Decided(replace(t.decision, because=ATTACK, subject=ATTACK, evidence={ATTACK: [ATTACK]}), ATTACK)
        for t in story.decisions[:3]
    )
    hostile = replace(
        story,
        project=ATTACK,
        question=ATTACK,
        decisions=told,
        faults=(Fault(ATTACK, ATTACK, (told[0].decision.id,)),),
        notes=(ATTACK,),
        journal_head=ATTACK,
        stages=tuple(replace(s, name=ATTACK, note=ATTACK) for s in story.stages),
        money=tuple(replace(e, purpose=ATTACK) for e in story.money),
        versions=tuple(replace(e, version=ATTACK, because=ATTACK) for e in story.versions),
        months=tuple(replace(m, versions=(ATTACK,)) for m in story.months),
        drift=tuple(
            replace(r, broken=ATTACK, columns=tuple(replace(c, column=ATTACK) for c in r.columns))
            for r in story.drift[:2]
        ),
        models=tuple(
            replace(
                m,
                version=ATTACK,
                dataset=ATTACK,
                digest=ATTACK,
                scorecard=replace(
                    m.scorecard,
                    gates=tuple(replace(g, gate=ATTACK, because=ATTACK) for g in m.scorecard.gates),
                    slices=tuple(replace(s, column=ATTACK, value=ATTACK) for s in m.scorecard.slices),
                ),
            )
            for m in story.models
        ),
        experiments=tuple(
            replace(
                e,
                dataset=ATTACK,
                stopped_because=ATTACK,
                trials=tuple(replace(t, trainer=ATTACK, error=ATTACK, params={ATTACK: ATTACK}) for t in e.trials),
            )
            for e in story.experiments
        ),
        datasets=tuple(
            replace(
                d, table=ATTACK, digest=ATTACK, quality=replace(d.quality, set_aside={ATTACK: 1}, mapped={ATTACK: 1})
            )
            for d in story.datasets
        ),
        feasibility=replace(story.feasibility, sentence=ATTACK, metric=ATTACK),
    )
    page = report(hostile)
    outline = Outline(page)
    assert len(outline.named("script")) == 2
    assert not outline.named("img")
    assert not [attrs for _, attrs in outline.elements if any(name.startswith("on") for name in attrs)]
    assert "\x1b" not in page
    assert any("<script>alert(1)</script>" in text for text in outline.texts)
    assert Story.from_json(embedded(page)).question == ATTACK


def test_a_reason_with_a_script_stays_text(sample_story):
    story = sample_story()
    told = replace(
        story.decisions[0], decision=replace(story.decisions[0].decision, because="<script>alert(1)</script>")
    )
    page = report(replace(story, decisions=(told,)))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_a_program_finds_the_figures_in_the_page(sample_story):
    story = sample_story()
    read = Story.from_json(embedded(report(story)))
    assert (read.budgets, read.money, read.versions, read.datasets) == (
        story.budgets,
        story.money,
        story.versions,
        story.datasets,
    )
    assert read.months[3].served["error"].value == pytest.approx(story.months[3].served["error"].value, rel=1e-4)


def test_a_whole_year_of_daily_decisions_stays_under_a_megabyte(sample_story):
    story = sample_story()
    weekly = story.drift * 2
    columns = tuple(replace(c, column=f"{c.column}_{k}") for k in range(3) for c in weekly[0].columns)[:40]
    drift = tuple(
        replace(r, columns=columns, start=story.start + 7 * n * timedelta(days=1)) for n, r in enumerate(weekly[:52])
    )
    daily = tuple(
        Decided(
            Decision(
                f"d{n}",
                story.start + n * timedelta(days=1),
                t.decision.act,
                "flights",
                t.decision.because,
                t.decision.evidence,
            ),
            t.result,
        )
        for n, t in enumerate((story.decisions * 8)[:365])
    )
    page = report(replace(story, drift=drift, decisions=daily))
    assert len(page.encode()) < 1_000_000


def test_an_injected_fault_is_said_before_anything_else(page):
    texts = "".join(Outline(page).texts)
    assert texts.index("A fault was injected into this run on purpose.") < texts.index("253,296 rows")
    assert "It concerns v4" in texts


def test_a_run_without_a_fault_says_nothing_of_one(sample_story):
    assert "injected" not in "".join(Outline(report(sample_story(faults=()))).texts)


def test_a_fault_without_a_version_and_a_note_have_their_banners(sample_story):
    page = report(sample_story(faults=(Fault("The feed was cut."),), notes=("The run was stopped before its end.",)))
    assert "The feed was cut. Its rows below" in page
    assert '<div class="banner calm" role="note">The run was stopped before its end.</div>' in page


def test_every_section_of_an_empty_story_says_what_it_waits_for(empty_story):
    outline = Outline(report(empty_story))
    nothing = [attrs for tag, attrs in outline.elements if tag == "p" and attrs.get("class") == "nothing"]
    assert len(nothing) == 7
    assert not outline.named("figure")


def test_months_without_any_score_are_not_drawn(sample_story):
    months = tuple(replace(m, served={}, kept={}, saved=None) for m in sample_story().months)
    assert 'id="months-wide-t"' not in report(sample_story(months=months))


def test_pictures_and_tables_have_names_for_those_who_cannot_see(page):
    outline = Outline(page)
    pictures = [attrs for attrs in outline.named("svg") if attrs.get("role") == "img"]
    assert len(pictures) == 16
    assert all(attrs.get("role") == "img" or attrs.get("aria-hidden") for attrs in outline.named("svg"))
    assert len(outline.named("table")) == len(outline.named("caption"))
    assert outline.named("html") == [{"lang": "en"}]


def test_what_failed_stands_open(sample_story):
    story = sample_story()
    card = story.models[1].scorecard
    failed = replace(
        card, gates=(replace(card.gates[0], passed=False, because="AUC 0.611 is below the baseline's 0.676."),)
    )
    page = report(replace(story, models=(story.models[0], replace(story.models[1], scorecard=failed))))
    assert "<details open><summary>Gates of v2: refused: AUC 0.611 is below" in page
    assert '<b class="bad keep">not passed</b>' in page


def test_the_slices_shown_are_those_of_the_live_version_or_the_last_one_judged(sample_story):
    story = sample_story()
    assert "Is v5 equally good everywhere?" in report(story)
    assert "Is v3 equally good everywhere?" in report(
        replace(story, versions=(), experiments=(), models=story.models[:3])
    )
    bare = tuple(replace(m, scorecard=replace(m.scorecard, slices=())) for m in story.models)
    assert "equally good everywhere" not in report(replace(story, models=bare))


def test_a_card_with_other_metrics_leaves_a_gap(sample_story):
    story = sample_story()
    card = replace(story.models[0].scorecard, metrics={}, baseline={}, champion=None)
    assert report(replace(story, models=(replace(story.models[0], scorecard=card), *story.models[1:])))


def test_a_broken_feed_is_named(sample_story):
    story = sample_story()
    drift = (replace(story.drift[0], broken="no rows for two days"), *story.drift[1:])
    assert "Broken feed on 8 April 2013: no rows for two days" in report(replace(story, drift=drift))


def palette(style, scheme):
    """Return the colours of a scheme from the style sheet; the dark ones are those inside its media query."""
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    text = light if scheme == "light" else rest.partition("@media print")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "tint"])
@pytest.mark.parametrize("ink", ["ink", "soft", "served", "kept", "trial", "good", "bad", "warn"])
def test_text_has_the_contrast_that_wcag_asks(scheme, ground, ink):
    colours = palette(files("mlray.console").joinpath("report.css").read_text(), scheme)
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_print_uses_the_light_colours_exactly():
    style = files("mlray.console").joinpath("report.css").read_text()
    printed = dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style.partition("@media print")[2].partition("* { box-sizing")[0])
    )
    assert printed == palette(style, "light")

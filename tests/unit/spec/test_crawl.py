"""The section `crawl`: when, how closely, and who is told."""

from datetime import timedelta

import pytest

from mlray.errors import SpecError
from mlray.spec import CrawlSpec, read_spec
from tests.projects import small_project


@pytest.fixture
def project(tmp_path):
    return small_project(tmp_path / "orders")


def crawling(folder, text):
    with (folder / "mlray.yaml").open("a", encoding="utf-8") as file:
        file.write(f"crawl: {text}\n")
    return read_spec(folder).crawl


def test_without_the_section_nothing_is_looked_at_by_itself(project):
    assert read_spec(project).crawl is None


def test_every_key_has_a_default_that_works(project):
    crawl = crawling(project, "{}")
    assert (crawl.period, crawl.spread, crawl.verify, crawl.fresh) == (
        timedelta(days=1),
        timedelta(minutes=5),
        0.02,
        None,
    )


def test_a_source_may_have_a_schedule_of_its_own(project):
    crawl = crawling(project, "{cron: 0 3 * * *, fresh: 2 days, sources: {orders: {every: 1 hour}}}")
    assert (crawl.period, crawl.of("orders").period) == (timedelta(days=1), timedelta(hours=1))
    assert (crawl.of("orders").fresh, crawl.of("weather").fresh) == ("2 days", "2 days")
    assert CrawlSpec(fresh="1 day", sources={"a": {"fresh": "1 hour"}}).of("a").fresh == "1 hour"


def test_a_cron_line_of_weekdays_has_the_period_of_its_nearest_two():
    assert CrawlSpec(cron="0 3 * * 1-5").period == timedelta(days=1)
    assert CrawlSpec(cron="0 3 1 1 *").period == timedelta(days=365)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{every: 1 hour, cron: 0 3 * * *}", "every, 1 hour, says something else"),
        ("{cron: 0 3 * *}", "not a cron line (wrong number of fields); write '0 3 * * *'"),
        ("{cron: 0 3 31 2 *}", "'0 3 31 2 *' is not a cron line (bad day-of-month)"),
        ("{cron: 5}", "cron"),
        ("{every: 0 days}", "cannot be looked at all the time"),
        ("{every: 1 hour, jitter: 1 hour}", "must be shorter than the time between two looks, 1:00:00"),
        ("{timezone: Europe/Berln}", "did you mean 'Europe/Berlin'?"),
        ("{sources: {order: {}}}", "no source has that name; did you mean 'orders'?"),
        ("{notify: {webhook: 'ftp://host/x'}}", "webhook"),
        ("{notify: {webhook: 'https://[::1/x'}}", "no address of a web server"),
        ("{notify: {webhook: 'https://host', on: [broken]}}", "breaking"),
        ("{verify: 2}", "verify"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(project, text, what):
    lines = len((project / "mlray.yaml").read_text(encoding="utf-8").splitlines())
    with pytest.raises(SpecError) as raised:
        crawling(project, text)
    (problem,) = raised.value.problems
    assert what in problem
    assert f"mlray.yaml:{lines + 1}: crawl." in problem


def test_of_a_webhook_only_the_host_is_told():
    tell = CrawlSpec(notify={"webhook": "https://hooks.example.com/s3cret?t=1"}).notify
    assert tell.host == "hooks.example.com"
    assert CrawlSpec(notify={"webhook": "${HOOK}"}).notify.host == "${HOOK}"


def test_a_project_whose_sources_are_gone_opens_for_those_who_watch_it(project):
    for path in (project / "data").iterdir():
        path.unlink()
    with pytest.raises(SpecError, match="no file matches"):
        read_spec(project)
    assert read_spec(project, sources=False).project == "orders"

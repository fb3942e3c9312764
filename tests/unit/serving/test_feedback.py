from datetime import UTC, datetime

from mlray.serving.feedback import RecentRequests, decode_feedback

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


def test_only_the_latest_requests_are_remembered():
    recent = RecentRequests(most=2)
    for rows, name in enumerate("abac", start=1):
        recent.add(name, rows)
    assert [recent.rows(name) for name in "abc"] == [3, None, 4]


def test_labels_come_with_the_moment_at_which_they_were_known():
    [told] = decode_feedback(b'{"id": "a", "labels": [true, null]}', RecentRequests(), NOON)
    assert (told.request_id, told.labels, told.received_at) == ("a", [True, None], NOON)
    [dated] = decode_feedback(
        b'{"id": "a", "labels": [true], "at": "2013-04-04T08:00:00+02:00"}', RecentRequests(), NOON
    )
    assert dated.received_at == datetime(2013, 4, 4, 6, tzinfo=UTC)

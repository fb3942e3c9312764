import logging

from mlray.serving.counters import Counters


def test_a_latency_falls_into_every_bucket_above_it():
    counters = Counters()
    counters.answered(1, 10, 0.003)
    counters.answered(1, 10, 99.0)
    lines = counters.prometheus("m", {"ready": 1.0}).splitlines()
    assert 'mlray_request_seconds_bucket{model="m",version="1",le="0.0025"} 0' in lines
    assert 'mlray_request_seconds_bucket{model="m",version="1",le="0.005"} 1' in lines
    assert 'mlray_request_seconds_bucket{model="m",version="1",le="10.0"} 1' in lines
    assert 'mlray_request_seconds_bucket{model="m",version="1",le="+Inf"} 2' in lines
    assert 'mlray_request_seconds_sum{model="m",version="1"} 99.003000' in lines
    assert lines[-1] == 'mlray_ready{model="m"} 1'


def test_every_version_shows_every_count():
    counters = Counters()
    counters.add(2, "shadow_rows", 5)
    expected = {"requests": 0, "rows": 0, "errors": 0, "shadow_rows": 5, "shadow_dropped": 0}
    assert counters.by_version() == {"2": expected}


def test_a_version_that_fails_again_and_again_is_logged_ever_more_rarely(caplog):
    counters = Counters()
    with caplog.at_level(logging.WARNING, "mlray.serving"):
        for number in range(100):
            counters.failed(2, f"r{number}", "KeyError: 'hour'")
    assert [record.args[2] for record in caplog.records] == [1, 2, 4, 8, 16, 32, 64]
    assert counters.by_version()["2"]["errors"] == 100

"""What is hidden, and what is left as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.security import redact

KEY = "mlray_acme_" + "aB3-_" * 8 + "xyz"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (KEY, "mlray_acme_***"),
        (f"key {KEY}, then", "key mlray_acme_***, then"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer ***"),
        ("Authorization: bearer eyJh.b-c_d~e+f/g=", "Authorization: bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("X-Ray-Authorization: Bearer 00ff", "X-Ray-Authorization: Bearer ***"),
        ("postgresql+psycopg://ann:s3cret@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("postgresql://:s3cret@db/x", "postgresql://:***@db/x"),
        ("http://ann:p@ss@host/", "http://ann:***@host/"),
        ("https://h/x?token=abc&n=1", "https://h/x?token=***&n=1"),
        ("https://h/x?X-Amz-Signature=abc123", "https://h/x?X-Amz-Signature=***"),
        ("https://h/x?api_key=abc", "https://h/x?api_key=***"),
        ("PGPASSWORD=abc psql", "PGPASSWORD=*** psql"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+g", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"password": "abc", "user": "ann"}', '{"password": "***", "user": "ann"}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '***'}"),
        ("password: abc", "password: ***"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIA***"),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert redact(text) == shown
    assert redact(redact(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://host:8000/v2/models/flights/infer",
        "sqlite:////srv/journal.db",
        "postgresql://ann@db/x",
        "digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "the token was refused",
        "mlray_journal",
        "2013-04-01T12:00:00 retrain: drift 0.31 passed 0.25",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/'\"@"), min_size=6, max_size=40))
def test_no_password_in_an_address_gets_through(password):
    shown = redact(f"postgresql+psycopg://ann:{password}@db/x")
    assert password not in shown
    assert shown.endswith(":***@db/x")


@pytest.mark.parametrize("piece", ["a", "://a:", "password", "token=", "bearer ", "mlray_a_", "secret ", "x.", "AKIA"])
def test_long_text_is_done_in_time_that_grows_with_its_length(piece):
    # With repetitions that have no bound, any of these would take hours.
    redact(piece * (400_000 // len(piece)))

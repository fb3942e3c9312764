"""Take secrets out of text before it is shown, logged or sent."""

import re

__all__ = ["redact"]

_RULES = (
    # Keys of our own keep their tenant: it helps to find whose key it was.
    (re.compile(r"\b(mlray_[a-z][a-z0-9_-]{0,62}_)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=*-]+"), r"\1\2***"),
    # user:password@ in an address; the user stays.
    (re.compile(r"(://[^\s/:@'\"]{0,256}):[^\s/'\"]{1,256}@"), r"\1:***@"),
    # name=value and "name": "value", whatever the name begins with (aws_secret_access_key, PGPASSWORD …).
    # Every repetition has a bound: text to redact comes from outside, and must not hold the program up.
    (
        re.compile(
            r"(?i)((?:password|passwd|pwd|secret|token|api_?key|access_?key|signature|credential)[a-z0-9_-]{0,64}"
            r"[\"']?\s{0,4}[=:]\s{0,4}[\"']?)(?!\*\*\*)[^\s\"'&,;}\])]+"
        ),
        r"\1***",
    ),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), r"\1***"),
)


def redact(text: str) -> str:
    """Return `text` with keys, tokens, and passwords in addresses or assignments replaced by `***`.

    >>> redact("postgresql+psycopg://ann:s3cret@db/mlray?sslpassword=x")
    'postgresql+psycopg://ann:***@db/mlray?sslpassword=***'
    >>> redact("Authorization: Bearer eyJhbGciOi.J9")
    'Authorization: Bearer ***'
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text

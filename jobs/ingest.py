"""Bring in what is new as one dataset version: `python jobs/ingest.py jobs/flights --until 2013-04-01`."""

import argparse
from datetime import UTC, datetime

import mlray
from mlray.jobs import plain_errors


def moment(text: str) -> datetime:
    """Return the moment that `text` names; without a time zone it is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--until", type=moment, help="leave out rows from this moment on")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        print(project.ingest(until=args.until))

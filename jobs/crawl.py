"""Look whether the source has something new, without reading it whole: `python jobs/crawl.py jobs/flights`.

Ends with 3 where the source cannot be read; with `--ingest` whatever is new is brought in.
"""

import argparse
import sys
from pathlib import Path

import mlray
from mlray.data import SourceState, look
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--ingest", action="store_true", help="bring in what is new")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        data = project.spec.data
        verdict = look(data, Path(project.folder), project.space.store.head(data.table))
        print(f"{verdict.state}: {verdict.because}")
        if args.ingest and verdict.state is SourceState.NEW:
            print(project.ingest())
        sys.exit(0 if verdict.readable else 3)

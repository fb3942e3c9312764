"""Look at the sources, without reading what has not changed: `python jobs/crawl.py jobs/flights`.

Ends with 2 where one breaks its contract and 3 where one cannot be read; with `--ingest` whatever is new is brought in.
"""

import argparse
import sys

import mlray
from mlray.jobs import plain_errors
from mlray.records import SourceState

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--ingest", action="store_true", help="bring in what is new")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        verdicts = project.crawl()
        for verdict in verdicts:
            print(verdict)
        states = {verdict.state for verdict in verdicts}
        if args.ingest and states & {SourceState.NEW, SourceState.CHANGED} and SourceState.BREAKING not in states:
            print(project.ingest())
        sys.exit(2 if SourceState.BREAKING in states else 3 if SourceState.UNREACHABLE in states else 0)

"""Retrain now, from the newest rows to a candidate behind the endpoint: `python jobs/retrain.py jobs/flights`.

With `--if-needed` the coordinator decides, as it does on its own days: it may hold, defer or refuse.
"""

import argparse

import mlray
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--if-needed", action="store_true", help="ask the coordinator first")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        if args.if_needed:
            for decision in project.decide():
                print(decision)
        else:
            for step in (project.ingest, project.train, project.deploy):
                print(step())

"""Train, judge and register one model version from the newest dataset version: `python jobs/train.py jobs/flights`."""

import argparse

import mlray
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        print(project.train())

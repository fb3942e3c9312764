"""Search longer for good settings, and register the best model: `python jobs/tune.py jobs/flights --trials 40`."""

import argparse

import mlray
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--trials", type=int, help="configurations to try; the project file's number by default")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        print(project.train(trials=args.trials))

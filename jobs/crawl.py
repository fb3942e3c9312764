"""Look whether the source has something new, without reading it whole: `python jobs/crawl.py jobs/flights`."""

import argparse

import mlray
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        print(project.crawl())

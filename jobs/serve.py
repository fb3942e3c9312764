"""Put a model version behind the project's endpoint: `python jobs/serve.py jobs/flights --version 2`."""

import argparse

import mlray
from mlray.jobs import plain_errors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("project", help="folder with mlray.yaml")
parser.add_argument("--version", type=int, help="the newest by default")

if __name__ == "__main__":
    args = parser.parse_args()
    with plain_errors(), mlray.open(args.project) as project:
        print(project.deploy(args.version))

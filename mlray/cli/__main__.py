"""`python -m mlray.cli`, for places where the command itself is not on the path, such as a job on a cluster."""

from mlray.cli import main

if __name__ == "__main__":
    main()

"""The command `mlray`: verbs that follow the life cycle, each a thin call of `mlray.Project`."""

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with the exit code that `mlray --help` lists."""
    import sys

    try:
        from mlray.cli._app import app

        app(prog_name="mlray")
    except KeyboardInterrupt:
        # Before the first verb has begun nothing was started, so there is nothing to clean up.
        sys.exit(130)

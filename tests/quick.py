"""Where the tests are that `make check` runs, but for those that start a Ray or take long."""

QUICK = ("tests/unit", "tests/laws", "mlray")

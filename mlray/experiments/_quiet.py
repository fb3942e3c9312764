"""Tune's settings, which it reads from the environment, and its talk: both are put back after a sweep."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["FAST", "quietly"]

FAST: Mapping[str, str] = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # else CSV, JSON and TensorBoard files for every trial
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # what was tried stands in the sweep's own journal
    "TUNE_WARN_THRESHOLD_S": "60",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C belongs to the program, not to Tune
    "RAY_AIR_NEW_OUTPUT": "0",
}


@contextmanager
def quietly(settings: Mapping[str, str]) -> Iterator[None]:
    """Let Tune find `settings` in the environment, and keep it silent, while inside."""
    before = {name: os.environ.get(name) for name in settings}
    logger = logging.getLogger("ray.tune")
    level = logger.level
    os.environ.update(settings)
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

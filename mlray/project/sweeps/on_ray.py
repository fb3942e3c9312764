"""A local Ray for a program that has imported Ray already."""

import logging

import ray

from mlray.coordinator.cluster import NAMESPACE

__all__ = ["start"]


def start() -> None:
    """Start a Ray on this machine that ends with this process, as `ray.init()` would.

    Ray reads whether it asks for a token when it is imported: whoever imported it first gets a Ray without one.
    """
    ray.init(
        namespace=NAMESPACE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )

"""How much of a cluster work on data may take."""

from mlray.errors import DataError

__all__ = ["check_cpus"]


def check_cpus(cpus: int | None) -> None:
    """Refuse a number of CPUs that carries nothing out.

    Raises:
        DataError: it is less than one.

    >>> check_cpus(None)
    >>> check_cpus(0)
    Traceback (most recent call last):
    ...
    mlray.errors.DataError: 0 CPUs carry nothing out. Give 1 or more, or nothing for all that are free.
    """
    if cpus is not None and cpus < 1:
        raise DataError(f"{cpus} CPUs carry nothing out.", remedy="Give 1 or more, or nothing for all that are free.")

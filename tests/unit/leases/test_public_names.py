"""What is visible is what is listed."""

from types import ModuleType

import mlray.leases


def test_what_is_visible_is_what_is_listed():
    visible = [
        name for name, value in vars(mlray.leases).items() if name[0] != "_" and not isinstance(value, ModuleType)
    ]
    assert sorted(visible) == sorted(mlray.leases.__all__)

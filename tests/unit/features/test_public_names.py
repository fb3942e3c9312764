"""What is visible is what is listed."""

from types import ModuleType

import mlray.features


def test_what_is_visible_is_what_is_listed():
    visible = [
        name for name, value in vars(mlray.features).items() if name[0] != "_" and not isinstance(value, ModuleType)
    ]
    assert sorted(visible) == sorted(mlray.features.__all__)


def test_every_public_name_is_documented():
    assert all(vars(mlray.features)[name].__doc__ for name in mlray.features.__all__)

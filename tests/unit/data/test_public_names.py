"""What is visible is what is listed."""

from types import ModuleType

import mlray.data


def test_what_is_visible_is_what_is_listed():
    visible = [name for name, value in vars(mlray.data).items() if name[0] != "_" and not isinstance(value, ModuleType)]
    assert sorted(visible) == sorted(mlray.data.__all__)


def test_every_public_name_is_documented():
    assert all(vars(mlray.data)[name].__doc__ for name in mlray.data.__all__ if name != "Run")

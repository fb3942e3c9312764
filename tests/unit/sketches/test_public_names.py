"""What is visible is what is listed."""

from types import ModuleType

import mlray.sketches


def test_what_is_visible_is_what_is_listed():
    visible = [
        name for name, value in vars(mlray.sketches).items() if name[0] != "_" and not isinstance(value, ModuleType)
    ]
    assert sorted(visible) == sorted(mlray.sketches.__all__)


def test_every_public_name_is_documented():
    assert all(vars(mlray.sketches)[name].__doc__ for name in mlray.sketches.__all__)

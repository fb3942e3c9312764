"""What is visible is what is listed."""

import subprocess
import sys
from types import ModuleType

import mlray.data


def test_what_is_visible_is_what_is_listed():
    visible = [name for name, value in vars(mlray.data).items() if name[0] != "_" and not isinstance(value, ModuleType)]
    assert sorted(visible) == sorted(mlray.data.__all__)


def test_every_public_name_is_documented():
    assert all(vars(mlray.data)[name].__doc__ for name in mlray.data.__all__ if name != "Run")


def test_the_data_layer_is_imported_without_what_most_commands_do_without():
    code = (
        "import sys, mlray.data; print([name for name in ('pandas', 'scipy', 'ray', 'obstore') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

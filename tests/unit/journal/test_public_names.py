"""What is visible is what is listed."""

import subprocess
import sys
from types import ModuleType

import mlray.journal


def test_what_is_visible_is_what_is_listed():
    visible = [
        name for name, value in vars(mlray.journal).items() if name[0] != "_" and not isinstance(value, ModuleType)
    ]
    assert sorted(visible) == sorted(mlray.journal.__all__)


def test_the_package_loads_no_sqlalchemy():
    code = "import sys, mlray.journal; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

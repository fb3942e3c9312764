"""Opening a project costs little: what only some verbs need is imported by them."""

import subprocess
import sys


def test_a_project_is_imported_without_what_most_commands_do_without():
    heavy = ("pandas", "scipy", "sklearn", "ray", "mlflow", "sqlalchemy", "obstore")
    code = f"import sys, mlray.project._project; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"

"""Importing the core stays cheap and free of the rings around it."""

import subprocess
import sys
from pathlib import Path

import cube

OUTER = ("prefect", "great_expectations", "evidently")
HEAVY = ("torch", "transformers", "sentence_transformers", "pandas")


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


def test_a_program_that_imports_it_is_checked_with_its_types():
    assert Path(cube.__file__).with_name("py.typed").is_file()  # without, mypy takes all for Any


def test_windows_is_told_where_it_runs():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.platform = 'win32'; import cube.config"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.endswith("on Windows install it inside WSL.\n")


def test_import_cube_loads_nothing_heavy():
    assert loaded_after("import cube").isdisjoint(OUTER + HEAVY)


def test_help_loads_nothing_heavy():
    code = "import contextlib, io, cube.cli\n"
    code += "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
    code += "    cube.cli.main(['--help'])"
    assert loaded_after(code).isdisjoint(OUTER + HEAVY)


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "cube", "--version"]
    assert subprocess.check_output(command, text=True).strip() == cube.__version__


def test_steps_that_find_their_work_done_load_nothing_heavy():
    modules = loaded_after("import cube.steps, cube.drift.compared, cube.report.render")
    assert modules.isdisjoint(OUTER + HEAVY)

"""Importing the core stays cheap and free of the rings around it."""

import subprocess
import sys

OUTER = ("prefect", "great_expectations", "evidently")
HEAVY = ("torch", "transformers", "sentence_transformers", "pandas")


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


def test_import_cube_loads_nothing_heavy():
    assert loaded_after("import cube").isdisjoint(OUTER + HEAVY)


def test_help_loads_nothing_heavy():
    code = "import contextlib, io, cube.cli\n"
    code += "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
    code += "    cube.cli.main(['--help'])"
    assert loaded_after(code).isdisjoint(OUTER + HEAVY)


def test_steps_that_find_their_work_done_load_nothing_heavy():
    modules = loaded_after("import cube.steps, cube.drift.compared, cube.report.render")
    assert modules.isdisjoint(OUTER + HEAVY)

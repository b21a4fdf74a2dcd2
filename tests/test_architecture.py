"""The layout of the project: imports point one way, TensorFlow stays in child processes, the package is complete."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What each folder may import from the others.
MAY_IMPORT = {
    "diagnose": set(),
    "knowledge_base": {"diagnose"},
    "repair": {"diagnose", "knowledge_base"},
    "templates": set(),
    "dlfix": {"diagnose", "knowledge_base", "repair", "templates"},
}

#: Where code may name TensorFlow or Keras: it runs in the user's process or in a child.
IN_CHILD = ("diagnose/probe/", "diagnose/replay", "diagnose/deeplocalize.py", "diagnose/execution/", "repair/trials/")


def imports(file: Path) -> set[str]:
    """Absolute dotted names of everything a module imports anywhere."""
    package = ["dlfix", *file.relative_to(ROOT).parent.parts]
    if package[1] == "dlfix":
        package = package[1:]
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def modules() -> list[Path]:
    return [file for folder in MAY_IMPORT for file in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_one_way(folder):
    wrong = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        for name in imports(file):
            parts = name.split(".")
            if parts[0] in MAY_IMPORT and parts[0] != "dlfix":
                wrong.append(f"{file.relative_to(ROOT)} imports {name}, which is {parts[0]} loaded a second time")
            if parts[0] != "dlfix" or folder == "dlfix":
                continue
            target = parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "dlfix"
            if target != folder and target not in MAY_IMPORT[folder] and name != "dlfix._version.__version__":
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_the_frameworks_are_named_only_where_children_run():
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules()
        if not file.relative_to(ROOT).as_posix().startswith(IN_CHILD)
        for name in imports(file)
        if name.split(".")[0] in ("tensorflow", "keras", "tf_keras")
    ]
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "import dlfix",
        "import dlfix.cli, dlfix.pipeline, dlfix.proposals, dlfix.api, dlfix.applying",
        "from dlfix.knowledge_base import load_knowledge; load_knowledge()",
        "import dlfix.diagnose.diagnosis, dlfix.diagnose.execution, dlfix.diagnose.recording, dlfix.repair.candidates",
        "import dlfix.repair.search, dlfix.repair.trials.runner, dlfix.repair.apply",
        "import dlfix.views.html, dlfix.views.terminal, dlfix.views.sarif, dlfix.views.github",
    ],
)
def test_the_process_of_the_command_line_never_loads_a_framework(code):
    check = f"{code}\nimport sys; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_front_door_imports_nothing_heavy():
    heavy = "('numpy', 'sklearn', 'pydantic', 'rich', 'libcst', 'jinja2', 'yaml', 'typer')"
    check = f"import dlfix, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_resolve_without_a_framework():
    import dlfix

    for name in set(dlfix.__all__) - {"Localizer"}:
        assert getattr(dlfix, name) is not None
    assert set(dlfix.__all__) <= set(dir(dlfix))
    with pytest.raises(AttributeError, match="no_such_name"):
        dlfix.no_such_name  # noqa: B018


def test_diagnose_is_a_function_whatever_was_imported_below_it():
    check = "import dlfix.diagnose.trace, dlfix; print(callable(dlfix.diagnose), dlfix.diagnose.trace.__name__)"
    done = subprocess.run([sys.executable, "-P", "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "dlfix.diagnose.trace"]


def test_every_folder_with_code_is_a_package_that_gets_installed():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {file.parent.relative_to(ROOT).as_posix() for file in modules()}
    expected = {"dlfix" if f == "dlfix" else f"dlfix.{f.removeprefix('dlfix/').replace('/', '.')}" for f in folders}
    assert set(setuptools["packages"]) == expected
    for package in setuptools["packages"]:
        folder = setuptools["package-dir"].get(package, package.replace(".", "/"))
        assert (ROOT / folder / "__init__.py").is_file(), package


def test_data_files_are_installed():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for folder in ("knowledge_base", "templates"):
        matched = {file for pattern in data[f"dlfix.{folder}"] for file in (ROOT / folder).glob(pattern)}
        files = {file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts}
        assert {file for file in files if file.suffix != ".py"} <= matched

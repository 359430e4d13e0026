"""The package keeps the measures it has given itself: short functions, small modules, hints."""

import ast
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "lungseg_utils"
MODULES = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*.py")}
TABLE = "phantom/ranges.py"  # of numbers with their sources, nothing to follow
FUNCTIONS = {
    f"{name}:{node.name}": node
    for name, text in MODULES.items()
    for node in ast.walk(ast.parse(text))
    if isinstance(node, ast.FunctionDef)
}
each_module = pytest.mark.parametrize("name", MODULES)


def length(node):
    return node.end_lineno - node.lineno + 1


def test_functions_are_short():
    assert {name: n for name, node in FUNCTIONS.items() if (n := length(node)) > 40} == {}
    assert median(map(length, FUNCTIONS.values())) <= 10


@each_module
def test_modules_are_small_and_say_what_they_are(name):
    if name != TABLE and not name.startswith("exercises/"):
        assert len(MODULES[name].splitlines()) <= 250
    assert ast.get_docstring(ast.parse(MODULES[name]))


@each_module
def test_public_functions_have_hints_and_a_docstring(name):
    if name.startswith("exercises/") and name not in ("exercises/core.py", "exercises/__init__.py"):
        return  # the judges of exercises are asked about through the objective they test
    for node in ast.parse(MODULES[name]).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            assert node.returns is not None, node.name

"""The map of the package holds: who imports whom, what stands once, how long everything is."""

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from statistics import median

import pytest

import lungseg_utils
from tools import map as package_map
from tools.map import PACKAGE, ROOT

PATHS = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in PATHS.items()}
TREES = {name: ast.parse(text) for name, text in SOURCES.items()}
FOLDERS = ("app", "museum", "phantom", "teaching")
TABLE = "phantom/ranges.py"  # of numbers with their sources, nothing to follow
JUDGES = "teaching/exercises/"
FUNCTIONS = {
    f"{name}:{node.name}": node
    for name, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef)
}
each_module = pytest.mark.parametrize("name", TREES)


def part(name: str) -> str:
    """What is drawn as one: a module, or a folder. The command's entry is the app's."""
    top = name.split("/")[0]
    return "app" if top == "__main__.py" else top.removesuffix(".py")


def imported(name: str) -> set[str]:
    """Modules and folders of the package that a module imports, wherever it does so."""
    found, inside = set(), ["lungseg_utils", *name.split("/")[:-1]]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = inside[: len(inside) + 1 - node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    ours = {one.split(".")[1] for one in found if one.startswith("lungseg_utils.")}
    return {one for one in ours if (PACKAGE / one).is_dir() or f"{one}.py" in PATHS}


ARROWS = {(part(name), other) for name in TREES for other in imported(name)}
ARROWS = {(one, other) for one, other in ARROWS if one != other}


def test_the_course_imports_neither_teaching_nor_app():
    up = {arrow for arrow in ARROWS if arrow[1] in ("teaching", "app")}
    assert up <= {("teaching", "app"), ("app", "teaching")} and up == set()


def test_the_simulator_imports_no_more_than_the_types():
    assert {other for one, other in ARROWS if one == "phantom"} <= {"types"}


def test_nothing_below_the_museum_imports_it():
    assert {one for one, other in ARROWS if other == "museum"} <= set()


def test_no_circle():
    left = {one for arrow in ARROWS for one in arrow}
    while left:
        free = {one for one in left if not {o for a, o in ARROWS if a == one} & left}
        assert free, f"these import each other in a circle: {sorted(left)}"
        left -= free


def test_arrows_stay_few():
    """Folders taken as one, and the command among the modules."""
    entry = {("__main__", "app")}
    assert len(ARROWS | entry) <= 82


def test_an_arrow_that_is_wrong_is_seen():
    assert imported("training.py") >= {"unet", "squares", "losses"}
    assert imported("museum/bugs.py") >= {"losses", "metrics", "museum"}
    assert imported("app/terminal.py") >= {"training", "results"}  # within functions


def test_names_are_defined_once():
    """But for the exercises, whose names are those of their notebook."""
    homes = defaultdict(set)
    for name, tree in TREES.items():
        if not name.startswith(JUDGES):
            for node in tree.body:
                for defined in names_of(node):
                    homes[defined].add(name)
    assert {key: found for key, found in homes.items() if len(found) > 1} == {}


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    return names


# one truth: what may stand in one place alone, and where that is
ONCE = {
    "a file is decoded": (
        r"cv2\.im(?:read|decode)\(|Pillow\.open\(|read_partial\(", "images.py dicom/__init__.py"),
    "an image is written": (r"cv2\.im(?:write|encode)\(", "app/batch.py"),
    "a file takes its name in one step": (
        r"os\.(?:replace|rename)\(|\bpart\.re(?:place|name)\(",
        "types.py training.py app/download.py",  # a whole folder; a file that pooch has checked
    ),
    "a colour of the course": (r"(?i)#(?:0072B2|E69F00|009E73|767676)", "overlay.py"),
    "the spacing's type": (r"tuple\[float, float\] \| None\b", ""),
    "the error of a file": (r"class \w+\((?:ValueError|Exception)\)",
                            "types.py"),
    "the networks that ship": (r'"simulated"', "pretrained.py recipes.py"),
    "the names of the scores": (r'"nsd_2mm"', "metrics.py"),
    "bits of grey": (
        r"\b4095\b|\b2(?:\.0)?\*\*bits",
        "grey.py images.py dicom/greys.py phantom/radiograph.py"),
}  # fmt: skip


@pytest.mark.parametrize("truth", ONCE)
def test_a_truth_stands_once(truth):
    pattern, home = ONCE[truth]
    found = {
        name for name, text in SOURCES.items()
        if re.search(pattern, text) and not name.startswith(JUDGES)
    }  # fmt: skip
    assert found == set(home.split())


def test_the_page_has_the_colour_of_the_outline():
    """In what cannot read it from shared.json: its style, and its icon."""
    from lungseg_utils.overlay import PREDICTION

    files = [*ROOT.glob("site/*.*"), *ROOT.glob("site/[!n]*/**/*")]
    texts = [path.read_text(encoding="utf-8") for path in files
             if path.suffix in (".css", ".html", ".svg")]  # fmt: skip
    colours = re.compile(r"(?i)(?:--orange: *|stroke=['\"])(?:#|%23)([\da-f]{6})\b")
    assert {one.upper() for text in texts for one in colours.findall(text)} == {PREDICTION[1:]}


def test_the_threshold_stands_once():
    """Every comparison of a probability, and every default, takes the one of `masks`."""
    compared = re.compile(r"(?:probability|y_pred|found|one|joint)\b[^\n=]{0,40}> 0\.5\b")
    assert [name for name, text in SOURCES.items()
            if compared.search(text) and not name.startswith("teaching/")] == []  # fmt: skip
    defaults = [
        key for key, node in FUNCTIONS.items() for argument, default in defaults_of(node)
        if argument == "threshold" and isinstance(default, ast.Constant)
    ]  # fmt: skip
    assert defaults == []


def defaults_of(node: ast.FunctionDef) -> list[tuple[str, ast.expr]]:
    names = [one.arg for one in node.args.args]
    return list(zip(names[len(names) - len(node.args.defaults) :], node.args.defaults, strict=True))


CHANGED = """
import os, sys
import cv2, keras, matplotlib, numpy, pandas, tensorflow  # what they set themselves is theirs
from importlib import import_module

def settings():
    options = {name: pandas.get_option(name) for name in pandas._config.config._global_config
               if False} or pandas._config.config._global_config
    return (dict(os.environ), dict(matplotlib.rcParams), repr(options), numpy.get_printoptions(),
            keras.config.dtype_policy().name, keras.config.floatx(), cv2.getNumThreads(),
            tensorflow.config.threading.get_inter_op_parallelism_threads(), sys.path[:])

before = settings()
for name in sys.argv[1:]:
    import_module(name)
    after = settings()
    print(*[name] * (before != after))
    before = after
"""


def test_importing_a_module_changes_no_setting():
    names = [
        ".".join(["lungseg_utils", *name.removesuffix(".py").split("/")]).removesuffix(".__init__")
        for name in PATHS
        if name != "__main__.py"
    ]
    ran = subprocess.run(
        [sys.executable, "-c", CHANGED, *names], capture_output=True, text=True, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.split() == []


def test_no_option_is_passed_through_the_environment():
    """But for those that TensorFlow and ONNX Runtime take from nowhere else."""
    written = re.compile(r"os\.environ(?:\[[^]]*\]\s*=[^=]|\.(?:update|setdefault)\(|\s*\|=)")
    found = {name for name, text in SOURCES.items() if written.search(text)}
    assert found == {"start.py", "app/networks.py"}
    assert "for name, value in TENSORFLOW" in SOURCES["start.py"]
    assert written.findall(SOURCES["app/networks.py"]) == ["os.environ.setdefault("]
    assert 'os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")' in SOURCES["app/networks.py"]


@pytest.mark.parametrize("word", ["room", "hall", "house", "door"])
def test_no_text_calls_the_course_a_house(word):
    pattern = re.compile(rf"\b{word}s?\b(?! \d|, or name| in the| before| to do)", re.I)
    pages = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        pages[path.name] = "\n".join("".join(cell["source"]) for cell in cells)
    texts = {**SOURCES, **pages}
    taken = {"phantom/acquisition.py", "start.py", "app/doctor.py"}  # room on the film, on the disk
    found = {name for name, text in texts.items() if pattern.search(text)} - taken
    if word == "room":
        found -= {"TEACHING.md"}  # where a class sits
    assert found == set()


def test_the_readme_and_the_package_show_the_map():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "\n".join(package_map.readme_rows())
    hint = "run: python -m tools.notebooks head"
    assert f"{package_map.HEADER}\n|---|---|---|---|\n{table}\n\n" in readme, hint
    assert SOURCES["__init__.py"].startswith(package_map.docstring()), hint
    assert lungseg_utils.__version__


def test_the_map_shows_everything():
    shown = {name.rstrip("/") for name in package_map.MODULES}
    there = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - shown == {"__init__.py", "__main__.py", "data", "weights"} | (
        there & {"__pycache__"}
    )
    notebooks = [row.notebook for row in package_map.rows() if row.notebook]
    assert notebooks == sorted(notebooks) and set(notebooks) == {f"{n:02d}" for n in range(10)}


def test_the_course_is_small():
    assert package_map.course_lines() <= 3150
    assert all(row.lines <= 260 for row in package_map.rows() if row.name.endswith(".py"))
    exercises = sum(len(text.splitlines()) for name, text in SOURCES.items()
                    if name.startswith(JUDGES))  # fmt: skip
    assert sum(len(text.splitlines()) for text in SOURCES.values()) - exercises < 9_770


def length(node):
    return node.end_lineno - node.lineno + 1


def test_functions_are_short():
    assert {name: n for name, node in FUNCTIONS.items() if (n := length(node)) > 40} == {}
    assert median(map(length, FUNCTIONS.values())) <= 10


@each_module
def test_modules_are_small_and_say_what_they_are(name):
    if name != TABLE and not name.startswith(JUDGES):
        assert len(SOURCES[name].splitlines()) <= 280
    assert ast.get_docstring(TREES[name])


@each_module
def test_public_functions_have_hints_and_a_docstring(name):
    if name.startswith(JUDGES) and name not in (f"{JUDGES}core.py", f"{JUDGES}__init__.py"):
        return  # the judges of exercises are asked about through the objective they test
    for node in TREES[name].body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            assert node.returns is not None, node.name


FILED = ("tests", "tests/museum", "tests/phantom", "tests/teaching", "tests/app")


def test_the_tests_follow_the_map():
    """A module of the course has a test file of its name; a folder has a folder."""
    for row in package_map.rows():
        name = row.name.rstrip("/")
        if row.name.endswith("/"):
            assert list((ROOT / "tests" / name).glob("test_*.py")), name
        else:
            assert (ROOT / "tests" / f"test_{name}").exists(), name
    assert all((ROOT / folder).is_dir() for folder in FILED)


@pytest.mark.parametrize("folder", ["tools", "benchmarks"])
def test_each_program_is_in_the_table_of_its_folder(folder):
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    programs = {path.name for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}
    named = set(re.findall(r"`(?:tools/)?(\w+\.py)`", text)) | set(
        re.findall(r"`(\w+\.py)[ `]", text)
    )
    assert programs <= named
    assert named <= programs | {path.name for path in ROOT.rglob("tools/*.py")} | {"course.py"}

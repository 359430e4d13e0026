"""Mutation testing: small faults put into the package one at a time, and whether a test sees them.

    python -m tools.mutants                     all modules, and the coverage of lines and branches
    python -m tools.mutants MODULE ...          metrics, app/batch, ...: what no test has seen yet

mutmut makes the mutants, finds out which tests run which function, and runs those in two processes;
all of it in a copy below outputs/mutants, where it goes on when it was stopped. The result is
benchmarks/mutants.json. Mutants that change nothing are listed in tools/equivalent_mutants.json,
those not worth a test in tools/surviving_mutants.json, by function and changed line, each with
the reason. Of the modules in SAMPLED, a sample is tried.

mutmut and not cosmic-ray: it starts from a process that has imported everything, where TensorFlow
takes seconds, and one mutant takes half a second; it removes arguments and changes texts, as a
careless edit would, and does not try each operator against eleven others. It forks, which Windows
does not.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks.facts import facts
from tools.installation import OUTPUTS, ROOT

COPY = OUTPUTS / "mutants"
META = COPY / "mutants" / "lungseg_utils"
STATS = COPY / "mutants" / "mutmut-stats.json"
PACKAGE = ROOT / "lungseg_utils"
KILLERS = "killers.tsv"  # beside the statistics
RESULT = ROOT / "benchmarks" / "mutants.json"
EQUIVALENT = ROOT / "tools" / "equivalent_mutants.json"
LEFT = ROOT / "tools" / "surviving_mutants.json"
SAMPLED, SAMPLE, SEED = ("museum", "phantom", "teaching"), 300, 0
# what the exercises and their answers do is tested against each other, not mutated
NOT_MUTATED = ("__init__", "__main__", "teaching/exercises")
FIRST = "lungseg_utils.overlay.x_to_grey_picture__mutmut_1"  # any one that is tested quickly
PATIENCE = 20.0  # seconds: no test of a mutant begins later, the quickest go first
HANGS = 40  # seconds, after which a mutant is stopped, and counts as seen
TESTS = ("tests/museum", "tests/phantom", "tests/teaching", "tests/app")  # beside tests/test_*.py
# these read the sources, which mutmut has rewritten, or start programs, which it does not follow
LEFT_OUT = (
    "tests/museum/test_run.py",
    "tests/teaching/test_widgets.py::test_receptive_field_starts_with_the_course_s_depth",
)
SEEN = {"killed", "timeout", "segfault", "suspicious"}  # by a test, or by a test that never ends
PYTEST_FAILED = (3, 255)  # by itself, or before any test
SETTINGS = """
[tool.mutmut]
source_paths = ["lungseg_utils"]
only_mutate = {modules}
also_copy = ["conftest.py", "tools", "benchmarks", "notebooks", "images", "course.py",
  "README.md", "USING.md", "MODEL_CARD.md", "TEACHING.md", "CONTRIBUTING.md", "lungseg_utils"]
pytest_add_cli_args = ["-p", "tools.mutants", "-p", "no:cacheprovider", "-m", "not real"{left_out}]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
timeout_multiplier = 100.0
use_git_change_detection = false
"""


def all_modules() -> list[str]:
    """The modules of the package that are mutated, as paths without .py."""
    names = (path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(name for name in names if not name.endswith(NOT_MUTATED[:2])
                  and not name.startswith(NOT_MUTATED[2]))  # fmt: skip


def copy_tree() -> list[str]:
    """Bring the copy to today's files, and leave what mutmut knows of the others; what changed."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    changed = []
    for name in listed:
        source, target = ROOT / name, COPY / name
        if source.exists() and not (target.exists() and same(source, target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            changed.append(name)
    tests = [f"tests/{path.name}" for path in sorted((ROOT / "tests").glob("test_*.py"))]
    settings = SETTINGS.format(
        modules=json.dumps([f"lungseg_utils/{module}.py" for module in all_modules()]),
        tests=json.dumps([*tests, *TESTS]),
        left_out="".join(f', "--deselect={test}"' for test in LEFT_OUT),
    )
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (COPY / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    if STATS.exists():  # which functions a changed test runs is found out anew
        stats = json.loads(STATS.read_text(encoding="utf-8"))
        known = stats["duration_by_test"]
        stats["duration_by_test"] = {
            test: seconds for test, seconds in known.items() if test.split("::")[0] not in changed
        }
        STATS.write_text(json.dumps(stats), encoding="utf-8")
    return changed


def same(one: Path, other: Path) -> bool:
    """Whether two files are of one size and time."""
    a, b = one.stat(), other.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def mutmut(*names: str) -> None:
    """Have mutmut try the mutants of these names."""
    settings = {
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        # pytest would look five times for garbage in all of TensorFlow, which takes half the time
        "PYTEST_ADDOPTS": "-p no:unraisableexception",
    }
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "2", *names]
    subprocess.run(command, cwd=COPY, env={**os.environ, **settings}, check=True)


def statuses(module: str) -> dict[str, str]:
    """What is known of each mutant of a module."""
    from mutmut.stats import status_by_exit_code

    meta = json.loads((META / f"{module}.py.meta").read_text(encoding="utf-8"))
    return {
        name: "not checked" if code in PYTEST_FAILED else status_by_exit_code[code]
        for name, code in meta["exit_code_by_key"].items()
    }


def chosen_mutants(modules: list[str]) -> dict[str, list[str]]:
    """By module, the names of the mutants that are tried: all, or what the sample has of them."""
    found = {module: sorted(statuses(module)) for module in all_modules()}
    sampled = [name for module in found if module.startswith(SAMPLED) for name in found[module]]
    sample = set(random.Random(SEED).sample(sampled, SAMPLE))
    return {
        module: [name for name in found[module] if name in sample or not module.startswith(SAMPLED)]
        for module in modules
    }


def changed_line(module: str, mutant: str) -> str:
    """The line that a mutant has in the place of the package's."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(mutant, path=f"lungseg_utils/{module}.py").splitlines()
    return " / ".join(line[1:].strip() for line in lines if re.match(r"\+(?!\+\+)", line))


def place_of(module: str, mutant: str) -> tuple[str, str]:
    """The function and the line that a mutant changes."""
    function = mutant.rsplit("__mutmut_", 1)[0].rsplit(".", 1)[1].removeprefix("x_")
    return function, changed_line(module, mutant)


def result_of(
    module: str, mutants: list[str], equivalent: dict[str, str], left: dict[str, str]
) -> dict:
    """Counts of a module's mutants, and its survivors with their lines and the reasons."""
    known = statuses(module)
    counts, survivors, reasons = Counter(), {}, {}
    for mutant in mutants:
        status = known[mutant]
        if status in SEEN:
            counts["killed"] += 1
            counts["of these by a hang"] += status != "killed"
            continue
        function, line = place_of(module, mutant)
        key = f"{module}: {function}: {line}"
        if reason := equivalent.get(key):
            counts["equivalent"] += 1
            reasons[f"{function}: {line}"] = reason
        elif status == "not checked":
            counts[status] += 1
        else:
            counts["survived"] += 1
            survivors[f"{function}: {line}"] = left.get(key, "")
    decided = counts["killed"] + counts["survived"]
    score = {"score": round(counts["killed"] / decided, 4)} if decided else {}
    return {**counts, **score, "survivors": survivors, "equivalents": reasons}


def coverage() -> dict[str, dict]:
    """By module, the share of its lines and of its branches that the tests run."""
    tests = [path.as_posix() for path in sorted(COPY.glob("tests/test_*.py"))]
    run = ["run", "--branch", "--source=lungseg_utils", "-m", "pytest", "-q", "-m", "not real"]
    for arguments in ([*run, *tests, *TESTS], ["json", "-q"]):
        subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=COPY, check=True)
    files = json.loads((COPY / "coverage.json").read_text(encoding="utf-8"))["files"]
    found = {}
    for path, file in files.items():
        counts = file["summary"]
        module = path.removeprefix("lungseg_utils/").removesuffix(".py")
        found[module] = {
            "lines": share(counts["covered_lines"], counts["num_statements"]),
            "branches": share(counts["covered_branches"], counts["num_branches"]),
        }
    return found


def share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def total(found: dict[str, dict]) -> float | None:
    """The share of killed mutants in modules together; None where none was tried."""
    killed, survived = (sum(one.get(key, 0) for one in found.values())
                        for key in ("killed", "survived"))  # fmt: skip
    return share(killed, killed + survived) if killed + survived else None


def main(modules: list[str]) -> None:
    """Run the mutants of some modules, or of all, and write what came of them."""
    if not hasattr(signal, "alarm"):
        sys.exit("mutmut forks, which Windows does not: run this on Linux or macOS.")
    chosen = modules or all_modules()
    known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    COPY.mkdir(parents=True, exist_ok=True)
    changed = copy_tree()
    covered = known.get("coverage", {}) if modules else coverage()
    if changed or not STATS.exists():
        mutmut(FIRST)  # makes all mutants, and finds their tests
    mutants = chosen_mutants(chosen)
    equivalent, left = (json.loads(path.read_text(encoding="utf-8")) for path in (EQUIVALENT, LEFT))
    os.chdir(COPY)  # from where mutmut reads
    unseen = [name for module in chosen for name in mutants[module]
              if statuses(module)[name] not in SEEN
              and ": ".join((module, *place_of(module, name))) not in equivalent]  # fmt: skip
    if unseen:
        mutmut(*unseen)
    found = {name: result_of(name, mutants[name], equivalent, left) for name in chosen}
    found = dict(sorted((known.get("modules", {}) | found).items()))
    sampled = {name for name in found if name.startswith(SAMPLED)}
    content = {
        "score": total({name: one for name, one in found.items() if name not in sampled}),
        "score of the sample": total({name: found[name] for name in sampled}),
        "modules": found,
        "coverage": covered,
        **facts(),
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for name in chosen:
        print(name, {key: value for key, value in found[name].items() if not key.endswith("s")})


def is_mutated() -> bool:
    """Whether a mutant is active in this process."""
    return "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", "")


def pytest_sessionstart(session) -> None:
    session.began = time.monotonic()
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":  # in this process, not in its children
        del os.environ["MUTANT_UNDER_TEST"]
        from mutmut.state import state

        plugin = SharedFixtures(state()._stats, state().duration_by_test)
        session.config.pluginmanager.register(plugin)
    if is_mutated():
        signal.alarm(HANGS)


class SharedFixtures:
    """What a fixture runs, and takes, counts for each test that asks for it, not the first alone.

    `ran` has the functions that were run since the last test, `seconds` how long tests take.
    """

    def __init__(self, ran: set[str], seconds: dict[str, float]):
        self.ran, self.seconds, self.made = ran, seconds, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        before, began = set(self.ran), time.monotonic()
        self.ran.clear()
        made = yield
        self.made[fixturedef] = set(self.ran), time.monotonic() - began
        self.ran.update(before)
        return made

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item):
        for name in item.fixturenames:
            for fixturedef in item._fixtureinfo.name2fixturedefs.get(name, ()):
                ran, seconds = self.made.get(fixturedef, ((), 0))
                self.ran.update(ran)
                self.seconds[item.nodeid] += seconds


def pytest_collection_modifyitems(items) -> None:
    """The tests of the mutant's module first, then file by file, the quickest first."""
    if not Path(STATS.name).exists():
        return
    # mutmut runs the tests in the folder of its statistics
    seconds = json.loads(Path(STATS.name).read_text(encoding="utf-8"))["duration_by_test"]
    # of lungseg_utils.app.table: tests in test_app and test_table
    parts = os.environ["MUTANT_UNDER_TEST"].split(".")[1:-1] if is_mutated() else []
    own = {f"test_{part}" for part in parts}
    files = defaultdict(list)
    for item in items:
        files[item.path].append(seconds.get(item.nodeid, 0))
    items.sort(
        key=lambda item: (
            item.path.stem not in own,
            sum(files[item.path]) / len(files[item.path]),
            item.path,
            seconds.get(item.nodeid, 0),
        )
    )


def pytest_runtest_logreport(report) -> None:
    """Keep which test saw a mutant first, to find the tests that never see one; or fails anyway."""
    mutant = os.environ.get("MUTANT_UNDER_TEST")
    if report.failed and mutant is not None:
        with open(KILLERS, "a", encoding="utf-8") as file:
            file.write(f"{mutant or 'none'}\t{report.nodeid}\n")


def pytest_runtest_protocol(item) -> bool | None:
    late = time.monotonic() - item.session.began > PATIENCE
    return True if late and is_mutated() else None


if __name__ == "__main__":
    main(sys.argv[1:])

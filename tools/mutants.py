"""Mutation testing: small faults put into the package one at a time, and whether a test sees them.

    python -m tools.mutants [MODULE ...]        metrics, app/batch, ...; without any: all

mutmut makes the mutants, finds out which tests run which function, and runs those in two processes;
all of it in a copy below outputs/mutants, where it goes on when it was stopped. The result is
benchmarks/mutants.json. Mutants that change nothing are listed in tools/equivalent_mutants.json,
by function and changed line, each with the reason.

mutmut and not cosmic-ray: it starts from a process that has imported everything, where TensorFlow
takes seconds, and one mutant takes half a second; it removes arguments and changes texts, as a
careless edit would, and does not try each operator against eleven others.
"""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.facts import facts
from tools.installation import OUTPUTS, ROOT
from tools.map import MODULES

COPY = OUTPUTS / "mutants"
RESULT = ROOT / "benchmarks" / "mutants.json"
EQUIVALENT = ROOT / "tools" / "equivalent_mutants.json"
TESTS = ("tests/museum", "tests/phantom", "tests/teaching", "tests/app")  # beside tests/test_*.py
# these read the sources, which mutmut has rewritten
LEFT_OUT = ("tests/museum/test_run.py",)
SEEN = {"killed", "timeout", "segfault", "suspicious"}  # by a test, or by a test that never ends
SETTINGS = """
[tool.mutmut]
source_paths = ["lungseg_utils"]
only_mutate = {modules}
also_copy = ["conftest.py", "tools", "benchmarks", "notebooks", "course.py", "lungseg_utils"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not real"{left_out}]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
mutate_only_covered_lines = true
use_git_change_detection = false
"""


def all_modules() -> list[str]:
    """The course's modules and the app's, as paths below lungseg_utils without .py."""
    package = ROOT / "lungseg_utils"
    folders = [package / name for name in ("museum", "app")]
    found = [name.removesuffix(".py") for name in MODULES if name.endswith(".py")]
    for folder in folders:
        paths = (path for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py")
        found += [path.relative_to(package).with_suffix("").as_posix() for path in paths]
    return found


def copy_tree(modules: list[str]) -> None:
    """Bring the copy to today's files, and leave what mutmut knows of them."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in listed:
        source, target = ROOT / name, COPY / name
        if source.exists() and not (target.exists() and same(source, target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    tests = [f"tests/{path.name}" for path in sorted((ROOT / "tests").glob("test_*.py"))]
    settings = SETTINGS.format(
        modules=json.dumps([f"lungseg_utils/{module}.py" for module in modules]),
        tests=json.dumps([*tests, *TESTS]),
        left_out="".join(f', "--ignore={name}"' for name in LEFT_OUT),
    )
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (COPY / "pyproject.toml").write_text(project + settings, encoding="utf-8")


def same(one: Path, other: Path) -> bool:
    """Whether two files are of one size and time."""
    a, b = one.stat(), other.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def mutmut(*arguments: str) -> str:
    """Run mutmut in the copy; what it prints."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    ran = subprocess.run(command, cwd=COPY, stdout=subprocess.PIPE, text=True, check=False)
    return ran.stdout


def changed_line(mutant: str) -> str:
    """The line that a mutant has in the place of the package's."""
    lines = mutmut("show", mutant).splitlines()
    added = [line[1:].strip() for line in lines if re.match(r"\+(?!\+\+)", line)]
    return " / ".join(added)


def result_of(module: str, equivalent: dict[str, str]) -> dict:
    """Counts of a module's mutants, and its survivors with their lines."""
    from mutmut.stats import status_by_exit_code

    path = COPY / "mutants" / "lungseg_utils" / f"{module}.py.meta"
    codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    counts, survivors, reasons = Counter(), defaultdict(list), {}
    for mutant, code in codes.items():
        status = status_by_exit_code[code]
        if status in SEEN or status == "not checked":
            counts["killed" if status in SEEN else "not checked"] += 1
            continue
        function = mutant.rsplit("__mutmut_", 1)[0].rsplit(".", 1)[1].removeprefix("x_")
        line = changed_line(mutant)
        if (key := f"{module}: {function}: {line}") in equivalent:
            counts["equivalent"] += 1
            reasons[f"{function}: {line}"] = equivalent[key]
        else:
            counts["survived"] += 1
            survivors[function].append(line)
    decided = counts["killed"] + counts["survived"]
    score = {"score": round(counts["killed"] / decided, 4)} if decided else {}
    return {**counts, **score, "survivors": dict(survivors), "equivalents": reasons}


def main(modules: list[str]) -> None:
    """Run the mutants of some modules, or of all, and write what came of them."""
    chosen = modules or all_modules()
    COPY.mkdir(parents=True, exist_ok=True)
    copy_tree(chosen)
    subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", "2"], cwd=COPY, check=False
    )
    known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    equivalent = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    found = known.get("modules", {}) | {name: result_of(name, equivalent) for name in chosen}
    killed, survived = (sum(one.get(key, 0) for one in found.values())
                        for key in ("killed", "survived"))  # fmt: skip
    content = {"score": round(killed / (killed + survived), 4), "modules": found, **facts()}
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for name in chosen:
        print(name, {key: value for key, value in found[name].items() if not key.endswith("s")})


if __name__ == "__main__":
    main(sys.argv[1:])

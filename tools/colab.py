"""The course as on Colab, as near as can be had: python3 course.py test --colab

An environment holds what Colab has, in Colab's versions. Each notebook gets a machine of its own:
an empty home, a folder with nothing but the notebook in it, a module google.colab. The package is
a wheel that brings none of what Colab has. Then a machine is lost in the middle of a training.
"""

import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat

from tools import notebooks
from tools.installation import OUTPUTS, Stop, spell
from tools.machines import Machine, different_ends, lose_and_resume, said
from tools.versions import CONSTRAINTS, Versions, copy_sources, run

NEEDED = (
    "distributed",  # notebook 09
    "ipywidgets", "keras", "matplotlib", "numpy", "opencv-python", "packaging", "pandas", "pillow",
    "pooch", "requests", "scikit-learn", "scipy", "tensorflow", "tqdm",  # as in pyproject.toml
    "ipykernel", "ipython", "opencv-python-headless", "pip", "setuptools", "wheel",
)  # fmt: skip
COLAB = Versions("colab", CONSTRAINTS / "colab.txt", ("--only-binary=:all:", *NEEDED))
OURS = "lungseg-utils", *(one.partition("==")[0] for one in notebooks.BROUGHT)
TRAINING = notebooks.NOTEBOOKS / "04_training_on_a_gpu.ipynb"


def demand(condition: bool, fault: str) -> None:
    if not condition:
        raise Stop(fault)


def installed() -> list[str]:
    """What pip says is in Colab's environment, a line a package."""
    return COLAB.pip("freeze", "--all").splitlines()


def only_ours(before: list[str]) -> None:
    """Nothing that Colab has was replaced, and nothing was added but the package and `BROUGHT`."""
    change = sorted(set(installed()) ^ set(before))
    names = [re.split("[ =]", line)[0] for line in change]
    said = ", ".join(change) or "none was added"
    demand(names == sorted(OURS), f"Colab's packages were changed: {said}")


def wheel_lacks(wheel: Path, sources: Path) -> list[str]:
    """Files of the package that are not in its wheel: weights, data, pages, modules."""
    files = (path for path in (sources / "lungseg_utils").rglob("*") if path.is_file())
    names = {path.relative_to(sources).as_posix() for path in files}
    with zipfile.ZipFile(wheel) as packed:
        return sorted(names.difference(packed.namelist()))


def build_settings() -> dict[str, str]:
    """Settings of a pip that builds the package and may fetch nothing but what it builds with."""
    folder = COLAB.folder / "build"
    wanted = "setuptools>=77", *notebooks.BROUGHT
    COLAB.pip("download", "--no-deps", "--only-binary=:all:", "-d", str(folder), *wanted)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def git_settings(sources: Path) -> dict[str, str]:
    """Have git clone that folder wherever it is asked for the course's repository.

    Raises: Stop if git could not make a repository of it.
    """
    who = {"NAME": "course", "EMAIL": "course@localhost"}
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
             for key, value in who.items()}  # fmt: skip
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "The working tree"]):
        made = run("git", *command, cwd=sources, env=os.environ | names)
        demand(made.returncode == 0, f"git {command[0]} failed: {made.stdout.strip()}")
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{sources.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": notebooks.repository(),
    }


def prove_first_cell(folder: Path, sources: Path) -> None:
    """Run a notebook's first cell where the package is missing: it installs it and goes on."""
    if shutil.which("git") is None:
        print("first cell: not proven, since git is not installed here", flush=True)
        return
    before, page = installed(), nbformat.v4.new_notebook()
    first = notebooks.bootstrap(notebooks.repository())
    page.cells = [nbformat.v4.new_code_cell(text) for text in (first, "print(start.__file__)")]
    settings = build_settings() | git_settings(sources)
    fault = Machine(folder / "first", COLAB.python).execute(page, **settings)
    demand(not fault, f"the first cell failed: {fault}")
    printed = said(page)
    whole = "Size of run: ci" in printed and str(COLAB.folder) in printed
    demand(whole, f"the first cell printed {printed}")
    only_ours(before)
    COLAB.pip("uninstall", "-y", *OURS)
    print("first cell: it installs the package and goes on", flush=True)


def install_wheel(folder: Path, sources: Path) -> None:
    """Build the wheel, see that it is whole, install it alone, and see that nothing is missing."""
    before, target = installed(), folder / "wheel"
    COLAB.pip("wheel", "--no-deps", "-w", str(target), str(sources), **build_settings())
    wheel = next(target.glob("*.whl"))
    lacking = wheel_lacks(wheel, sources)
    demand(not lacking, f"the wheel lacks {', '.join(lacking)}")
    COLAB.pip("install", "--no-deps", str(wheel), *notebooks.BROUGHT, **build_settings())
    only_ours(before)
    COLAB.pip("check")
    print(f"wheel: {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB, whole", flush=True)


def keep(page: nbformat.NotebookNode, name: str) -> None:
    """Leave an executed notebook in outputs/colab, where it can be looked at."""
    (OUTPUTS / "colab").mkdir(parents=True, exist_ok=True)
    nbformat.write(page, OUTPUTS / "colab" / f"{name}.ipynb")


def alone(path: Path, folder: Path) -> str:
    """Run a notebook on a machine of its own; one line on what failed, or nothing."""
    machine, page = Machine(folder / path.stem, COLAB.python), nbformat.read(path, as_version=4)
    shutil.copy(path, machine.content)
    fault = machine.execute(page)
    keep(page, path.stem)
    if not fault and "drive.mount" not in said(page):
        return "it does not say how trainings are kept"
    return fault


def lost(folder: Path) -> str:
    """Lose a machine and go on on another; one line on what failed, or nothing."""
    page, fault = lose_and_resume(TRAINING, folder, COLAB.python)
    keep(page, f"{TRAINING.stem}-resumed")
    return fault


def timed(name: str, job: Callable[[], str]) -> str:
    """Do a job and print how it went; one line on what failed, or nothing."""
    began = time.monotonic()
    fault = job()
    verdict = f"failed: {fault}" if fault else f"passed in {spell(time.monotonic() - began)}"
    print(f"{name}: {verdict}", flush=True)
    return fault


def run_all(folder: Path) -> int:
    """All notebooks and the lost machine, two at a time, long ones first; 1 if one failed."""
    paths = sorted(notebooks.paths(), key=lambda path: path != TRAINING)
    jobs = {f"{TRAINING.stem}, its machine lost": partial(lost, folder)}
    jobs |= {path.stem: partial(alone, path, folder) for path in paths}
    with ThreadPoolExecutor(2) as pool:
        faults = list(pool.map(timed, jobs, jobs.values()))
    if not any(faults):
        ends = partial(different_ends, folder / TRAINING.stem, folder / "resumed")
        faults.append(timed("the same network in the end", ends))
    return int(any(faults))


def main() -> int:
    """Prove the first cell and the wheel, run everything; returns the exit code."""
    began = time.monotonic()
    COLAB.make()
    COLAB.pip("uninstall", "-y", *OURS)  # left by a run that was stopped
    with tempfile.TemporaryDirectory(prefix="colab-") as name:
        folder = Path(name).resolve()
        sources = copy_sources(folder / "sources")
        prove_first_cell(folder, sources)
        install_wheel(folder, sources)
        failed = run_all(folder)
        COLAB.pip("uninstall", "-y", *OURS)
    if failed:
        print(f"the executed notebooks, with their errors, are in {OUTPUTS / 'colab'}")
    print(f"colab: {'failed' if failed else 'passed'} in {spell(time.monotonic() - began)}")
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as stop:
        sys.exit(f"{stop}.")
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command starts again.")

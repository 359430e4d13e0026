#!/usr/bin/env python3
"""The course on a bare machine: sets itself up in .venv, then runs, tests or opens the notebooks.

Needs nothing but Python 3.10 to 3.13. What stands above the version check can also be read by
older Pythons, so that they can say what is wrong.
"""

import argparse
import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST, NEWEST = (3, 10), (3, 13)
ABOUT = "Learn to segment the lungs in chest X-rays with a U-Net, in notebooks that run anywhere."
HELP = """\
commands:
  run    run every notebook from top to bottom, then print the scores (11 minutes
         on an AMD EPYC with bfloat16, 15 minutes on an Intel Xeon at 2.50 GHz without (and
         without 09))
  test   run the tests, then every notebook on a few small images, on sets of other layouts,
         in a browser where Chromium is installed, and the site where Node.js is, too (about
         half an hour)
  lab    open the notebooks in JupyterLab, at notebooks/00_start_here.ipynb

The first command also makes .venv and installs the course in it: 1 to 5 minutes and 3 GB.
Everything made later goes to outputs/, or to the folder that LUNGSEG_HOME names. To start
afresh, delete .venv and outputs.

examples:
  python3 course.py run
  LUNGSEG_DATA=~/my-xrays python3 course.py run    your own X-rays, with masks
  LUNGSEG_SCALE=ci python3 course.py run           a quick look; laptop is usual, gpu is thorough

for maintainers:
  store          run the notebooks on the simulated set and store them with their outputs
  site           build the book and the lung finder, which runs in a browser alone, in
                 outputs/site; needs Node.js 20 or newer
  test --colab   run every notebook with Colab's versions, each alone in an empty folder
"""


def newest_python() -> str:
    """Name of the newest supported Python that works on the PATH, or nothing: 'python3.12'."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        if shutil.which(name) and subprocess.call([name, "-c", "import venv"], **quiet) == 0:
            return name
    return ""


def python_fault(version: tuple) -> str:
    """One sentence on why the course cannot run on this Python, or nothing if it can."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return ""
    fault = "old" if tuple(version[:2]) < OLDEST else "new"
    name = newest_python()
    remedy = f"run it as: {name} course.py" if name else "install Python 3.12 and run it with that"
    return (
        f"Python {version[0]}.{version[1]} is too {fault} for the course, "
        f"which needs 3.10 to 3.13; {remedy}"
    )


if __name__ == "__main__" and python_fault(sys.version_info):
    sys.exit(python_fault(sys.version_info))

from tools import installation, node, scores  # noqa: E402
from tools.installation import (  # noqa: E402
    OUTPUTS,
    PYTHON,
    ROOT,
    Stop,
    environment,
    folder_of,
    setting,
)


def call(*arguments: str, env: dict[str, str]) -> int:
    """Run .venv's Python to its end and return its exit code; Ctrl-C ends it first."""
    process = subprocess.Popen([str(PYTHON), *arguments], cwd=ROOT, env=env)
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(10)  # it had the Ctrl-C too, and tidies up
        except subprocess.TimeoutExpired:
            process.terminate()
        raise


def reader_environment() -> dict[str, str]:
    """The environment with the reader's own settings, their folders made full paths: notebooks run
    in another folder than this command.
    """
    env = environment(folder_of("LUNGSEG_HOME") or OUTPUTS)
    env.pop("LUNGSEG_DATA", None)
    data, scale = folder_of("LUNGSEG_DATA"), setting("LUNGSEG_SCALE").lower()
    if data and not data.is_dir():
        raise Stop(f"LUNGSEG_DATA names {data}, which is not a folder; correct or unset it")
    if scale not in ("", "ci", "laptop", "gpu"):
        raise Stop(f'LUNGSEG_SCALE is "{scale}"; set it to ci, laptop or gpu')
    return {**env, "LUNGSEG_SCALE": scale, **({"LUNGSEG_DATA": str(data)} if data else {})}


def run() -> int:
    """Run every notebook; print the scores that the last one leaves."""
    env = reader_environment()
    env["LUNGSEG_SCALE"] = env["LUNGSEG_SCALE"] or "laptop"
    installation.set_up()
    results = Path(env["LUNGSEG_HOME"], "results.json")
    results.unlink(missing_ok=True)  # what is printed below comes from this run
    failed = call("-m", "tools.notebooks", "run", env=env)
    if not failed and results.exists():
        print(
            "\n".join(
                f"  {line}"
                for line in scores.headlines(json.loads(results.read_text(encoding="utf-8")))
            )
        )
    return failed


def simulated_environment(scale: str, folder: str) -> dict[str, str]:
    """An environment that knows the simulated set alone, and keeps what it makes apart."""
    env = {**environment(OUTPUTS / folder), "LUNGSEG_SCALE": scale}
    env.pop("LUNGSEG_DATA", None)
    return env


# what is tested, shared between two workers so that a notebook stays with one of them
APART = {name: Path("tests", name) for name in ("sets", "browser", "site")}
STAGES = {
    "tests": ("--dist", "loadfile", "-rs", "tests", *(f"--ignore={one}" for one in APART.values())),
    "notebooks": ("--dist", "loadfile", "--nbval-lax", "notebooks"),
    **{name: ("--dist", "loadscope", "-rs", str(folder)) for name, folder in APART.items()},
}


def test() -> int:
    """Run the tests, the notebooks at the smallest size, those on sets of other layouts, both in a
    browser, and the site, on simulated X-rays alone.
    """
    installation.set_up()
    env = simulated_environment("ci", "ci")
    verdicts = []
    for name, options in STAGES.items():
        start = time.monotonic()
        try:
            if name == "site" and site():
                verdicts.append(("site: could not be built", 1))
                continue
        except Stop as stop:
            verdicts.append((f"site: left out. {stop}", 0))
            continue
        failed = call("-m", "pytest", "-q", "-n", "2", *options, env=env)
        took = installation.spell(time.monotonic() - start)
        verdicts.append((f"{name}: {'failed' if failed else 'passed'} in {took}", failed))
    print("\n".join(text for text, _ in verdicts))
    return int(any(failed for _, failed in verdicts))


def site() -> int:
    """Build the book and the lung finder, in outputs/site."""
    node.set_up()
    installation.set_up()
    return call("-m", "tools.site", env=environment(OUTPUTS))


def test_colab() -> int:
    """Run every notebook as on Colab; tools/colab.py says how near that is."""
    installation.set_up()
    return call("-m", "tools.colab", env=simulated_environment("ci", "colab"))


def lab() -> int:
    """Open JupyterLab on the first notebook; Ctrl-C closes it."""
    env = reader_environment()
    installation.set_up()
    quiet = {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        }
    }
    overrides = installation.VENV / "share/jupyter/lab/settings/overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(quiet), encoding="utf-8")
    options = [
        f"--ServerApp.root_dir={ROOT}",
        "--ServerApp.answer_yes=True",
        "--log-level=WARN",
        "--ServerApp.use_redirect_file=False",  # in .venv, where some browsers may not read
        "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    with contextlib.suppress(KeyboardInterrupt):
        return call("-m", "jupyterlab", *options, env=env)
    return 0


def store() -> int:
    """Run the notebooks on the simulated set, store them in place, and draw images/ anew."""
    installation.set_up()
    shutil.rmtree(OUTPUTS / "store", ignore_errors=True)  # times are those of a first run
    env = simulated_environment("laptop", "store")
    return call("-m", "tools.notebooks", "store", env=env) or call("-m", "tools.pictures", env=env)


def main(arguments: "list[str] | None" = None) -> int:
    """Carry out one command; return its exit code."""
    commands = {"run": run, "test": test, "lab": lab, "site": site, "store": store}
    reader = argparse.ArgumentParser(
        "course.py",
        description=ABOUT,
        epilog=HELP,
        usage="python3 course.py {run,test,lab}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("command", choices=commands, help=argparse.SUPPRESS)
    reader.add_argument("--colab", action="store_true", help=argparse.SUPPRESS)
    chosen = reader.parse_args(arguments)
    if chosen.colab and chosen.command != "test":
        reader.error("--colab goes with test alone")
    try:
        return test_colab() if chosen.colab else commands[chosen.command]()
    except KeyboardInterrupt:
        fault = "Stopped; the same command starts again"
    except Stop as stop:
        fault = str(stop)
    except OSError as error:
        fault = (
            installation.disk_full()
            if error.errno == errno.ENOSPC
            else (f"{error.strerror}: {error.filename}; the course must be able to write in {ROOT}")
        )
    print(f"\n{fault}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

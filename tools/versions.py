"""The course with other versions of the packages that it stands on.

python -m tools.versions oldest colab newest   the tests and the notebooks with each, in turn

`oldest` is the lower end of pyproject.toml's ranges, `colab` what Colab has, `newest` whatever
there is today. Each gets an environment of its own, .venv-NAME, made anew when its versions change.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.installation import OUTPUTS, ROOT, Stop, environment, last_line, pip_fault, spell

CONSTRAINTS = Path(__file__).parent / "constraints"
# taken where there is one that works
PYTHONS = {"oldest": "python3.10", "colab": "python3.13", "newest": "python3.13"}
SOURCES = (".gitattributes", ".gitignore", "LICENSE", "README.md", "pyproject.toml")
PARTS = {"tests": ["--ignore=tests/browser"], "notebooks": ["--nbval-lax"]}


@dataclass(frozen=True)
class Versions:
    """An environment .venv-NAME, with the packages of one row of the matrix."""

    name: str
    pins: Path | None  # a file of constraints
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-{self.name}"

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def make(self) -> None:
        """Install the packages, unless that was done with these pins."""
        stamp, base = self.folder / "versions-stamp.txt", base_python(self.name)
        content = b"".join(
            path.read_bytes() for path in (self.pins, ROOT / "pyproject.toml") if path
        )
        wanted = f"{hashlib.sha256(content).hexdigest()}\n{base}\n{' '.join(self.packages)}\n"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        print(f"Making {self.folder.name}: 1 to 5 minutes", flush=True)
        began = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        said = run(base, "-m", "venv", self.folder)
        if said.returncode:
            raise Stop(f"{base} could not make {self.folder}: {last_line(said.stdout)}")
        pins = ["-c", str(self.pins)] if self.pins else []
        self.pip("install", "--no-compile", *pins, *self.packages)
        # of two that bring cv2 the last one counts: the one that needs no graphics libraries
        self.pip("install", "--no-deps", "--force-reinstall", *pins, "opencv-python-headless")
        stamp.write_text(wanted, encoding="utf-8")
        print(f"Making {self.folder.name} took {spell(time.monotonic() - began)}", flush=True)

    def pip(self, *arguments: str, **settings: str) -> str:
        """Run this environment's pip; returns what it printed.

        Raises: Stop, with one sentence, where it fails.
        """
        quiet = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
        said = run(self.python, "-m", "pip", *arguments, env=environment() | quiet | settings)
        if said.returncode:
            raise Stop(f"{self.folder.name}: {pip_fault(said.stdout)}")
        return said.stdout


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    """Run a command to its end; stdout holds both streams."""
    return subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )


def copy_sources(folder: Path) -> Path:
    """Copy what a clone of the repository has of the package."""
    folder.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lungseg_utils", folder / "lungseg_utils", ignore=ignored)
    return folder


def base_python(name: str) -> str:
    """The Python to take for a row: the one that it names, where that works, or this one."""
    wanted = shutil.which(PYTHONS.get(name.split("-")[0], ""))
    if wanted and run(wanted, "-c", "import ensurepip, venv").returncode == 0:
        return wanted
    return getattr(sys, "_base_executable", None) or sys.executable


def test(name: str) -> int:
    """Run the tests and the notebooks with the versions of that row; 1 if something failed."""
    pins = CONSTRAINTS / f"{name}.txt"
    versions = Versions(
        f"tests-{name}" if name == "colab" else name,  # .venv-colab holds what Colab has, no more
        pins if pins.exists() else None,
        ("-e", f"{ROOT}[cluster,course,dicom,lab,test]"),
    )
    versions.make()
    env = environment(OUTPUTS / name) | {"LUNGSEG_SCALE": "ci"}
    env["PATH"] = f"{versions.python.parent}{os.pathsep}{env['PATH']}"
    env.pop("LUNGSEG_DATA", None)
    failed = 0
    for part, options in PARTS.items():
        began = time.monotonic()
        workers = ["-n", "2", "--dist", "loadfile"]
        command = [versions.python, "-m", "pytest", "-q", *workers, *options, part]
        code = subprocess.call(list(map(str, command)), cwd=ROOT, env=env)
        failed |= code != 0
        verdict = "failed" if code else "passed"
        print(f"{name}: {part} {verdict} in {spell(time.monotonic() - began)}", flush=True)
    return failed


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: python -m tools.versions NAME...")
    try:
        sys.exit(max([test(name) for name in sys.argv[1:]]))
    except Stop as stop:
        sys.exit(f"{stop}.")

"""What finding lungs takes, and no more: python -m tools.light

The package without its extras is installed in an environment of its own, .venv-light, whose size
is measured; then the commands that need no training are run there, where there is no TensorFlow.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from tools.installation import Stop, environment, last_line
from tools.versions import Versions, base_python, copy_sources, run

MOST_MB = 600
LIGHT = Versions("light", None, ())
COMMANDS = (
    ("phantom", "set", "--count", "12", "--size", "256"),
    ("check", "set"),
    ("predict", "set/CXR_png", "-o", "found"),
    ("evaluate", "set"),
    ("doctor",),
)


def install(sources: Path) -> None:
    """Make the environment anew, with the package of a folder and what it depends on."""
    shutil.rmtree(LIGHT.folder, ignore_errors=True)
    made = run(base_python(LIGHT.name), "-m", "venv", LIGHT.folder)
    if made.returncode:
        raise Stop(f"{LIGHT.folder.name} could not be made: {last_line(made.stdout)}")
    LIGHT.pip("install", "--no-compile", str(sources))


def megabytes(folder: Path) -> float:
    """What the files of a folder take."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def mend_opencv() -> None:
    """Where there are no graphics libraries, take the OpenCV that needs none."""
    if run(LIGHT.python, "-c", "import cv2").returncode:
        LIGHT.pip("uninstall", "-y", "opencv-python")
        LIGHT.pip("install", "--no-compile", "opencv-python-headless")


def main() -> None:
    """Install, measure, and run the commands in turn.

    Raises: Stop with a sentence where one fails, or the environment is too large.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(copy_sources(folder / "sources"))
        size = megabytes(LIGHT.folder)
        if size > MOST_MB:
            raise Stop(f"{LIGHT.folder.name} takes {size:.0f} MB, more than {MOST_MB}")
        mend_opencv()
        for words in COMMANDS:
            command = LIGHT.python, "-m", "lungseg_utils", *words
            said = run(*command, cwd=folder, env=environment(folder / "home"))
            if said.returncode:
                raise Stop(f"lungseg {' '.join(words)}: {last_line(said.stdout)}")
    print(
        f"{LIGHT.folder.name} takes {size:.0f} MB; in it run {', '.join(c for c, *_ in COMMANDS)}"
    )


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.exit(f"{stop}.")

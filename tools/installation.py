"""Makes .venv and installs the course in it, and says in one sentence why that failed."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP, LOG = VENV / "course-stamp.txt", VENV / "course-install.log"
OUTPUTS = ROOT / "outputs"
NEEDED_GB = 4


class Stop(Exception):
    """The end of the road, with one sentence for the reader: what is wrong and what to do."""


def spell(seconds: float) -> str:
    """A duration in words: '42 s', '3 min 05 s'."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Progress:
    """A line on what is going on and for how long.

    A terminal sees it rewritten in place; a file or a pipe sees a new line every 20 seconds.
    """

    def __init__(self) -> None:
        self.start = self.shown = time.monotonic()
        self.live = sys.stdout.isatty()

    def show(self, text: str) -> None:
        now = time.monotonic()
        line = f"{text}, {spell(now - self.start)}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + line[:width].ljust(width), end="", flush=True)
        elif now - self.shown >= 20:
            self.shown = now
            print(line, flush=True)

    def end(self, text: str) -> None:
        """Leave one last line in place of the others."""
        line = f"{text} in {spell(time.monotonic() - self.start)}"
        width = shutil.get_terminal_size().columns - 1
        print("\r" + line.ljust(width) if self.live else line, flush=True)


def setting(name: str) -> str:
    """A setting as `setting` of lungseg_utils.start reads it, which needs what .venv has."""
    return os.environ.get(name, "").strip(" \t\r\n\"'")


def folder_of(name: str) -> Path | None:
    """The folder that a setting names, relative to where the command was given, as `typed_path` of
    lungseg_utils.start finds it; None where it is unset.
    """
    if not (bare := setting(name)):
        return None
    typed = os.environ[name], bare, bare.replace("\\ ", " ").replace("\\", "/")
    places = [Path(os.path.abspath(os.path.expanduser(one))) for one in typed]
    folder = next((place for place in places if place.exists()), places[-1])
    if folder.is_file():
        raise Stop(f"{name} names {folder}, which is not a folder; correct or unset it")
    return folder


def environment(home: Path = OUTPUTS) -> dict[str, str]:
    """Environment of a child: the course's settings, and nothing of the reader's own set-ups."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH", "MPLBACKEND", "KERAS_BACKEND"}
    unwanted.add("PYTHONDONTWRITEBYTECODE")  # every start of TensorFlow would take 8 s longer
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    settings = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
        "KERAS_HOME": "keras",
        "MPLCONFIGDIR": "matplotlib",
    }
    own = {name: str(VENV / "settings" / folder) for name, folder in settings.items()}
    path = str(PYTHON.parent) + os.pathsep + os.environ.get("PATH", "")
    return {
        **kept,
        **own,
        "PATH": path,
        "PYTHONNOUSERSITE": "1",
        "LUNGSEG_HOME": str(home),
    }


def stamp() -> str:
    """What the installed packages follow from: pyproject.toml, the Python and the place."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{wanted}\nPython {sys.version_info[0]}.{sys.version_info[1]}\n{ROOT}\n"


def set_up() -> None:
    """Make .venv and install the course in it, unless that was done for this pyproject.toml."""
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp():
        return
    if shutil.disk_usage(ROOT).free < NEEDED_GB * 1e9:
        raise Stop(disk_full())
    if STAMP.exists() or not PYTHON.exists():  # a .venv without a stamp is the reader's own
        make_venv()
    pip("install", "pip>=21.3", what="Looking at pip")
    # compiling all modules would take half a minute; Python compiles those it imports
    course = ".[cluster,course,dicom,lab,test]"
    pip("install", "--no-compile", "-e", course, what="Installing the course in .venv")
    mend_opencv()
    (VENV / "settings").mkdir(exist_ok=True)
    STAMP.write_text(stamp(), encoding="utf-8")


def make_venv() -> None:
    print("Making .venv", flush=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    STAMP.write_text("unfinished\n", encoding="utf-8")
    base = getattr(sys, "_base_executable", None) or sys.executable  # .venv's own is gone by now
    made = subprocess.run(
        [base, "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Stop(venv_fault(made.stdout))


def venv_fault(output: str) -> str:
    """One sentence on why .venv could not be made, from what Python said."""
    if "No space left" in output:
        return disk_full()
    if "ensurepip" in output or "No module named" in output:
        name = Path(sys.executable).name
        package = name if name.startswith("python3") else "python3"
        return (
            "This Python comes without venv; run: sudo apt install "
            f"{package}-venv (Debian, Ubuntu), then the same command again"
        )
    return f"Python could not make {VENV} ({last_line(output)}); mend that and run it again"


def pip(*arguments: str, what: str) -> None:
    """Run pip in .venv and show how far it is; what it printed goes to LOG."""
    progress = Progress()
    settings = {**environment(), "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off", "PIP_USER": "0"}
    with LOG.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [str(PYTHON), "-m", "pip", *arguments],
            cwd=ROOT,
            env=settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            doing = re.findall(
                r"^ *(Collecting|Downloading|Installing) ([\w.-]*)",
                LOG.read_text(errors="replace", encoding="utf-8"),
                re.M,
            )
            progress.show(f"{what}: {' '.join(doing[-1]).lower()}" if doing else what)
            time.sleep(0.5)
    if process.returncode:
        raise Stop(pip_fault(LOG.read_text(errors="replace", encoding="utf-8")))
    progress.end(what)


def pip_fault(log: str, path: Path = LOG) -> str:
    """One sentence on why pip failed, from what it printed, which is in `path` too."""
    if "No space left" in log or "[Errno 28]" in log:
        return disk_full()
    if re.search(r"connection broken|Connection|timed out|name resolution|ProxyError|SSLE", log):
        return (
            "The packages could not be fetched from the network; connect to it (or set "
            "HTTPS_PROXY if it has a proxy), then run the same command again"
        )
    faults = [line for line in log.splitlines() if line.startswith("ERROR")] or [last_line(log)]
    return f"pip could not install it ({faults[0]}); the whole of what it said is in {path}"


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def disk_full() -> str:
    return (
        f"The disk is full: the course needs {NEEDED_GB} GB in {ROOT} and 1 GB in "
        f"{tempfile.gettempdir()}; free some space, then run the same command again"
    )


def opencv_fault() -> str:
    """What goes wrong when .venv imports OpenCV, or nothing."""
    tried = subprocess.run(
        [str(PYTHON), "-c", "import cv2"],
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.STDOUT,
        env=environment(),
        check=False,
    )
    return last_line(tried.stdout) if tried.returncode else ""


def mend_opencv() -> None:
    """Where OpenCV finds no graphics libraries, put the OpenCV that needs none in its place."""
    fault = opencv_fault()
    if not fault:
        return
    print(f"OpenCV does not start here ({fault}): taking opencv-python-headless instead")
    pip("uninstall", "-y", "opencv-python", "opencv-python-headless", what="Removing opencv-python")
    pip("install", "opencv-python-headless>=4.8", what="Installing opencv-python-headless")
    if opencv_fault():
        raise Stop(f"OpenCV does not start here ({opencv_fault()}); delete .venv and try again")

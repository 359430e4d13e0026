"""course.py on machines where something is missing, and what it says then."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from systems import posix, program

import course
from lungseg_utils import start
from tools import installation, notebooks, scores

ROOT = Path(course.__file__).parent
RESULTS = {
    "data": "simulated",
    "scale": "laptop",
    "test_images": 28,
    "test_patients": 27,
    "scores": {
        "dice": {"title": "Dice", "unit": "", "mean": 0.97312, "low": 0.969, "high": 0.976},
        "iou": {"title": "IoU", "unit": "", "mean": 0.948, "low": None, "high": None},
        "hd95_mm": {"title": "HD95", "unit": "mm", "mean": 3.2, "low": 2.9, "high": "inf"},
        "assd_mm": {"title": "ASSD", "unit": "mm", "mean": None, "low": None, "high": None},
    },
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what course.py needs; its .venv is a fake one that counts as installed."""
    for name in ("course.py", "pyproject.toml", "tools"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


def fake_python(checkout: Path, script: str, finished: bool = True) -> None:
    """Put a shell script in the place of .venv's Python."""
    program(checkout / ".venv/bin/python", script)
    wanted = subprocess.check_output(
        [sys.executable, "-c", "from tools.installation import *\nprint(stamp(), end='')"],
        cwd=checkout,
        text=True,
    )
    (checkout / ".venv/course-stamp.txt").write_text(
        wanted if finished else "unfinished\n", encoding="utf-8"
    )


def say(
    checkout: Path, *arguments: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess:
    command = [sys.executable, str(checkout / "course.py"), *arguments]
    return subprocess.run(
        command,
        cwd=cwd or checkout,
        env={**os.environ, "LUNGSEG_HOME": "", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def one_sentence(answer: subprocess.CompletedProcess) -> str:
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("version", [(3, 10), (3, 11, 7), (3, 12), (3, 13), (3, 13, 99)])
def test_supported_pythons_pass(version):
    assert course.python_fault(version) == ""


@pytest.mark.parametrize(
    "version, fault", [((2, 7), "old"), ((3, 9, 18), "old"), ((3, 14), "new"), ((3, 14, 1), "new")]
)
def test_other_pythons_are_told_what_to_do(monkeypatch, version, fault):
    monkeypatch.setattr(course, "newest_python", lambda: "python3.12")
    said = course.python_fault(version)
    assert f"Python {version[0]}.{version[1]} is too {fault}" in said
    assert said.endswith("run it as: python3.12 course.py")
    monkeypatch.setattr(course, "newest_python", lambda: "")
    assert "install Python 3.12" in course.python_fault(version)


def test_newest_python_is_one_that_works(tmp_path, monkeypatch):
    for name, code in {"python3.13": 127, "python3.12": 0, "python3.10": 0}.items():
        program(tmp_path / name, f"exit {code}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert course.newest_python() == "python3.12"


@pytest.mark.parametrize("minor", [9, 10, 11, 12, 13, 14])
def test_every_python_that_will_do_is_looked_for(minor, tmp_path, monkeypatch):
    name, supported = f"python3.{minor}", 10 <= minor <= 13
    program(tmp_path / name, "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert course.newest_python() == (name if supported else "")
    assert (course.python_fault((3, minor, 0)) == "") == supported


def test_guard_can_be_read_by_old_pythons():
    """Nothing above the version check, nor the syntax of the file, is newer than Python 3.6."""
    import ast

    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_help_names_the_commands(checkout):
    answer = say(checkout, "--help")
    assert answer.returncode == 0
    assert all(
        f"python3 course.py {name}" in answer.stdout or f"  {name}" in answer.stdout
        for name in ("run", "test", "lab", "store")
    )
    assert max(map(len, answer.stdout.splitlines())) <= 100


@pytest.fixture
def done(tmp_path: Path, monkeypatch) -> list[str]:
    """What set_up does in an empty checkout, with fakes in the place of venv and pip."""
    steps = []
    monkeypatch.setattr(installation, "ROOT", tmp_path)
    for name, path in {"VENV": ".venv", "PYTHON": ".venv/python", "STAMP": ".venv/stamp"}.items():
        monkeypatch.setattr(installation, name, tmp_path / path)
    base = f"mkdir -p {tmp_path}/.venv\ntouch {tmp_path}/.venv/python {tmp_path}/made"
    program(tmp_path / "base", base)
    (tmp_path / "pyproject.toml").write_text("[project]", encoding="utf-8")
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "base"), raising=False)
    monkeypatch.setattr(installation, "pip", lambda *arguments, what: steps.append(arguments[-1]))
    monkeypatch.setattr(installation, "mend_opencv", lambda: steps.append("OpenCV"))
    return steps


def test_set_up_is_done_once_for_a_pyproject(done, tmp_path):
    installation.set_up()
    assert done == ["pip>=21.3", ".[cluster,course,dicom,lab,test]", "OpenCV"]
    installation.set_up()
    assert len(done) == 3
    (tmp_path / "pyproject.toml").write_text("[project] # changed", encoding="utf-8")
    installation.set_up()
    assert len(done) == 6


def test_an_unfinished_install_is_made_again(done, tmp_path, monkeypatch):
    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(installation, "mend_opencv", killed)
        installation.set_up()
    (tmp_path / ".venv/half_a_package").touch()
    installation.set_up()
    assert not (tmp_path / ".venv/half_a_package").exists()
    assert done[-1] == "OpenCV"


def test_the_readers_own_venv_is_kept(done, tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/python").touch()
    installation.set_up()
    assert done[-1] == "OpenCV" and not (tmp_path / "made").exists()


def test_too_little_disk_is_said_before_the_install(done, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1e6))
    with pytest.raises(installation.Stop, match="free some space"):
        installation.set_up()
    assert done == []


@pytest.mark.parametrize(
    "said, remedy",
    [
        ("... because ensurepip is not\navailable.", "sudo apt install python3-venv"),
        ("/usr/bin/python3: No module named venv", "sudo apt install python3-venv"),
        ("Error: [Errno 28] No space left on device", "free some space"),
        ("Error: [Errno 13] Permission denied: '.venv'", "Permission denied"),
    ],
)
def test_a_venv_that_cannot_be_made(monkeypatch, said, remedy):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert remedy in installation.venv_fault(said)


PIP = {
    "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'\n"
    "ERROR: Could not find a version that satisfies the requirement numpy": "from the network",
    "ERROR: Could not install packages due to an OSError: "
    "[Errno 28] No space left on device": "The disk is full",
    "ERROR: No matching distribution found for tensorflow>=2.20": "for tensorflow>=2.20",
}


@pytest.mark.parametrize("printed, remedy", PIP.items())
def test_pip_failures_are_one_sentence(checkout, printed, remedy):
    (checkout / "printed").write_text(printed, encoding="utf-8")
    fake_python(checkout, "cat printed; exit 1", finished=False)
    (checkout / ".venv/course-stamp.txt").unlink()
    assert remedy in one_sentence(say(checkout, "test"))


def test_opencv_without_graphics_libraries_is_replaced(checkout):
    """The fake OpenCV starts only after the headless one was installed."""
    fake_python(
        checkout,
        """case "$*" in
        *"install opencv-python-headless"*) touch headless ;;
        *"import cv2"*) test -e headless || { echo "ImportError: libGL.so.1"; exit 1; } ;;
    esac""",
        finished=False,
    )
    (checkout / ".venv/course-stamp.txt").unlink()
    answer = say(checkout, "lab")
    assert answer.returncode == 0
    assert "ImportError: libGL.so.1): taking opencv-python-headless instead" in answer.stdout


WRONG = {
    (
        "LUNGSEG_DATA",
        "no/such/folder",
    ): "names {}/no/such/folder, which is not a folder; correct or unset it",
    ("LUNGSEG_DATA", "course.py"): "names {}/course.py, which is not a folder; correct or unset it",
    (
        "LUNGSEG_HOME",
        "'course.py'",
    ): "names {}/course.py, which is not a folder; correct or unset it",
    ("LUNGSEG_SCALE", "Huge"): 'is "huge"; set it to ci, laptop or gpu',
}


@pytest.mark.parametrize("name, value", WRONG)
def test_settings_that_are_wrong(name, value, checkout):
    said = one_sentence(say(checkout, "run", **{name: value}))
    assert said == f"{name} {WRONG[name, value].format(checkout)}."


TYPED = ["{}", "{}/", "'{}'", ' "{}/" ', "~/{}", "'~/{}'", ".\\{}", "here/../{}"]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("command", ["run", "lab"])
def test_settings_are_taken_as_they_are_typed_and_where(command, typed, checkout, tmp_path):
    """Folders are relative to where the command is given, which is not where notebooks run."""
    fake_python(checkout, 'echo "$LUNGSEG_DATA|$LUNGSEG_HOME|$LUNGSEG_SCALE"')
    below = tmp_path / "below"
    for name in ("x rays", "home", "here"):
        (below / name).mkdir(parents=True)
    env = {"LUNGSEG_DATA": typed.format("x rays"), "LUNGSEG_HOME": typed.format("home"),
           "LUNGSEG_SCALE": "' CI'", "HOME": str(below)}  # fmt: skip
    said = say(checkout, command, cwd=below, **env).stdout.splitlines()[-1]
    assert said == f"{below / 'x rays'}|{below / 'home'}|ci"
    for data, scale in (("''", '" "'), ("", "")):
        empty = {"LUNGSEG_DATA": data, "LUNGSEG_HOME": data, "LUNGSEG_SCALE": scale}
        said = say(checkout, command, cwd=below, **empty).stdout.splitlines()[-1]
        size = "laptop" if command == "run" else ""
        assert said == f"|{checkout / 'outputs'}|{size}"


def test_a_home_may_be_made_by_the_run_and_the_scores_are_read_there(checkout, tmp_path):
    (tmp_path / "below").mkdir()
    fake_python(checkout, f'mkdir -p "$LUNGSEG_HOME"; cp {checkout}/results.json "$LUNGSEG_HOME"')
    (checkout / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    said = say(checkout, "run", cwd=tmp_path / "below", LUNGSEG_HOME="new/home").stdout
    assert "Dice 0.973" in said and (tmp_path / "below/new/home/results.json").exists()
    assert not (checkout / "outputs").exists()


@pytest.mark.parametrize("typed", [*TYPED, "no\\{}", "\\ {}", "x\\ rays"])
def test_course_py_and_the_package_read_a_setting_alike(typed, tmp_path, monkeypatch):
    (tmp_path / "x rays").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LUNGSEG_HOME", typed.format("x rays"))
    assert installation.setting("LUNGSEG_HOME") == start.setting("LUNGSEG_HOME")
    assert installation.folder_of("LUNGSEG_HOME").resolve() == start.home()


def test_children_get_settings_of_their_own(checkout):
    fake_python(checkout, 'echo "$LUNGSEG_DATA $LUNGSEG_SCALE $LUNGSEG_HOME $PYTHONPATH"')
    (checkout / "mine").mkdir()
    env = {"LUNGSEG_DATA": "mine", "LUNGSEG_SCALE": "", "PYTHONPATH": "/elsewhere"}
    ran = say(checkout, "run", **env).stdout.split()
    assert ran == [str(checkout / "mine"), "laptop", str(checkout / "outputs")]
    tested = say(checkout, "test", **env).stdout.split()
    assert tested[:2] == ["ci", str(checkout / "outputs/ci")]


STAGES = {"tests": "*ignore=tests/browser*", "notebooks": "*nbval*", "sets": "*-rs?tests/sets*",
          "browser": "*-rs?tests/browser*", "site": "*-rs?tests/site*"}  # fmt: skip


def fake_node(checkout: Path, version: str = "v22.1.0", npm: str = "mkdir -p node_modules") -> str:
    """A PATH with a Node.js of this version and an npm that does no more than this."""
    folder = checkout / "programs"
    (checkout / "site").mkdir(exist_ok=True)
    (checkout / "site/package-lock.json").write_text("{}", encoding="utf-8")
    for name, script in {"node": f"echo {version}", "npm": f'echo "npm $*"; {npm}'}.items():
        program(folder / name, script)
    return f"{folder}{os.pathsep}/bin{os.pathsep}/usr/bin"


@pytest.fixture
def bare_path(tmp_path) -> str:
    """A PATH without Node.js."""
    posix("has no programs of these names")
    (tmp_path / "bare").mkdir()
    for name in ("sh", "cp", "cat", "echo", "mkdir"):
        (tmp_path / "bare" / name).symlink_to(shutil.which(name))
    return str(tmp_path / "bare")


@pytest.mark.parametrize("broken", ["", *STAGES])
def test_all_parts_of_the_test_run_and_any_may_fail(broken, checkout):
    fake_python(checkout, f'case "$*" in {STAGES.get(broken, "none")}) exit 1;; *) exit 0;; esac')
    answer = say(checkout, "test", PATH=fake_node(checkout))
    assert answer.returncode == bool(broken)
    said = [line.partition(" in ")[0] for line in answer.stdout.splitlines()[-5:]]
    assert said == [f"{name}: {'failed' if name == broken else 'passed'}" for name in STAGES]


def test_the_site_is_built_before_it_is_tested(checkout):
    fake_python(checkout, 'echo "$*"; case "$*" in *tools.site*) exit 1;; *) exit 0;; esac')
    answer = say(checkout, "test", PATH=fake_node(checkout))
    assert answer.returncode == 1 and answer.stdout.endswith("site: could not be built\n")
    assert "-m tools.site" in answer.stdout and "-rs tests/site" not in answer.stdout


def test_the_tests_say_what_they_leave_out_where_there_is_no_node(checkout, bare_path):
    fake_python(checkout, "exit 0")
    answer = say(checkout, "test", PATH=bare_path)
    assert answer.returncode == 0
    last = answer.stdout.splitlines()[-1]
    assert last == "site: left out. The site needs Node.js 20 or newer, with npm; install it first"


def test_the_site_says_what_it_needs(checkout, bare_path):
    fake_python(checkout, 'echo "ran $*"')
    assert "needs Node.js 20 or newer" in one_sentence(say(checkout, "site", PATH=bare_path))
    old = fake_node(checkout, "v18.20.4")
    assert "Node.js v18.20.4 is too old" in one_sentence(say(checkout, "site", PATH=old))
    broken = fake_node(checkout, npm="exit 1")
    assert "npm could not fetch" in one_sentence(say(checkout, "site", PATH=broken))
    whole = fake_node(checkout)
    said = say(checkout, "site", PATH=whole).stdout
    assert "npm ci --ignore-scripts" in said and "ran -m tools.site" in said
    assert "npm" not in say(checkout, "site", PATH=whole).stdout, "it is fetched once"
    (checkout / "site/package-lock.json").write_text('{"new": 1}', encoding="utf-8")
    assert "npm ci" in say(checkout, "site", PATH=whole).stdout


def test_colab_is_an_option_of_the_test_alone(checkout):
    fake_python(checkout, 'echo "ran $*"; exit 3')
    answer = say(checkout, "test", "--colab")
    assert (answer.returncode, answer.stdout) == (3, "ran -m tools.colab\n")
    answer = say(checkout, "run", "--colab")
    assert answer.returncode == 2 and "--colab goes with test alone" in answer.stderr


def test_run_ends_with_the_scores_of_this_run(checkout):
    (checkout / "outputs").mkdir()
    (checkout / "outputs/results.json").write_text("stale", encoding="utf-8")
    fake_python(checkout, "cp results.json outputs")
    (checkout / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    said = say(checkout, "run").stdout
    assert "Dice 0.973 (95 % interval 0.969 to 0.976) on 28 test images of 27 patients" in said
    assert "HD95 3.200 mm (95 % interval 2.900 to inf mm)" in said and "IoU 0.948\n" in said


def test_page_shows_what_was_measured(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    (tmp_path / "results.png").touch()
    page = scores.write_page(tmp_path, [Path("00_start_here.ipynb")]).read_text(encoding="utf-8")
    assert "0.969 to 0.976" in page and "on 28 test images of 27 patients" in page
    assert 'src="results.png" alt=' in page and 'href="notebooks/00_start_here.html"' in page
    assert "ASSD" not in page and "None" not in page


def test_a_failing_notebook_is_named(tmp_path, monkeypatch, capsys):
    cells = [nbformat.v4.new_markdown_cell("# One"), nbformat.v4.new_code_cell("[][1]")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "00_one.ipynb")
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "home"))
    assert notebooks.run() == 1
    page = tmp_path / "home/notebooks/00_one.html"
    assert "Traceback" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().err.strip() == (
        "notebooks/00_one.ipynb: cell 2 ended in IndexError: list index out of range; "
        f"the whole error is in {page}"
    )

"""What would go wrong on Windows or macOS, found on any system."""

import ast
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path, PureWindowsPath

import pytest
import systems

import course
from tools import installation, mutants

ROOT = Path(course.__file__).parent
FOLDERS = ("lungseg_utils", "tools", "benchmarks", "tests")
MODULES = [
    *sorted(ROOT.glob("*.py")),
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))),
]
MODES = re.compile(r"[rwaxt+]+")
POSIX = re.compile(
    r"^\s*import .*\b(?:fcntl|grp|pty|pwd|resource|termios)\b"
    r"|\bos\.(?:fork|geteuid|getuid|killpg|mkfifo|sched_getaffinity|setsid|uname)\b"
    r"|\bsignal\.(?:alarm|setitimer|SIGALRM|SIGHUP|SIGKILL)\b|\bpreexec_fn\b",
    re.M,
)
# each asks first whether the system has it
GUARDED = {"course.py", "tools/mutants.py", "tests/browser/lab.py", "tests/helpers/systems.py",
           "tests/app/test_terminal.py"}  # fmt: skip
ODD = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ](?:/|$)')


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lacks_encoding(call: ast.Call) -> bool:
    """Whether a call opens a text file with whatever encoding the system prefers."""
    name, given = ast.unparse(call.func), {one.arg: one.value for one in call.keywords}
    if {"encoding", None} & given.keys():
        return False
    if name in ("open", "os.fdopen"):
        mode = given.get("mode", call.args[1] if call.args[1:] else ast.Constant("r"))
        return not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
    if name.endswith(".open"):
        mode = given.get("mode", call.args[0] if call.args else ast.Constant("r"))
        return isinstance(mode, ast.Constant) and bool(MODES.fullmatch(str(mode.value)))
    return name.endswith((".read_text", ".write_text"))


def calls_without_encoding(text: str) -> list[int]:
    calls = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)]
    return [call.lineno for call in calls if lacks_encoding(call)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_text_is_read_and_written_in_a_named_encoding(path):
    assert calls_without_encoding(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("call, lacks", [
    ("path.read_text()", True), ("path.read_text(encoding='utf-8')", False),
    ("path.write_text('a')", True), ("open(name)", True), ("open(name, 'rb')", False),
    ("open(name, mode='wb')", False), ("open(name, **how)", False), ("path.open('a')", True),
    ("path.open()", True), ("path.open('rb')", False), ("Image.open(name)", False),
    ("os.fdopen(1, 'w')", True), ("archive.open('a.txt')", False),
])  # fmt: skip
def test_a_call_without_an_encoding_is_found(call, lacks):
    assert bool(calls_without_encoding(call)) == lacks


def test_what_windows_does_not_have_is_asked_for_or_said():
    users = {name_of(path) for path in MODULES if POSIX.search(path.read_text(encoding="utf-8"))}
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    said = re.search(r"((?:`\w+\.py`,? (?:and )?)+)need\s+Linux or macOS", readme)[1]
    programs = {f"benchmarks/{name}" for name in re.findall(r"`(\S+)`", said)}
    assert users - {"tests/repository/test_platforms.py"} == GUARDED | programs


def names_in_git() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a copy that git made")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if name]


def is_usable(name: str) -> bool:
    """Whether Windows can have a file of this name, below a folder of 80 letters."""
    reserved = any(PureWindowsPath(part).is_reserved() for part in name.split("/"))
    return not reserved and not ODD.search(name) and len(name) <= 160


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.13 has it elsewhere
def test_windows_and_macos_can_have_each_file():
    names = names_in_git()
    assert len(names) > 300 and [name for name in names if not is_usable(name)] == []
    counts = Counter(name.casefold() for name in set(names))
    assert [name for name, count in counts.items() if count > 1] == []
    odd = ["a:b.png", "docs/aux.md", "NUL", "what?.py", "a/b ", "end.", "a|b", "d" * 161]
    assert [name for name in odd if is_usable(name)] == []


def test_a_name_that_the_encoding_of_a_file_lacks_stops_no_command():
    code = (
        "from lungseg_utils.app import terminal\n"
        "terminal.main = lambda: print('masks in \\u80f8') or 3\n"
        "terminal.run()"
    )
    env = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True)
    assert (said.returncode, said.stdout.split(), said.stderr) == (
        3, [b"masks", b"in", b"\\u80f8"], b"",
    )  # fmt: skip


def test_the_mutants_say_which_systems_they_need(monkeypatch):
    monkeypatch.delattr(signal, "alarm", raising=False)
    with pytest.raises(SystemExit, match="on Linux or macOS"):
        mutants.main(["metrics"])


def test_jupyterlab_opens_where_there_is_no_root(monkeypatch, tmp_path):
    called = []
    monkeypatch.delattr(os, "geteuid", raising=False)
    monkeypatch.setattr(installation, "VENV", tmp_path)
    monkeypatch.setattr(installation, "set_up", lambda: None)
    monkeypatch.setattr(course, "call", lambda *words, env: called.extend(words) or 0)
    assert course.main(["lab"]) == 0
    assert "jupyterlab" in called and "--allow-root" not in called


def test_what_windows_does_not_have_is_skipped_there(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "win32")

    def refused(path, target):
        raise OSError(1314, "a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    monkeypatch.delattr(os, "mkfifo", raising=False)
    path = tmp_path / "one"
    asked = [
        lambda: systems.pipe(path), lambda: systems.device(path),
        lambda: systems.link(path, "two"), lambda: systems.program(path, "exit 0"),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(pytest.skip.Exception, match="Windows"):
            ask()
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match="privilege"):
        systems.link(path, "two")

"""What git shows of a changed notebook: what was written, and no encoded pictures."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tools import notebooks

ROOT = notebooks.ROOT
SETTING = re.compile(r'git config (diff\.jupyternotebook\.command) "\.venv/bin/([^"]+)"')
COLOUR = re.compile(r"\x1b\[\d*m")
SENTENCE = "So the road bends here, and nowhere else."
MOST_CHARACTERS = 4000

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git: install it to compare")


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Git in a new repository with our attributes and a stored notebook, all committed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1"}

    def run(*arguments: str) -> str:
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
        ran = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    shutil.copy(ROOT / ".gitattributes", tmp_path)
    shutil.copy(notebooks.paths()[1], tmp_path / "one.ipynb")
    run("init", "-q")
    run("add", ".")
    run("commit", "-q", "-m", "one")
    return run


def change(path: Path, sentence: str = "", outputs: bool = False) -> None:
    """Write a sentence into the first cell, or other pictures and numbers into the outputs."""
    notebook = nbformat.read(path, as_version=4)
    if sentence:
        notebook.cells[0].source += f"\n\n{sentence}"
    for cell in (one for one in notebook.cells if outputs and one.cell_type == "code"):
        cell.execution_count = (cell.execution_count or 0) + 1
        for data in (out.data for out in cell.outputs if "text/html" in out.get("data", {})):
            data["text/html"] = data["text/html"].replace("base64,iV", "base64,Vi")
    nbformat.write(notebook, path)


def nbdime_set_up(git: Callable[..., str]) -> None:
    """Set git up as .gitattributes and the README say, with this environment's nbdime."""
    pytest.importorskip("nbdime", reason="no nbdime: install it with pip install nbdime")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in (".gitattributes", "README.md")]
    ((name, command),) = {found for text in texts for found in SETTING.findall(text)}
    folder = Path(sys.executable).parent.as_posix()
    git("config", name, f"'{folder}'/{command}")


def test_nbdime_shows_the_sentence_and_no_outputs(git, tmp_path):
    nbdime_set_up(git)
    change(tmp_path / "one.ipynb", SENTENCE, outputs=True)
    shown = COLOUR.sub("", git("diff"))
    assert f"+{SENTENCE}" in shown
    assert "base64" not in shown and "execution_count" not in shown
    assert len(shown) < MOST_CHARACTERS
    assert git("status", "--porcelain") == " M one.ipynb\n", "setting up has changed a file"


def test_nbdime_says_nothing_of_outputs_alone(git, tmp_path):
    nbdime_set_up(git)
    change(tmp_path / "one.ipynb", outputs=True)
    assert git("diff") == ""


def test_plain_git_shows_a_changed_sentence_in_a_few_lines(git, tmp_path):
    change(tmp_path / "one.ipynb", SENTENCE)
    shown = git("diff")
    assert SENTENCE in shown and "base64" not in shown
    assert len(shown) < MOST_CHARACTERS


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_a_notebook_written_again_is_the_same_file(path, tmp_path):
    shutil.copy(path, tmp_path / path.name)
    change(tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()

"""The lung finder's sources: their types, their style, and what they share with the package."""

import json
import re
import shutil
import subprocess

import pytest

from lungseg_utils import predict, squares
from lungseg_utils.dicom import header
from tools.node import PACKAGES, SITE
from tools.shared import sentences, write_shared

FINDER = SITE / "finder"
SAID = re.compile(r"""\bsay\(\s*["'`]((?:[^"\\]|\\.)*?)["'`]\s*[,)]""")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "shared.json"
    write_shared(path)
    return json.loads(path.read_text(encoding="utf-8"))


def test_types_style_and_format(site):
    """tsc, eslint and prettier find nothing."""
    if not shutil.which("npm") or not PACKAGES.is_dir():
        pytest.skip("no npm, or its packages are not here: python3 course.py site fetches them")
    done = subprocess.run(
        ["npm", "run", "--silent", "check"], cwd=SITE, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_sentence_of_the_finder_is_one_of_the_package(shared):
    """`say` names a sentence by its beginning, and exactly one begins so."""
    known, found = shared["sentences"], []
    for path in FINDER.rglob("*.js"):
        found += SAID.findall(path.read_text(encoding="utf-8"))
    assert len(found) > 40
    for beginning in found:
        begin = [one for one in known if one.startswith(beginning)]
        assert len(begin) == 1 or beginning in known, beginning


def test_what_is_shared_is_what_the_package_has(shared):
    assert shared["predict"]["THRESHOLD"] == predict.THRESHOLD
    assert shared["predict"]["WEIGHTS"] == predict.WEIGHTS.tolist()
    assert shared["predict"]["TRANSFORMS"] == [list(one) for one in predict.TRANSFORMS]
    assert shared["header"]["SIDE_VIEWS"] == sorted(header.SIDE_VIEWS)
    assert shared["types"]["FLAT"] == squares.FLAT
    assert not any("Args:" in one or "SELECT" in one for one in shared["sentences"])
    assert (
        "the X-ray takes up only {:.0%} of its picture: crop it to the X-ray"
        in (shared["sentences"])
    )
    assert shared["examples"][0]["file"] == "normal.png"


def test_sentences_are_told_from_other_texts():
    """Of a module: its texts of three words or more, with slots, and no docstring."""
    found = list(sentences(predict))
    assert "it looks inverted: air should be dark" in found
    assert "the outline is likely to be wrong: expect a Dice of {:.2f}" in found
    assert not any(one.startswith("Notebook 08") for one in found)


def test_no_file_names_where_its_packages_came_from():
    assert '"resolved"' not in (SITE / "package-lock.json").read_text(encoding="utf-8")

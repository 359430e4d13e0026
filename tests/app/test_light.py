"""What `lungseg` does where the course's packages are missing: no TensorFlow, no pandas."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile import picture
from sets import write_set

from lungseg_utils.images import decode_xray
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained

ROOT = Path(__file__).resolve().parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
COURSE = re.search(r"^course = \[(.+?)^\]", PROJECT, re.M | re.S)[1]
PACKAGES = {re.match(r"[\w-]+", text)[0] for text in re.findall(r'"(.+?)"', COURSE)}
MODULES = sorted(PACKAGES - {"scikit-learn"} | {"sklearn", "IPython"})
START = f"""
import sys
sys.modules.update(dict.fromkeys({MODULES}))
"""


def light(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Run Python without the course's packages, in a folder that is all its world."""
    settings = {"TMPDIR": str(folder), "HOME": str(folder), "LUNGSEG_HOME": str(folder / "home"),
                "PYTHONPATH": str(ROOT)}  # fmt: skip
    return subprocess.run([sys.executable, "-c", START + code], cwd=folder, text=True, check=False,
                          capture_output=True, env=os.environ | settings)  # fmt: skip


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    code = "from lungseg_utils.app.terminal import main; sys.exit(main(WORDS))"
    return light(code.replace("WORDS", repr(list(words))), folder)


def test_the_course_s_packages_are_those_that_are_missing():
    assert {"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "onnx"} <= set(MODULES)


def test_lungs_are_found_as_with_keras_and_nothing_is_left_behind(tmp_path):
    content = picture()()
    (tmp_path / "a.png").write_bytes(content)
    said = command(tmp_path, "predict", "a.png", "-o", "out")
    assert said.returncode == 0 and "1 new mask" in said.stdout, said.stderr
    mask = decode_mask(tmp_path / "out" / "masks" / "a.png")
    expected = predict_mask(load_pretrained(), decode_xray(content, "a").image)
    np.testing.assert_array_equal(mask, expected)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "out"}  # and no telemetry


def decode_mask(path: Path) -> np.ndarray:
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0


def test_a_set_is_simulated_looked_at_and_scored(tmp_path):
    assert command(tmp_path, "phantom", "set", "--count", "12", "--size", "96").returncode == 0
    checked = command(tmp_path, "check", "set")
    assert checked.returncode in (0, 1) and "12 images with masks" in checked.stdout, checked.stderr
    scored = command(tmp_path, "evaluate", "set", "--json", "scores.json")
    assert scored.returncode == 0, scored.stderr
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["dice"]["mean"] > 0.9 and len(scores["images"]) == 12
    assert scored.stdout.splitlines()[0] == "12 images"


@pytest.mark.parametrize(
    "words", [("train",), ("predict", "a.png", "-o", "out", "--network", "mine.keras")],
    ids=["train", "a network of Keras"],
)  # fmt: skip
def test_what_takes_the_course_says_so_in_a_sentence(words, tmp_path):
    write_set(tmp_path / "set")
    (tmp_path / "a.png").write_bytes(picture()())
    (tmp_path / "mine.keras").write_bytes(b"mine")
    said = command(tmp_path, *words)
    assert said.returncode and 'pip install "lungseg-utils[course]"' in said.stderr
    assert "Traceback" not in said.stderr and len(said.stderr.splitlines()) == 1


def test_the_course_names_the_extra_that_it_lacks(tmp_path):
    said = light("from lungseg_utils import start; start.load_tensorflow()", tmp_path)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].endswith(': pip install "lungseg-utils[course]"')

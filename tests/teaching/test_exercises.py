"""Every exercise takes right answers, tells wrong ones what is wrong, and is not fooled."""

import contextlib
import copy
import io
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from importlib import import_module

import nbformat
import numpy as np
import pandas as pd
import pytest

from lungseg_utils.teaching.exercises import NOTEBOOKS, core, exercises_of, progress
from tools import notebooks

ROOT = notebooks.paths()[0].parents[1]
EXERCISES = [one for notebook in NOTEBOOKS for one in exercises_of(notebook)]
STORED = {path.stem[3:]: nbformat.read(path, as_version=4) for path in notebooks.paths()}
EMPTY = {
    "zero": 0,
    "one": 1,
    "half": 0.5,
    "no": False,
    "yes": True,
    "no text": "",
    "no items": [],
    "zeros": np.zeros((4, 4)),
    "ones": np.ones((4, 4)),
    "nothing marked": np.zeros((4, 4), bool),
    "function of zero": lambda *_, **__: 0,
    "function of one": lambda *_, **__: 1,
    "function of no": lambda *_, **__: False,
    "function of yes": lambda *_, **__: True,
    "function of nan": lambda *_, **__: np.nan,
    "function of zeros": lambda first=0, *_, **__: np.zeros_like(first),
    "function of its input": lambda first=0, *_, **__: first,
}


def title(exercise):
    return f"{exercise.notebook}.{exercise.name}"


def answers(kind):
    return [
        pytest.param(one, answer, id=f"{title(one)}-{number}")
        for one in EXERCISES
        for number, answer in enumerate(
            getattr(import_module(f"answers.{one.notebook}"), kind).get(one.name, [])
        )
    ]


each = pytest.mark.parametrize("exercise", EXERCISES, ids=title)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))


@pytest.mark.parametrize("exercise, answer", answers("RIGHT"))
def test_right_answers_pass(exercise, answer):
    assert exercise.verdict(answer)[0] == core.PASSED, exercise.verdict(answer)


def in_place(answer):
    """The answer as a function that uses its arguments up: its own, not those of the judge."""

    def spoiling(*arguments, **named):
        found = answer(*copy.deepcopy(arguments), **copy.deepcopy(named))
        for one in (*arguments, *named.values()):
            if isinstance(one, np.ndarray):
                one[...] = ~one if one.dtype == bool else one * 0 + 1
            elif isinstance(one, list | set | dict):
                one.clear()
        return found

    return spoiling


@pytest.mark.parametrize(
    "exercise, answer",
    [case for case in answers("RIGHT") if "function" in case.values[0].expects],
)
def test_right_answers_may_work_in_place(exercise, answer):
    verdict = exercise.verdict(in_place(answer))
    assert verdict[0] == core.PASSED, verdict


@pytest.mark.parametrize("exercise, wrong", answers("WRONG"))
def test_wrong_answers_are_told_what_is_wrong(exercise, wrong):
    answer, words = wrong
    state, message = exercise.verdict(answer)
    assert (state, words in message) == (core.NOT_YET, True), message


@each
def test_enough_answers_are_tried(exercise):
    tried = import_module(f"answers.{exercise.notebook}")
    right, wrong = len(tried.RIGHT[exercise.name]), len(tried.WRONG[exercise.name])
    assert right >= 2 and wrong >= 3
    assert right >= 3 and wrong >= 8, f"{right} right and {wrong} wrong answers"


JUDGE_ALL = """
import json, warnings
from importlib import import_module
from lungseg_utils.teaching.exercises import NOTEBOOKS, exercises_of

misjudged = []
for notebook in NOTEBOOKS:
    tried = import_module(f"answers.{notebook}")
    for one in exercises_of(notebook):
        cases = [(answer, "passed", "") for answer in tried.RIGHT[one.name]]
        cases += [(answer, "not yet", words) for answer, words in tried.WRONG[one.name]]
        for number, (answer, state, words) in enumerate(cases):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                warnings.simplefilter("ignore", ResourceWarning)  # comes whenever memory is freed
                found, message = one.verdict(answer)
            said = [str(one.message) for one in said if state == "passed"]
            if found != state or words not in message or said:
                misjudged.append([notebook, one.name, number, found, message, said])
print(json.dumps(misjudged))
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_verdicts_do_not_hang_on_the_order_of_sets(seed, tmp_path):
    """Nor does a right answer come with a warning."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers")))
    settings = {"PYTHONHASHSEED": seed, "PYTHONPATH": paths, "LUNGSEG_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", JUDGE_ALL], env=os.environ | settings, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == []


def in_other_dress(value):
    """The same answer as another type that means the same."""
    if isinstance(value, np.ndarray) and value.ndim and value.dtype in (bool, float):
        return value.tolist()
    if isinstance(value, float | np.floating):
        return np.array([value])
    if isinstance(value, tuple | list):
        return list(value) if isinstance(value, tuple) else tuple(value)
    if isinstance(value, set):
        return sorted(value)
    return np.str_(value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "exercise, answer", [case for case in answers("RIGHT") if callable(case.values[1])]
)
def test_right_answers_may_be_of_another_type(exercise, answer):
    verdict = exercise.verdict(lambda *given, **named: in_other_dress(answer(*given, **named)))
    assert verdict[0] == core.PASSED, verdict


ODD = {
    "text": "odd",
    "no text": "",
    "object": object(),
    "nothing in a list": [None],
    "list of one": ["odd"],
    "uneven rows": [[1.0], [1.0, 2.0]],
    "empty": [],
    "empty array": np.zeros(0),
    "dict": {"odd": "odd"},
    "set": {1, 2, 3, 4, 5, 6, 7},
    "many axes": np.zeros((2, 3, 1, 2)),
    "objects": np.array([None, "odd"], object),
    "complex": 1j,
    "nan": np.nan,
    "infinite": -np.inf,
    "huge": 10**400,
}


@each
def test_no_error_of_the_judge_is_told_as_the_learners(exercise):
    function = exercise.expects.startswith("a function")
    for kind, value in ODD.items():
        odd = (lambda *_, value=value, **__: value) if function else value
        state, message = exercise.verdict(odd)
        assert state == core.NOT_YET, kind
        told = message.replace("raise ValueError", "")
        assert not re.search(r"Error\b|Exception", told), f"{kind}: {message}"


@each
@pytest.mark.parametrize("kind", EMPTY)
def test_what_says_nothing_does_not_pass(exercise, kind):
    assert exercise.verdict(EMPTY[kind])[0] != core.PASSED


UNTOUCHED = {"None": None, "...": ..., "gives None": lambda *_, **__: None,
             "gives ...": lambda *_, **__: ...}  # fmt: skip


@each
@pytest.mark.parametrize("answer", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_is_untouched_is_not_attempted(exercise, answer):
    state = exercise.verdict(answer)[0]
    by_value = callable(answer) and "function" not in exercise.expects
    assert state == (core.NOT_YET if by_value else core.NOT_ATTEMPTED)


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_notebook_has_four(notebook):
    assert len(exercises_of(notebook)) >= 4


@each
def test_solution_in_the_place_of_the_starter_passes(exercise):
    cells = [
        cell.source
        for cell in STORED[exercise.notebook].cells
        if cell.cell_type == "code" and f"exercise.{exercise.name}.check(" in cell.source
    ]
    assert len(cells) == 1, "each exercise has one starter cell"
    check = re.search(rf"^exercise\.{exercise.name}\.check\(.*\)$", cells[0], re.M)[0]
    module = import_module(f"lungseg_utils.teaching.exercises.{exercise.notebook}")
    untouched, solved = run(cells[0], module), run(f"{exercise.answer}\n{check}", module)
    assert untouched.startswith(f"{exercise.name}: {core.NOT_ATTEMPTED}")
    assert solved.startswith(f"{exercise.name}: {core.PASSED}")


def run(source, module):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(source, {"exercise": module, "np": np})
    return said.getvalue()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_exercises_stand_in_the_notebook_in_their_order(notebook):
    source = "\n".join(cell.source for cell in STORED[notebook].cells if cell.cell_type == "code")
    called = re.findall(r"^exercise\.(\w+)\.check\(", source, re.M)
    assert called == [one.name for one in exercises_of(notebook)]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_objectives_are_those_of_the_notebook(notebook):
    listed = objectives(STORED[notebook].cells[0].source)
    assert listed and set(listed) == {one.objective for one in exercises_of(notebook)}


def objectives(text):
    """The bullets of a notebook's first cell, each in one line."""
    bullets = re.findall(r"^- (.+?)(?=\n- |\n\n|\Z)", text, re.M | re.S)
    return [" ".join(bullet.split()).rstrip(";.,") for bullet in bullets]


ONE_B = ["b", "(b)", "b)", "B.", ["b"], ("b",), {"b"}, "answer: b", "The answer is b.", '"b"', b"b"]
ONE_B += [np.str_("b"), np.array("b"), np.array(["b"]), pd.Series(["b"]), {"a": False, "b": True}]


@pytest.mark.parametrize("answer", ONE_B, ids=repr)
def test_a_letter_is_read_in_any_dress(answer):
    assert core.read_letter(answer) == "b"


@pytest.mark.parametrize(
    "answer", ["b, c", "b or c", "not b", "f", "", [], None, 2, True, ["b", "b"]]
)
def test_what_is_not_one_letter_is_refused_in_words(answer):
    with pytest.raises(core.NotYet, match=r"expected (one letter|letters) from a to e"):
        core.read_letter(answer)


D_TO_G = ["defg", "d, e, f and g", "d e f g", "(d), (e), (f), (g)", list("gfed"), set("DEFG")]


@pytest.mark.parametrize("answer", D_TO_G, ids=[str(place) for place in range(len(D_TO_G))])
def test_several_letters_are_read_in_any_dress(answer):
    assert sorted(core.read_letters(answer, "abcdefg")) == list("defg")


IN_ORDER = [
    "cab",
    "c, a and b",
    "1c 2a 3b",
    "1-c, 2-a, 3-b",
    "1. c, 2. a and 3. b",
    "B: a, A: c, C: b",
]
IN_ORDER += [["1c", "2a", "3b"], ["A: c", "B: a", "C: b"], "A=c B=a C=b", "c → a → b", "C, A, B"]
IN_ORDER += [{1: "c", 2: "a", 3: "b"}, {"C": "b", "A": "c", "B": "a"}, {3: "b", 2: "a", 1: "c"}]


@pytest.mark.parametrize("answer", IN_ORDER, ids=str)
def test_the_order_of_letters_is_kept_where_it_matters(answer):
    assert core.read_letters(answer, in_order=True) == ["c", "a", "b"]


def test_a_set_is_refused_where_the_order_matters():
    with pytest.raises(core.NotYet, match="a set has none"):
        core.read_letters({"c", "a"}, in_order=True)
    with pytest.raises(core.NotYet, match="a set has none"):
        core.read_numbers({1, 2}, 2)


QUARTERS = [0.25, "0.25", "0,25", "1/4", "25 %", "25%", "about 0.25", [0.25], {0.25}, (0.25,)]
QUARTERS += [np.float32(0.25), np.array(0.25), np.array([[0.25]]), pd.Series([0.25])]


@pytest.mark.parametrize("answer", QUARTERS, ids=repr)
def test_a_share_is_read_in_any_dress(answer):
    assert core.read_number(answer, share=True) == 0.25


THOUSANDS = [
    "31,055,297",
    "31 055 297",
    "31_055_297",
    "31055297",
    "31\u202f055\u202f297",
    "31'055'297",
]


@pytest.mark.parametrize("text", THOUSANDS)
def test_thousands_may_be_set_apart(text):
    assert core.read_number(text) == 31_055_297


@pytest.mark.parametrize("text", ["14.76 cm²", "14.76cm²", "14.76"])
def test_a_number_may_have_the_unit_that_was_asked_for(text):
    assert core.read_number(text, "one number, the area in cm²") == 14.76


@pytest.mark.parametrize("text", ["14.76 mm", "1476 mm²", "1e2 m"])
def test_a_number_of_another_unit_is_refused(text):
    with pytest.raises(core.NotYet, match="the area in cm²"):
        core.read_number(text, "one number, the area in cm²")


@pytest.mark.parametrize("answer", ["a quarter", "25 %", True, [1, 2], None, np.nan, 1j, "", {}])
def test_what_is_not_a_number_is_refused_in_words(answer):
    with pytest.raises(core.NotYet, match="expected one number, the Dice"):
        core.read_number(answer, "one number, the Dice")


@pytest.mark.parametrize(
    "answer", [(1, (2, 3)), [1, 2, 3], "1, 2 and 3", np.arange(1, 4)], ids=repr
)
def test_numbers_are_unpacked(answer):
    assert core.read_numbers(answer, 3).tolist() == [1, 2, 3]


def test_as_many_numbers_as_were_given_are_told():
    with pytest.raises(core.NotYet, match="expected two numbers, not 5 numbers"):
        core.read_numbers((np.ones(2), np.ones(3)), 2, "two numbers")


@pytest.mark.parametrize("one", [Fraction(1, 2), Decimal("0.5"), 0.5])
def test_numbers_of_python_make_an_array(one):
    assert core.read_array([[one] * 2], (1, 2)).tolist() == [[0.5, 0.5]]
    assert core.read_mask(np.array([True, False], object), (2,)).tolist() == [True, False]
    with pytest.raises(core.NotYet, match=r"of the shape \(2,\)"):
        core.read_array([None, 0.5], (2,))


class Callable:
    def __call__(self): ...


def test_a_value_is_described_as_what_it_is():
    assert core.described(len) == core.described(lambda: 0) == "a function"
    assert core.described(Callable()) == "a Callable"


def test_of_a_long_error_the_first_line_is_told():
    one = core.Exercise("n", "e", "", "a function", "", "", lambda answer: answer())

    def long():
        raise ValueError("first line\nsecond line\n")

    assert one.verdict(long)[1] == "your function stops with ValueError: first line"


@pytest.mark.parametrize("answer", [["F", "0"], "F and 0", ({"F"}, {0}), ("F", np.float64(0))])
def test_names_are_read_in_any_dress(answer):
    assert core.read_names(answer) == ["F", "0"]


@pytest.mark.parametrize("answer", ["cannot tell", "Cannot tell.", "cannot_tell", ["cannot tell"]])
def test_a_choice_is_read_in_any_dress(answer):
    assert core.read_choice(answer, ("first", "cannot tell")) == "cannot tell"


def test_what_is_none_of_the_choices_is_refused():
    with pytest.raises(core.NotYet, match='expected "first" or "second", not the text'):
        core.read_choice("first or second", ("first", "second"))


@pytest.mark.parametrize("odd", [[[1], [1, 2]], 3, "mask", None, np.zeros((2, 3), bool), np.eye(2)])
def test_what_is_no_mask_is_refused(odd):
    with pytest.raises(core.NotYet, match="mask"):
        core.read_mask(odd, (2, 2))


def judge_that_fails(_):
    raise KeyError("the judge's own")


def test_an_error_of_the_judge_is_not_told():
    one = core.Exercise("n", "e", "", "one number", "", "", judge_that_fails)
    assert one.verdict("odd") == (
        core.NOT_YET,
        "expected one number; the text 'odd' is something else",
    )
    assert "not the value itself" not in one.verdict(len)[1] and "a function" in one.verdict(len)[1]


def test_a_branch_without_a_return_is_told():
    from lungseg_utils.teaching.exercises import start_here

    seen = []

    def answer(image, lungs):
        seen.append(image)
        return (image[lungs].mean(), image[~lungs].mean()) if len(seen) == 1 else None

    state, message = start_here.brightness.verdict(answer)
    assert state == core.NOT_YET and "every branch" in message


def test_progress_is_remembered_and_told(capsys):
    from lungseg_utils.teaching.exercises import start_here

    start_here.dark_pixels.check(lambda image, threshold: image > threshold)
    assert core.passed() == set()
    start_here.dark_pixels.check(lambda image, threshold: image < threshold)
    assert core.passed() == {"start_here.dark_pixels"}
    row = progress().loc["00"]
    assert row["passed"].startswith("1 of ") and "dark_pixels" not in row["still open"]
    assert "well done" in capsys.readouterr().out.lower()


def test_what_was_passed_stays_passed():
    from lungseg_utils.teaching.exercises import start_here

    core._remember("a.b")
    for solution in (lambda image, threshold: image < threshold,) * 2 + (lambda *_: 0,):
        start_here.dark_pixels.check(solution)
        assert core.passed() == {"a.b", "start_here.dark_pixels"}


def test_progress_survives_a_broken_file(tmp_path):
    (tmp_path / "progress.json").write_text("{", encoding="utf-8")
    assert core.passed() == set()


def test_what_the_functions_own_error_was_is_told():
    from lungseg_utils.teaching.exercises import start_here

    state, message = start_here.dark_pixels.verdict(lambda image, threshold: image.sum(7))
    assert state == core.NOT_YET and "your function stops with" in message


def test_progress_is_kept_where_trainings_are(monkeypatch, tmp_path):
    """On Colab, on the Drive: the disk goes with the machine."""
    monkeypatch.setattr(core.start, "home", lambda: tmp_path / "drive")
    monkeypatch.setattr(core.start, "disk", lambda: tmp_path / "machine")
    core._remember("a.b")
    assert (tmp_path / "drive" / "progress.json").exists() and core.passed() == {"a.b"}
    assert not (tmp_path / "machine").exists()

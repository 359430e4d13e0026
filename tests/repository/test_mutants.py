"""The mutation run counts right, and what it takes for equivalent is still in the package."""

import ast
import json
from collections import Counter

import pytest

from tools import mutants

RESULT = json.loads(mutants.RESULT.read_text(encoding="utf-8"))
EQUIVALENT, LEFT = (
    json.loads(path.read_text(encoding="utf-8")) for path in (mutants.EQUIVALENT, mutants.LEFT)
)


def functions(module: str) -> set[str]:
    """Names as mutmut has them: those of methods with their class."""
    tree = ast.parse((mutants.PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    found = {one.name for one in tree.body if isinstance(one, kinds)}
    for kind in (one for one in tree.body if isinstance(one, ast.ClassDef)):
        found |= {f"xǁ{kind.name}ǁ{one.name}" for one in kind.body if hasattr(one, "name")}
    return found


@pytest.mark.parametrize("module", ["dicom", "images", "masks", "metrics", "radiographs", "splits"])
def test_nearly_no_fault_in_what_reads_splits_and_measures_goes_unseen(module):
    assert RESULT["modules"][module]["score"] >= 0.95


@pytest.mark.parametrize("score", ["score", "score of the sample"])
def test_most_faults_are_seen(score):
    if RESULT[score] is None:
        pytest.skip("no mutant of these was tried yet")
    assert RESULT[score] >= 0.85


@pytest.mark.parametrize("key", EQUIVALENT | LEFT)
def test_a_mutant_with_a_reason_is_of_a_function_that_is_there(key):
    module, function, line = key.split(": ", 2)
    assert function in functions(module) and line
    assert len((EQUIVALENT | LEFT)[key]) > 10


@pytest.mark.parametrize("module", RESULT["modules"])
def test_what_survives_has_a_reason(module):
    survivors = RESULT["modules"][module]["survivors"]
    assert [line for line, reason in survivors.items() if len(reason) <= 10] == []


def test_killed_survived_and_equivalent_mutants_are_counted(monkeypatch):
    known = {
        "m.x_one__mutmut_1": "killed", "m.x_one__mutmut_2": "timeout",
        "m.x_one__mutmut_3": "survived", "m.x_one__mutmut_4": "no tests",
        "m.x_two__mutmut_1": "survived", "m.x_two__mutmut_2": "not checked",
        "m.x_two__mutmut_3": "killed",
    }  # fmt: skip
    monkeypatch.setattr(mutants, "statuses", lambda module: known)
    monkeypatch.setattr(mutants, "changed_line", lambda module, mutant: f"line {mutant[-1]}")
    equivalent = {f"m: two: line {number}": "it is the same" for number in (1, 3)}
    found = mutants.result_of("m", list(known)[:6], equivalent, {"m: one: line 3": "why"})
    assert found == {
        "killed": 2, "of these by a hang": 1, "survived": 2, "equivalent": 1, "not checked": 1,
        "score": 0.5, "survivors": {"one: line 3": "why", "one: line 4": ""},
        "equivalents": {"two: line 1": "it is the same"},
    }  # fmt: skip
    assert mutants.total({"m": found, "n": {"killed": 6}}) == 0.8
    assert mutants.total({}) is None, "what was not tried has no score"


def test_of_some_folders_a_sample_is_tried_the_same_each_time(monkeypatch):
    names = {module: [f"{module}-{number}" for number in range(200)]
             for module in ("masks", "phantom/tissue", "teaching/plots")}  # fmt: skip
    monkeypatch.setattr(mutants, "all_modules", lambda: list(names))
    monkeypatch.setattr(mutants, "statuses", lambda module: dict.fromkeys(names[module], ""))
    found = mutants.chosen_mutants(list(names))
    assert len(found["masks"]) == 200
    assert len(found["phantom/tissue"]) + len(found["teaching/plots"]) == mutants.SAMPLE
    assert mutants.chosen_mutants(["teaching/plots"])["teaching/plots"] == found["teaching/plots"]


SHARED = """
import time
import pytest
RAN = set()

@pytest.fixture(scope="module")
def server():
    time.sleep(0.1)
    RAN.add("start")

@pytest.fixture(scope="module")
def page(server):
    RAN.add("open")

def test_one(page):
    RAN.add("ask")

def test_two(page):
    pass

def test_three(server):
    pass

def test_four():
    pass
"""


def test_what_a_shared_fixture_runs_counts_for_each_test_that_asks_for_it(tmp_path):
    seen, seconds = {}, Counter()

    class Recorder:
        def pytest_collection_finish(self, session):
            ran = session.items[0].module.RAN
            session.config.pluginmanager.register(mutants.SharedFixtures(ran, seconds))
            self.ran = ran

        def pytest_runtest_teardown(self, item):
            seen[item.name] = sorted(self.ran)
            self.ran.clear()

    (tmp_path / "test_shared.py").write_text(SHARED, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    assert pytest.main(options, plugins=[Recorder()]) == 0
    assert seen == {
        "test_one": ["ask", "open", "start"], "test_two": ["open", "start"],
        "test_three": ["start"], "test_four": [],
    }  # fmt: skip
    slow = {name.split("::")[1] for name, took in seconds.items() if took > 0.09}
    assert slow == {"test_one", "test_two", "test_three"}

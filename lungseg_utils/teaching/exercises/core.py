"""What every exercise can do: check an answer, give a hint, show a solution, remember."""

import copy
import json
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungseg_utils import start
from lungseg_utils.teaching.exercises.typed import (
    NotYet,
    by_name,
    described,
    expect,
    read_array,
    read_choice,
    read_letter,
    read_letters,
    read_mask,
    read_names,
    read_number,
    read_numbers,
)
from lungseg_utils.types import written_whole

__all__ = [
    "Exercise",
    "NotYet",
    "by_name",
    "described",
    "exercise",
    "expect",
    "passed",
    "read_array",
    "read_choice",
    "read_letter",
    "read_letters",
    "read_mask",
    "read_names",
    "read_number",
    "read_numbers",
]

Judge = Callable[[Any], None]
NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"


class _Untouched(Exception):
    pass


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    `objective` is the point of the notebook's "After it you can" that the exercise tests; `expects`
    names the kind of answer ("a function of two bool masks that returns their Dice"); `answer` is
    code that a learner could have written in place of the starter; `judge` raises `NotYet` if an
    answer will not do.
    """

    notebook: str
    name: str
    objective: str
    expects: str
    clue: str
    answer: str
    judge: Judge

    def verdict(self, answer: Any = None) -> tuple[str, str]:
        """The state of an answer, `NOT_ATTEMPTED`, `NOT_YET` or `PASSED`, and what to say of it."""
        if answer is None or answer is ...:
            return NOT_ATTEMPTED, f"waiting for {self.expects}"
        wanted, returned = self.expects.startswith("a function"), []
        if wanted != callable(answer):
            advice = "its name, without brackets or quotes" if wanted else "the value itself"
            return NOT_YET, f"expected {self.expects}, not {described(answer)}: give {advice}"
        try:
            with warnings.catch_warnings():  # an overflow on the way to a right answer is no fault
                warnings.simplefilter("ignore", RuntimeWarning)
                self.judge(_watched(answer, returned) if wanted else answer)
        except _Untouched:
            if not returned:
                return NOT_ATTEMPTED, "your function returns nothing so far: end it in a return"
            return (
                NOT_YET,
                "in some cases your function returns nothing: end every branch in a return",
            )
        except NotYet as fault:
            return NOT_YET, str(fault)
        except Exception:  # the judge could not use what it was given; its error is none of yours
            given = f"; {described(answer)} is something else" if not wanted else ""
            given = f"; your function returned {described(returned[-1])}" if returned else given
            return NOT_YET, f"expected {self.expects}{given}"
        return PASSED, "well done"

    def check(self, answer: Any = None) -> None:
        """Say whether an answer will do, and if not, what is wrong with it; remember a pass."""
        state, message = self.verdict(answer)
        if state == PASSED:
            _remember(f"{self.notebook}.{self.name}")
        end = "" if message[-1] in ".?!" else "."
        print(f"{self.name}: {state}. {message[0].upper()}{message[1:]}{end}")

    def hint(self) -> None:
        """Say what to think of next."""
        print(self.clue)

    def solution(self) -> None:
        """Show one answer that will do."""
        print(self.answer)


def exercise(objective: str, expects: str, hint: str, answer: str) -> Callable[[Judge], Exercise]:
    """Make an exercise of a judge, the function that it decorates."""

    def made(judge: Judge) -> Exercise:
        notebook, code = judge.__module__.rpartition(".")[2], textwrap.dedent(answer).strip()
        return Exercise(notebook, judge.__name__, objective, expects, hint, code, judge)

    return made


def passed() -> set[str]:
    """Names of the exercises passed so far, "notebook.exercise"."""
    try:
        return set(json.loads(_progress_file().read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return set()


def _watched(function: Callable, returned: list) -> Callable:
    """The function, called with copies of its arguments, so that it may change them in place.

    What it returns is appended to `returned`.
    """

    def called(*arguments, **named):
        arguments, named = copy.deepcopy((arguments, named))
        try:
            result = function(*arguments, **named)
        except NotYet:  # said by a function that the judge handed over
            raise
        except Exception as error:
            raise NotYet(f"your function stops with {_said(error)}") from error
        if result is None or result is ...:
            raise _Untouched
        returned.append(result)
        return result

    return called


def _said(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]  # OpenCV says more
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _progress_file() -> Path:
    return start.home() / "progress.json"


def _remember(name: str) -> None:
    with written_whole(_progress_file()) as part:
        part.write_text(json.dumps(sorted(passed() | {name}), indent=1), encoding="utf-8")

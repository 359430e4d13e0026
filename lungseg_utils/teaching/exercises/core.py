"""What every exercise can do: check an answer, give a hint, show a solution, remember."""

import copy
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungseg_utils import start
from lungseg_utils.types import written_whole

Judge = Callable[[Any], None]
NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"


class NotYet(Exception):
    """What is still wrong with an answer, said to its author in one or two sentences."""


class _Untouched(Exception):
    pass


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    `objective` is the one of the notebook's "After it you can" that the exercise tests; `expects`
    names the kind of answer ("a function of two bool masks"); `answer` is code that a learner could
    have written in the place of the starter; `judge` raises `NotYet` if an answer will not do.
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
        try:
            self.judge(_watched(answer) if callable(answer) else answer)
        except _Untouched:
            return NOT_ATTEMPTED, "the function returns nothing so far; does it end in a return?"
        except NotYet as fault:
            return NOT_YET, str(fault)
        except Exception as error:  # the judge met something that no answer of the right kind is
            kind = type(answer).__name__
            return NOT_YET, f"expected {self.expects}; this {kind} led to {_said(error)}"
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


def expect(true: bool, otherwise: str) -> None:
    """Raise `NotYet` with the words `otherwise` unless `true`."""
    if not true:
        raise NotYet(otherwise)


def passed() -> set[str]:
    """Names of the exercises passed so far, "notebook.exercise"."""
    try:
        return set(json.loads(_progress_file().read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return set()


def _watched(function: Callable) -> Callable:
    """The function, called with copies of its arguments, so that it may change them in place."""

    def called(*arguments, **named):
        arguments, named = copy.deepcopy((arguments, named))
        try:
            result = function(*arguments, **named)
        except Exception as error:
            raise NotYet(f"your function stops with {_said(error)}") from error
        if result is None or result is ...:
            raise _Untouched
        return result

    return called


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _progress_file() -> Path:
    return start.home() / "progress.json"


def _remember(name: str) -> None:
    with written_whole(_progress_file()) as part:
        part.write_text(json.dumps(sorted(passed() | {name}), indent=1), encoding="utf-8")

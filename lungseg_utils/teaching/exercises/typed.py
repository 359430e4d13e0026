"""Answers as people type them, read as letters, numbers, names, choices and masks."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np


class NotYet(Exception):
    """What is still wrong with an answer, said to its author in one or two sentences."""


def expect(true: bool, otherwise: str) -> None:
    """Raise `NotYet` with the words `otherwise` unless `true`."""
    if not true:
        raise NotYet(otherwise)


def read_letters(answer: Any, among: str = "abcde", in_order: bool = False) -> list[str]:
    """The letters of an answer such as "d, e and f", "(b)", ["b"] or {"a", "c"}, in small letters.

    Each is one of `among`. Where their order matters, a set of several is refused.
    """
    wanted = f"letters from {among[0]} to {among[-1]}"
    if isinstance(answer, Mapping) and all(isinstance(one, _BOOL) for one in answer.values()):
        answer = [letter for letter, yes in answer.items() if yes]
    if in_order:
        _not_a_set(answer, wanted)
        answer = _by_place(answer)
    answer = list(answer.values()) if isinstance(answer, Mapping) else answer
    found = []
    for text in _flat(answer):
        expect(isinstance(text, str), f"expected {wanted}, not {described(text)}")
        text = re.sub(r"^\s*(the )?(answers?|letters?)( is| are)?\b[\s:=]*", "", text.lower())
        for word in re.findall(r"\w+", text):
            known = word in _JOINING or set(word) <= set(among)
            expect(known, f'expected {wanted}; "{word}" is none')
            found += [] if word in _JOINING else word
    return found


def _by_place(answer: Any) -> Any:
    """An answer that says the place of each letter, {2: "d", 1: "c"} or "B: d, A: c", in order."""
    if isinstance(answer, Mapping):
        short = all(len(str(place)) == 1 for place in answer)
        return dict(sorted(answer.items(), key=lambda pair: str(pair[0]))) if short else answer
    texts = _flat(answer)
    if not all(isinstance(text, str) for text in texts):
        return answer
    text = " ".join(texts).lower()
    placed = sorted(re.findall(_PLACED, text))
    return [*(letter for *_, letter in placed), re.sub(_PLACED, "", text)] if placed else answer


def read_letter(answer: Any, among: str = "abcde") -> str:
    """The one letter of an answer such as "b", "B.", "(b)" or ["b"]."""
    found = read_letters(answer, among)
    wanted = f"one letter from {among[0]} to {among[-1]}"
    expect(len(found) == 1, f"expected {wanted}, not {' and '.join(found) or described(answer)}")
    return found[0]


def read_numbers(
    answer: Any, count: int | None = None, what: str = "numbers", nan: bool = False
) -> np.ndarray:
    """The numbers of an answer as floats in one row, pairs within it unpacked.

    `what` names them in the message that refuses another count than `count`, or what is no number:
    "three numbers: the mean, and both ends of its interval". A nan is refused unless `nan`.
    """
    if count != 1:
        _not_a_set(answer, what)
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, str):
        answer = [answer] if count == 1 else re.split(r"\s*(?:;|,\s|\band\b|\s)\s*", answer.strip())
    found = [_float(one, what) for one in _flat(answer)]
    if count is not None:
        given = f"{len(found)} numbers" if len(found) > 1 else described(answer)
        expect(len(found) == count, f"expected {what}, not {given}")
    fault = f"expected {what}; yours is nan, which comes from dividing 0 by 0"
    expect(nan or not np.isnan(found).any(), fault)
    return np.array(found, float)


def read_number(
    answer: Any, what: str = "a number", share: bool = False, nan: bool = False
) -> float:
    """The one number of an answer: 0.67, "0.67", "2/3", "31,055,297", [0.67], np.float32(0.67).

    Where a share is asked for, "67 %" is 0.67.
    """
    if isinstance(answer, str) and share and (percent := re.search(r"%|per ?cent", answer)):
        return _float(answer[: percent.start()], what) / 100
    return float(read_numbers(answer, 1, what, nan)[0])


def by_name(answer: Any, names: Sequence[str]) -> Any:
    """The values of a dict whose keys are `names`, in their order; another answer as it is."""
    if not isinstance(answer, Mapping):
        return answer
    values = {_bare(str(name)): value for name, value in answer.items()}
    wanted = [_bare(name) for name in names]
    return [values[name] for name in wanted] if values.keys() == set(wanted) else answer


def read_names(answer: Any, what: str = "names") -> list[str]:
    """The names of an answer, in its order: a list, set, array or Series of names, pairs of those,
    or a text such as "F and M". A whole number becomes its text.
    """
    if isinstance(answer, str):
        answer = [one.strip(" '\"") for one in re.split(r"[,;\n]| and ", answer) if one.strip()]
    found = []
    for one in _flat(answer):
        if isinstance(one, float | np.floating) and one == round(one):
            one = int(one)
        named = isinstance(one, str | int | np.integer | Path)
        expect(named, f"expected {what}, not {described(answer if one is answer else one)}")
        found.append(str(one).strip())
    return found


def read_choice(answer: Any, among: Sequence[str]) -> str:
    """The one of `among` that an answer is, whatever its case, quotes, dashes and full stop."""
    wanted = {_bare(one): one for one in among}
    found = [_bare(one) if isinstance(one, str) else None for one in _flat(answer)]
    said = " or ".join(f'"{one}"' for one in among)
    known = len(found) == 1 and found[0] in wanted
    expect(known, f"expected {said}, not {described(answer)}")
    return wanted[found[0]]


def read_array(
    answer: Any, shape: tuple[int, ...], what: str = "numbers", said: str = ""
) -> np.ndarray:
    """An answer as an array of numbers or bools of a shape; `said` begins the message."""
    try:
        found = np.asarray(answer)
        if found.dtype == object:
            whole = all(isinstance(one, _BOOL) for one in found.flat)
            numbers = [one if whole else float(one) for one in found.flat]
            found = np.array(numbers).reshape(found.shape)
    except Exception:  # rows of several lengths, or what no array can hold
        found = np.array(None)
    usable = found.dtype.kind in "biuf" and found.shape != ()
    expect(usable, f"{said}expected {what} of the shape {shape}, not {described(answer)}")
    expect(found.shape == shape, f"{said}expected {what} of the shape {shape}, not {found.shape}")
    return found


def read_mask(answer: Any, shape: tuple[int, ...], said: str = "") -> np.ndarray:
    """An answer as a bool array of a shape."""
    found = read_array(answer, shape, "a mask", said)
    expect(found.dtype == bool, f"{said}a mask is bool, True or False, and yours is {found.dtype}")
    return found


def described(value: Any) -> str:
    """What a value is, in a few words: "a list of 3", "the text 'b'"."""
    kind = type(value).__name__
    if value is None or value is ...:
        return "nothing"
    if callable(value) and hasattr(value, "__name__"):
        return "a function"
    if isinstance(value, str | bytes):
        return f"the text {value[:40]!r}" if len(value) else "an empty text"
    if isinstance(value, bool | int | float | np.generic):
        return f"the {'value' if isinstance(value, _BOOL) else 'number'} {value}"
    if hasattr(value, "shape"):
        return f"{_article(kind)} of the shape {tuple(value.shape)}"
    if isinstance(value, Sequence | Set | Mapping):
        return f"{_article(kind)} of {len(value)}" if len(value) else f"an empty {kind}"
    return _article(kind)


_BOOL = bool | np.bool_
_JOINING = ("and", "only", "just")
_PLACED = r"\b(?:(\d+)[\s.):=→-]*|([a-z])\s*[:=]\s*)([a-z])\b"  # "1c", "1-c", "1: c", "A: c"


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "ndarray" else f"a {kind}"


def _bare(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _not_a_set(answer: Any, wanted: str) -> None:
    several = isinstance(answer, Set) and len(answer) > 1
    expect(not several, f"expected {wanted} in their order, and a set has none: use a list")


def _flat(answer: Any) -> list:
    """The single items of nested lists, tuples, sets, arrays, Series and the like, in order."""
    if isinstance(answer, bytes):
        return [answer.decode(errors="replace")]
    if isinstance(answer, np.generic):
        return [answer.item()]
    if hasattr(answer, "__array__") and not isinstance(answer, str):
        answer = np.asarray(answer)
        return list(answer.ravel())
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        return [answer]
    return [single for one in answer for single in _flat(one)]


def _float(one: Any, what: str) -> float:
    text = one.strip().lower() if isinstance(one, str) else ""
    text = re.sub(r"^((the )?(answer|result)( is)?|about|roughly)?[\s:=~≈]*", "", text)
    text = re.sub(r"\s", " ", text.rstrip(".").replace("_", ""))
    unit = re.search(r"(?<=\d) ?([a-z²]+)$", text)
    text = text[: unit.start()] if unit and unit[1] in what.split() else text  # "25.00 mm"
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}([, ']\d{3})+(\.\d+)?", text):
        text = re.sub("[, ']", "", text)  # thousands
    text = re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", text)
    over = re.fullmatch(r"([\d.]+)\s*/\s*([\d.]+)", text)
    try:
        if isinstance(one, _BOOL | bytes):
            raise ValueError
        return float(over[1]) / float(over[2]) if over else float(text or one)
    except (ArithmeticError, TypeError, ValueError):
        raise NotYet(f"expected {what}, not {described(one)}") from None

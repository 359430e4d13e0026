"""What exercises judge films by: invented patients, parts of them, their names, grey values."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lungseg_utils.teaching.exercises.typed import (
    NotYet,
    described,
    expect,
    read_array,
    read_names,
)
from lungseg_utils.types import Record

PARTS = {"training": 0.7, "validation": 0.1, "testing": 0.2}


class Rehashed(str):
    """The same text, elsewhere in a set, as after a new start of Python."""

    def __hash__(self):
        return hash(self[::-1])


def made_up_records(
    count: int = 60, sexes: str = "FM", seed: int = 3, letter: str = "P"
) -> tuple[Record, ...]:
    """Records of `count` invented people, without files; every fourth was X-rayed two or three
    times. Names begin with `letter`, and are otherwise the same for the same seed.
    """
    rng, records = np.random.default_rng(seed), []
    for person in range(count):
        sex, age = rng.choice(list(sexes)), float(rng.integers(20, 80))
        visits = rng.integers(2, 4) if person % 4 == 0 else 1
        names = [f"{letter}{person:03d}{visit}" for visit in "abc"[:visits]]
        paths = Path("image.png"), (Path("left.png"), Path("right.png"))
        for name in names:
            label, facts = int(rng.integers(2)), ((512, 512), (0.8, 0.7), names[0])
            records.append(Record(name, *paths, *facts, age=age, sex=str(sex), label=label))
    return tuple(records[place] for place in rng.permutation(len(records)))


def tested_names(parts: Sequence, records: Sequence[Record]) -> frozenset[str]:
    """The names of the test part, once the parts are whole, apart and of the right sizes."""
    parts = list(parts.values()) if isinstance(parts, Mapping) else list(parts)
    many = f"return three lists, for {', '.join(PARTS)}; yours is {described(parts)}"
    expect(len(parts) == 3, many)
    whole = all(isinstance(one, Record) for part in parts for one in part)
    expect(whole, "the three lists should hold the records themselves, not names or places")
    names = Counter(one.name for part in parts for one in part)
    lost = sorted({one.name for one in records} - names.keys())
    expect(not lost, f"{len(lost)} records are in no part, {', '.join(lost[:1])} among them")
    twice = [name for name, count in names.items() if count > 1]
    expect(not twice, f"{len(twice)} records are there twice, {', '.join(twice[:1])} among them")
    people = [{one.patient for one in part} for part in parts]
    shared = sorted(one for one, n in Counter(p for part in people for p in part).items() if n > 1)
    expect(not shared, f"patient {', '.join(shared[:1])} is in two parts: shuffle the patients")
    for (name, share), part, its in zip(PARTS.items(), parts, people, strict=True):
        count = len({one.patient for one in records})
        by_people = abs(len(its) - share * count) <= 1.5
        by_images = abs(len(part) - share * len(records)) <= 3
        said = f"{name} has {len(its)} of {count} patients, and {share:.0%} were asked for"
        expect(by_people or by_images, said)
    return frozenset(one.name for one in parts[2])


def expect_same_order(split: Callable, records: Sequence[Record], tested: frozenset[str]) -> None:
    """Raise `NotYet` if the names that a split tests depend on the order of a set."""
    renamed = made_up_records(letter="Q")
    alike = {f"P{name[1:]}" for name in tested_names(split(renamed, 0), renamed)} == tested
    # a split may well depend on the letters of a name, but not on its place in a set
    moved = [replace(one, patient=Rehashed(one.patient)) for one in records]
    try:
        alike = alike or tested_names(split(moved, 0), moved) == tested
    except NotYet:  # it no longer finds its own names in a set
        alike = False
    said = "a set has another order whenever Python starts, and so has your split: sort it first"
    expect(alike, said)


def expect_alone(given: Any, images: Sequence[str], masks: Sequence[str]) -> None:
    """Raise `NotYet` unless names are those of images without a mask and of masks without an
    image. All are like "P1_0", and "P3_k" is among them.
    """
    given = list(given.values()) if isinstance(given, Mapping) else given
    found, ours, theirs = set(read_names(given, "names")), set(images), set(masks)
    long = sorted(name for name in found if name.endswith("_mask"))
    expect(not long, f"it names {', '.join(long[:1])}: take `_mask` off first")
    short = sorted(name for name in found if name[:1] == "P" and "_" not in name)
    expect(short != ["P3"], "rstrip takes letters, not an ending: P3_k became P3")
    expect(not short, f"{', '.join(short[:1])} is cut short: only `_mask` has to come off")
    both = sorted(found & ours & theirs)
    expect(not both, f"it names {', '.join(both)}, and that has both: compare the names alone")
    for one, missing in ((ours - theirs, "mask"), (theirs - ours, "image")):
        lost = f"{', '.join(sorted(one - found))} has no {missing}, and is not in your answer"
        expect(one <= found, f"{lost}: look in both directions")
    wrong = found - (ours ^ theirs)
    expect(not wrong, f"it says {', '.join(sorted(wrong))}, which none of the lists names")


def close(found: float, right: float) -> bool:
    """Whether a number is another one, all but a thousandth."""
    return bool(np.isclose(found, right, rtol=1e-3))


def expect_window(given: Any, values: np.ndarray, centre: int, width: int) -> None:
    """Raise `NotYet` unless `given` is what a window of a centre and a width makes of values."""
    low, high = centre - width / 2, centre + width / 2
    said = f"window of centre {centre} and width {width}: "
    found = read_array(given, values.shape, "numbers", said).astype(float)
    raw = (values - low) / width
    right = np.clip(raw, 0, 1)
    expect(not np.allclose(found, raw), "what lies outside the window is black or white: clip")
    wrapped = (values - np.uint16(max(low, 0))) / width
    wrapped = low > 0 and np.allclose(found, np.clip(wrapped, 0, 1))
    expect(not wrapped, "uint16 has no numbers below 0 and starts again at 65,535: use floats")
    wide = np.clip((values - (low - width / 2)) / (2 * width), 0, 1)
    said += f"it reaches from {low:g} to {high:g}"
    expect(not np.allclose(found, wide), f"{said}, half of the width to each side")
    scaled = found.max() <= 1.001 and found.min() >= 0
    expect(scaled, f"numbers from 0 to 1; yours go from {found.min():g} to {found.max():g}")
    at = np.unravel_index(np.abs(found - right).argmax(), right.shape)
    said += f", so {values[at]} becomes {right[at]:.2f}; yours is {found[at]:.2f}"
    expect(np.allclose(found, right, atol=1e-3), said)


def expect_grey(given: Any, pixels: np.ndarray, bits: int, inverted: bool) -> None:
    """Raise `NotYet` unless `given` is pixels of so many bits from 0 to 1, with bone bright."""
    largest, inverse = int(pixels.max()), "inverted " * inverted
    name = f"{bits}-bit {inverse}file whose largest pixel is {largest}"
    found = read_array(given, pixels.shape, "numbers", "one number a pixel: ").astype(float)
    plain, top = pixels / (2**bits - 1), float(found.max())
    right = 1 - plain if inverted else plain
    turned = inverted and np.allclose(found, plain, atol=1e-4)
    expect(not turned, "`inverted` means that 0 is white: bone must come out bright")
    expect(top <= 1, f"of the {name} the brightest becomes {top:.4g}, above 1")
    own = pixels / largest
    by_own = np.allclose(found, own) or np.allclose(found, 1 - own)
    expect(not by_own, f"the {name} does not use its whole range: divide by the file's depth")
    by_power = not inverted and np.isclose(top, largest / 2**bits, rtol=1e-5)
    expect(not by_power, f"{bits} bits hold 0 to {2**bits - 1}, so divide by that")
    said = f"the {name} should go from {right.min():.3f} to {right.max():.3f}"
    said += f", and yours goes from {found.min():.3f} to {top:.3f}"
    expect(np.allclose(found, right, atol=1e-4), said)

"""Notebook 01: which records are for training, validation and testing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungseg_utils.types import Record


@dataclass(frozen=True)
class Split:
    """Records to train on, to choose settings with, and to measure once."""

    train: tuple[Record, ...]
    validation: tuple[Record, ...]
    test: tuple[Record, ...]


FOLDS, LEAST_PATIENTS = 5, 10


def split_by_patient(records: Sequence[Record], seed: int = 0, fold: int = 0) -> Split:
    """About 70 % for training, 10 % for validation, 20 % for testing, no patient in two parts.

    Each record is tested in one `fold` of the five, 0 to 4. Grouped by patient and, where a label
    has ten records, stratified by label. Seed 0, that of the weights that ship, is not permuted.
    Raises: ValueError with fewer than ten patients, or for a fold that there is not.
    """
    if fold not in range(FOLDS):
        raise ValueError(f"there is no fold {fold}: choose one from 0 to {FOLDS - 1}")
    records = sorted(records, key=lambda record: record.name)
    patients = [record.patient for record in records]
    if len(set(patients)) < LEAST_PATIENTS:
        raise ValueError(f"a split needs at least ten patients; here are {len(set(patients))}")
    labels = [-1 if record.label is None else record.label for record in records]
    if max(Counter(labels).values()) < 10:
        labels = [0] * len(labels)
    parts = np.random.RandomState(seed).permutation(10) if seed else np.arange(10)
    tenth = (parts[_tenths(labels, patients, seed)] - 2 * fold) % 10

    def part(first: int, last: int) -> tuple[Record, ...]:
        pairs = zip(records, tenth, strict=True)
        return tuple(record for record, its in pairs if first <= its <= last)

    return Split(train=part(3, 9), validation=part(2, 2), test=part(0, 1))


def _tenths(labels: Sequence[int], patients: Sequence[str], seed: int) -> np.ndarray:
    """Which of ten parts each record is in, 0 to 9.

    Patients with many records of one label are placed first, at random among equals; each goes
    where the shares of the labels then differ least from part to part. As StratifiedGroupKFold of
    scikit-learn 1.8, whose older versions take one patient's labels for another's (PR 32540).
    """
    names, patient = np.unique(patients, return_inverse=True)
    kinds, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(kinds)))
    np.add.at(counts, (patient, label), 1)
    order = np.random.RandomState(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].std(axis=1), kind="stable")]
    part, placed = np.zeros(len(names), int), np.zeros((10, len(kinds)))
    for one in order:
        # (part that gets the patient, part, label)
        after = placed + counts[one] * np.eye(10)[..., None]
        spread, size = (after / counts.sum(axis=0)).std(axis=1).mean(axis=1), placed.sum(axis=1)
        best = 0
        for i in range(1, 10):
            alike = np.isclose(spread[i], spread[best])
            if spread[i] < spread[best] or (alike and size[i] < size[best]):
                best = i
        part[one] = best
        placed[best] += counts[one]
    return part[patient]


def article_split(records: Sequence[Record]) -> Split:
    """The article's own split (112/13/13 of Montgomery's 138), which ignores patients.

    File names sorted; a tenth for validation, then as many for testing, drawn with scikit-learn's
    `train_test_split` and `random_state=42` both times. For comparison: its parts share patients.
    """
    from sklearn.model_selection import train_test_split

    ordered = sorted(records, key=lambda record: record.name)
    size = int(0.1 * len(ordered))
    rest, validation = train_test_split(ordered, test_size=size, random_state=42)
    train, test = train_test_split(rest, test_size=size, random_state=42)
    return Split(tuple(train), tuple(validation), tuple(test))


def subsample(records: Sequence[Record], count: int) -> tuple[Record, ...]:
    """At most `count` records in their order: repeated patients first, then evenly spaced others.

    A small run keeps what makes a set hard, patients with several images.
    """
    seen = Counter(record.patient for record in records)
    repeated = [record for record in records if seen[record.patient] > 1][:count]
    others = [record for record in records if seen[record.patient] == 1]
    places = np.linspace(0, len(others) - 1, min(count - len(repeated), len(others))).round()
    chosen = repeated + [others[int(place)] for place in places]
    return tuple(sorted(chosen, key=lambda record: record.name))

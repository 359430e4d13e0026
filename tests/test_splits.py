"""Which records go where: no patient in two parts, nothing lost, the same every time."""

import csv
from collections import Counter

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from laws import every_case
from packaging.version import Version
from sets import bare_record
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from lungseg_utils.radiographs import load_records
from lungseg_utils.splits import FOLDS, _tenths, article_split, split_by_patient, subsample


def bare_records(count, repeats=(), first=0, label=None):
    """Records without files; `repeats` gives groups of places that are one patient's."""
    group = {place: places[0] for places in repeats for place in places}
    return tuple(
        bare_record(f"R{first + i:04}", f"R{first + group.get(i, i):04}",
                    i % 5 // 3 if label is None else label)
        for i in range(count)
    )  # fmt: skip


# two in five are abnormal; one patient has six images, others two or three, of both labels
COUNT = 70
RECORDS = bare_records(COUNT, [range(6), (12, 13), (20, 21, 22), (30, 65), (43, 44), (50, 51)])


def parts(split):
    return split.train, split.validation, split.test


def names(records):
    return [record.name for record in records]


def names_of_all(split):
    return sorted(record.name for part in parts(split) for record in part)


@pytest.mark.parametrize("seed", range(100))
def test_patients_stay_together(seed):
    split = split_by_patient(RECORDS, seed)
    patients = [{record.patient for record in part} for part in parts(split)]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert names_of_all(split) == names(RECORDS)
    assert all(names(part) == sorted(names(part)) for part in parts(split))
    shares = [np.mean([record.label for record in part]) for part in parts(split)]
    np.testing.assert_allclose(shares, 0.4, atol=0.15)
    sizes = [len(part) / COUNT for part in parts(split)]
    np.testing.assert_allclose(sizes, [0.7, 0.1, 0.2], atol=0.05)


@pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.8"), reason="scikit-learn 1.8 mended its shuffling"
)
@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("seed", range(30))
def test_split_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(30, 150))
    labels, patients = rng.integers(0, 3, count), rng.integers(0, count, count)
    theirs = StratifiedGroupKFold(n_splits=10, shuffle=True, random_state=seed)
    ours = _tenths(labels, patients, seed)
    for part, (_, chosen) in enumerate(theirs.split(labels, labels, patients)):
        np.testing.assert_array_equal(np.flatnonzero(ours == part), chosen)


def test_split_is_the_same_with_every_version():
    test = [int(name[1:]) for name in names(split_by_patient(RECORDS).test)]
    assert test == [16, 18, 20, 21, 22, 23, 27, 28, 43, 44, 47, 48, 61, 67]


def test_split_is_the_same_for_a_seed_and_another_for_another():
    assert split_by_patient(RECORDS, 3) == split_by_patient(list(RECORDS), 3)
    assert len({split_by_patient(RECORDS, seed) for seed in range(4)}) == 4


def test_each_record_is_tested_in_one_fold():
    folds = [split_by_patient(RECORDS, fold=fold) for fold in range(FOLDS)]
    assert sorted(name for split in folds for name in names(split.test)) == names(RECORDS)
    for split in folds:
        assert names_of_all(split) == names(RECORDS)
        patients = [{record.patient for record in part} for part in parts(split)]
        assert sum(map(len, patients)) == len(set.union(*patients))
        assert {record.label for record in split.test} == {0, 1}
    assert folds[0] == split_by_patient(RECORDS)


def test_patients_with_several_records_fall_in_any_part():
    """They are placed first, in the first tenths: these are then permuted."""
    repeated = {patient for patient, n in Counter(r.patient for r in RECORDS).items() if n > 1}
    found = {patient: set() for patient in repeated}
    for seed in range(1, 41):
        for name, part in vars(split_by_patient(RECORDS, seed)).items():
            for patient in repeated & {record.patient for record in part}:
                found[patient].add(name)
    assert all(names == {"train", "validation", "test"} for names in found.values())


def test_split_leaves_the_global_generator_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    split_by_patient(RECORDS)
    article_split(RECORDS)
    assert (before == np.random.get_state()[1]).all()


def test_too_few_patients_are_refused():
    records = bare_records(30, [range(21)])
    assert len(parts(split_by_patient(records))) == 3
    with pytest.raises(ValueError, match="needs at least ten patients; here are 9"):
        split_by_patient(bare_records(30, [range(22)]))


@pytest.mark.parametrize(("normal", "abnormal"), [(5, 5), (9, 9), (10, 0), (12, 11)])
def test_small_sets_are_split(normal, abnormal):
    records = bare_records(normal, label=0) + bare_records(abnormal, first=normal, label=1)
    split = split_by_patient(records)
    assert names_of_all(split) == names(records)
    assert all(parts(split))


def test_records_without_label_are_split():
    records = [bare_record(f"R{i:04}") for i in range(20)]
    assert [len(part) for part in parts(split_by_patient(records))] == [14, 2, 4]


def test_subsample_keeps_repeated_patients_and_order():
    chosen = subsample(RECORDS, 30)
    assert len(chosen) == 30
    assert names(chosen) == sorted(set(names(chosen)))
    repeated = {p for p, n in Counter(r.patient for r in RECORDS).items() if n > 1}
    assert {r for r in RECORDS if r.patient in repeated} <= set(chosen)
    others = [int(r.name[1:]) for r in chosen if r.patient not in repeated]
    assert np.diff(others).max() < 12
    assert subsample(chosen, 30) == chosen


@pytest.mark.parametrize("count", [1, 5, 17, 69, 70, 500])
def test_subsample_gives_the_count_or_all(count):
    assert len(set(subsample(RECORDS, count))) == min(count, COUNT)


def test_article_split_takes_tenths_whatever_the_order():
    split = article_split(RECORDS)
    assert [len(part) for part in parts(split)] == [56, 7, 7]
    assert names_of_all(split) == names(RECORDS)
    assert split == article_split(RECORDS[::-1])


@pytest.mark.real
def test_article_split_is_the_articles(real_data):
    folder = real_data / "montgomery_512"
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        listed = {row["file"][:-4]: row["article_split"] for row in csv.DictReader(file)}
    records = load_records(folder)
    split = article_split(records)
    ours = {"train": split.train, "val": split.validation, "test": split.test}
    assert {r.name: part for part, chosen in ours.items() for r in chosen} == listed
    assert [len(part) for part in parts(split)] == [112, 13, 13]
    patients = [{record.patient for record in part} for part in parts(split)]
    assert sum(map(len, patients)) > len(set.union(*patients)) == 135


@pytest.mark.real
def test_patients_of_the_real_set_stay_together(real_data):
    records = load_records(real_data / "montgomery_512")
    for seed in range(10):
        split = split_by_patient(records, seed)
        patients = [{record.patient for record in part} for part in parts(split)]
        assert sum(map(len, patients)) == len(set.union(*patients)) == 135


@pytest.mark.parametrize("fold", [-1, 5, 10, 0.5])
def test_a_fold_that_there_is_not_is_refused(fold):
    records = [bare_record(f"A{number}") for number in range(12)]
    with pytest.raises(ValueError, match=f"no fold {fold}: choose one from 0 to 4"):
        split_by_patient(records, fold=fold)


@every_case
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0, 1, None])), min_size=10, max_size=40),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
def test_laws_of_the_split(patients, seed, random):
    records = [
        bare_record(f"{number:02}-{image}", f"{number:02}-0", label)
        for number, (images, label) in enumerate(patients)
        for image in range(images)
    ]
    shuffled = random.sample(records, len(records))
    tested = []
    for fold in range(FOLDS):
        split = split_by_patient(records, seed, fold)
        assert names_of_all(split) == names(records)
        owners = [{record.patient for record in part} for part in parts(split)]
        assert sum(map(len, owners)) == len(patients)
        assert split == split_by_patient(shuffled, seed, fold)
        tested += names(split.test)
    assert sorted(tested) == names(records)


@every_case
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(0, 80))
def test_laws_of_the_subsample(patients, count):
    records = [
        bare_record(f"{number:02}-{image}", f"{number:02}-0", 0)
        for number, images in enumerate(patients)
        for image in range(images)
    ]
    chosen = subsample(records, count)
    assert len(chosen) == len(set(names(chosen))) == min(count, len(records))
    assert names(chosen) == sorted(names(chosen))
    assert set(names(chosen)) <= set(names(records))


def tenths(records, labels, seed=0):
    """The records of each of the ten parts, by name, labels as they are given."""
    records = sorted(records, key=lambda record: record.name)
    found = _tenths(labels, [record.patient for record in records], seed)
    return [[r.name for r, its in zip(records, found, strict=True) if its == one]
            for one in range(10)]  # fmt: skip


@pytest.mark.parametrize("fold", range(FOLDS))
def test_a_fold_tests_its_own_two_tenths_and_validates_on_the_next(fold):
    ten = tenths(RECORDS, [record.label for record in RECORDS])
    split = split_by_patient(RECORDS, fold=fold)
    first = 2 * fold
    assert names(split.test) == sorted(ten[first] + ten[first + 1])
    assert names(split.validation) == sorted(ten[(first + 2) % 10])


@pytest.mark.parametrize("most, kept_apart", [(9, False), (10, True)])
def test_labels_are_kept_apart_from_ten_of_one_on(most, kept_apart):
    records = bare_records(most, label=0) + bare_records(6, first=most, label=1)
    labels = [record.label for record in records]
    ten, alike = tenths(records, labels), tenths(records, [0] * len(labels))
    assert ten != alike
    expected = ten if kept_apart else alike
    for fold in range(5):
        found = names(split_by_patient(records, fold=fold).test)
        assert found == sorted(expected[2 * fold] + expected[2 * fold + 1])


def test_the_unknown_are_a_label_of_their_own():
    known = [bare_record(f"K{i:02}", label=1) for i in range(20)]
    unknown = [bare_record(f"U{i:02}", label=None) for i in range(20)]
    ten = tenths(known + unknown, [1] * 20 + [2] * 20)
    assert names(split_by_patient(known + unknown).test) == sorted(ten[0] + ten[1])
    assert Counter(name[0] for name in ten[0] + ten[1]) == {"K": 4, "U": 4}


def test_article_split_draws_as_the_article_did():
    """scikit-learn's train_test_split, random_state=42 both times, of the sorted names."""
    ordered = sorted(names(RECORDS))
    rest, validation = train_test_split(ordered, test_size=7, random_state=42)
    train, test = train_test_split(rest, test_size=7, random_state=42)
    assert [names(part) for part in parts(article_split(RECORDS))] == [train, validation, test]

"""What is known of patients: ages and sexes in several sets' words, tables, and who is who."""

import numpy as np
import pytest
from sets import NAMES, write_metadata, write_pictures, write_reading, write_set

from lungseg_utils.radiographs import find_set, load_records
from lungseg_utils.readings import read_clinical, read_metadata

TEXTS = {
    # text, sex, age, reading
    "Montgomery": ("Patient's Sex: F \nPatient's Age: 027Y\nnormal\n\n", "F", 27, "normal"),
    "an infant": ("Patient's Sex: M\nPatient's Age: 018M\nnormal", "M", 1.5, "normal"),
    "Shenzhen": ("male 45yrs\nbilateral PTB", "M", 45, "bilateral PTB"),
    "Shenzhen, with a comma": ("female, 30 yrs\nnormal", "F", 30, "normal"),
    "Shenzhen, months": ("Female 8months\nnormal", "F", 8 / 12, "normal"),
    "capitals": ("PATIENT'S SEX: f\nPATIENT'S AGE: 27y\nnormal", "F", 27, None),
    "no age": ("Patient's Sex: O\nnormal", "O", None, "normal"),
    "neither": ("older woman, male pattern of hair", "", None, "older woman, male pattern of hair"),
    "nothing": ("", "", None, ""),
    "words in the middle": ("Patient's Age: 027Y\nsee male 45yrs", "", 27, "see male 45yrs"),
}


@pytest.mark.parametrize("case", TEXTS.values(), ids=TEXTS)
def test_sex_age_and_reading_come_from_the_text(case, tmp_path):
    text, sex, age, reading = case
    (tmp_path / "one.txt").write_text(text)
    faults = []
    found = read_clinical(tmp_path / "one.txt", faults)
    assert found["sex"] == sex and found["age"] == (age and pytest.approx(age))
    assert reading is None or found["reading"] == reading
    missing = ["tells no sex"] * (not sex) + ["tells no age"] * (age is None)
    assert [fault.fault for fault in faults] == missing and not any(one.stops for one in faults)


TABLES = {
    # table, what the row says
    "in its own words": ("file,patient,sex,age\na.png,7,F,30", {"patient": "7", "sex": "F"}),
    "in other words": ("Image Index,Patient ID,Patient Gender,Patient Age\na.png,7,M,30",
                       {"patient": "7", "sex": "M", "age": 30}),
    "with semicolons": ("file;abnormal;age\na.png;1;30", {"label": 1, "age": 30}),
    "with tabs": ("file\tsex\na.png\tfemale", {"sex": "F"}),
    "without endings": ("file,age\na,30", {"age": 30}),
    "with a folder": ("file,age\nimages/a.png,30", {"age": 30}),
    "with blanks": ("file, Age ,sex\na.png, 30 , f ", {"age": 30, "sex": "F"}),
    "a short row": ("file,patient,age\na.png,7", {"patient": "7", "age": None}),
    "a long row": ("file,age\na.png,30,more,still", {"age": 30}),
    "as pandas writes": ("file,abnormal,patient,sex\na.png,1.0,nan,NaN",
                         {"label": 1, "patient": "", "sex": ""}),
    "a decimal comma": ("file;age\na.png;45,5", {"age": 45.5}),
    "a column and its other name": ("file,name,label\na.png,Somebody,1", {"label": 1}),
    "saved by Excel": ("\ufefffile,age\r\na.png,30\r\n", {"age": 30}),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_a_table_is_read_as_people_write_it(case, tmp_path):
    text, expected = case
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8", newline="")
    faults = []
    found = read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert expected.items() <= found["a"].items()
    assert not faults or "columns that are not read: name" in faults[0].fault


@pytest.mark.parametrize("age", ["411", "1e3", "4_5", "-1", "inf"])
def test_an_age_that_nobody_has_is_a_fault(age, tmp_path):
    (tmp_path / "metadata.csv").write_text(f"file,age\na.png,{age}")
    faults = []
    found = read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert found["a"]["age"] is None and f"has age {age} in the row" in faults[0].fault


def test_a_column_names_the_patients(tmp_path):
    names = ["00000001_000", "00000001_001", "00000002_000", "00000003_000"]
    write_set(tmp_path, names)
    rows = ["Image Index,Patient ID", *(f"{name}.png,{int(name[:8])}" for name in names)]
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    patients = [record.patient for record in load_records(tmp_path)]
    assert patients == [names[0], names[0], names[2], names[3]]
    assert find_set(tmp_path).faults == ()


ASKED = {
    "follow-ups": (["P00_0", "P00_1", "P01_0"], True),
    "one row of numbers": (["case_1", "case_2", "case_3"], False),
    "no underscore": (["a1", "a2", "b1"], False),
    "each its own": (["a_1", "b_1", "c_1"], False),
}


@pytest.mark.parametrize("names, asked", ASKED.values(), ids=ASKED)
def test_names_that_repeat_are_asked_about(names, asked, tmp_path):
    for tilt, name in enumerate(names):
        write_pictures(tmp_path, name, tilt=5 * tilt)
    found = find_set(tmp_path)
    assert [fault.file for fault in found.faults] == [tmp_path] * asked
    assert [record.label for record in found.records] == [None] * 3
    if asked:
        assert "such as P00_" in found.faults[0].fault and not found.faults[0].stops


def test_a_reading_may_name_a_file_of_any_kind(tmp_path):
    names = ["a-1", "b.2", "c"]
    write_set(tmp_path, names)
    for name, text in zip(names, ["normal", "(same pt as a-1)", "(same pt as b.2)."], strict=True):
        write_reading(tmp_path, name, text)
    assert {record.patient for record in load_records(tmp_path)} == {"a-1"}


def test_readings_that_name_each_other_need_no_column(tmp_path):
    write_set(tmp_path, NAMES)
    (tmp_path / "ClinicalReadings" / f"{NAMES[1]}.txt").write_text(
        f"Patient's Sex: F\nPatient's Age: 027Y\n(same pt as {NAMES[0]})"
    )
    write_metadata(tmp_path, NAMES, "file,patient", "{name}.png,")
    assert [record.patient for record in load_records(tmp_path)] == [NAMES[0], *NAMES[::2][:1],
                                                                    *NAMES[2:]]  # fmt: skip
    assert np.unique([record.label for record in load_records(tmp_path)]).tolist() == [0, 1]

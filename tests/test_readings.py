"""What is known of patients: ages and sexes in several sets' words, tables, and who is who."""

from pathlib import Path

import numpy as np
import pytest
from sets import NAMES, write_metadata, write_pictures, write_reading, write_set
from systems import device, link, pipe

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
    (tmp_path / "one.txt").write_text(text, encoding="utf-8")
    faults = []
    found = read_clinical(tmp_path / "one.txt", faults)
    assert found["sex"] == sex and found["age"] == (age and pytest.approx(age))
    assert reading is None or found["reading"] == reading
    missing = ["tells no sex"] * (not sex) + ["tells no age"] * (age is None)
    assert [fault.fault for fault in faults] == missing and not any(one.stops for one in faults)


def text(content, encoding="utf-8"):
    """A file of that text."""
    return lambda path: path.write_text(content, encoding=encoding)


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
    "empty cells behind a row": ("file,age\na.png,30,,", {"age": 30}),
    "with backslashes": ("file,age\nC:\\images\\a.png,30", {"age": 30}),
    "in other capitals": ("file,age\nA.PNG,30", {"age": 30}),
    "with years": ("file,age\na.png,030Y", {"age": 30}),
    "by an old Mac": ("file,age\ra.png,30\r", {"age": 30}),
    "with quotes": ('"file","age","sex"\n"a.png","30","F"', {"age": 30, "sex": "F"}),
    "as pandas writes": ("file,abnormal,patient,sex\na.png,1.0,nan,NaN",
                         {"label": 1, "patient": "", "sex": ""}),
    "a decimal comma": ("file;age\na.png;45,5", {"age": 45.5}),
    "a column and its other name": ("file,name,label\na.png,Somebody,1", {"label": 1}),
    "saved by Excel": ("\ufefffile,age\r\na.png,30\r\n", {"age": 30}),
    "two columns that agree": ("file,sex,Gender\na.png,F,F", {"sex": "F"}),
    "columns without a name": (",file,age,,\n0,a.png,30,,", {"age": 30}),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_a_table_is_read_as_people_write_it(case, tmp_path):
    text, expected = case
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8", newline="")
    faults = []
    found = read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert expected.items() <= found["a"].items()
    assert not faults or "columns that are not read: name" in faults[0].fault


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["metadata.csv", "Metadata.CSV"])
def test_a_table_is_found_in_any_capitals_and_unicode(name, encoding, tmp_path):
    (tmp_path / name).write_text("file;patient\na.png;Bär", encoding=encoding)
    (tmp_path / ".~lock.metadata.csv").touch()
    faults = []
    found = read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert found["a"]["patient"] == "bär" and not faults


UNREAD = "cannot be read as a table: save it as CSV in UTF-8, close its quotes, or remove it"
NO_TABLES = {
    # what stands in the folder, what is said
    "a link to nothing": (lambda path: link(path, "nowhere"), UNREAD),
    "a folder": (Path.mkdir, UNREAD),
    "a pipe": (pipe, 'has no column "file"'),
    "a device that never ends": (device, 'no column "file"'),
    "Excel's own": (lambda path: path.write_bytes(b"PK\3\4\xff\0\xfe"), UNREAD),
    "Excel's own beside": (lambda path: path.with_suffix(".xlsx").touch(),
                           "metadata.xlsx is not read: if it tells of the images, save it as"),
    "another table": (lambda path: path.with_name("people.csv").touch(), "people.csv is not read"),
    "UTF-16 that does not say so": (text("file,age\na.png,3", "utf-16-le"), UNREAD),
    "a zero byte": (text("file,age\na.png,\0"), UNREAD),
    "a very long cell": (text(f"file,age\na.png,{'3' * 140_000}"), UNREAD),
    "a quote that is not closed": (text('file,patient\na.png,"Doe\nb.png,Roe'), UNREAD),
    "a Git LFS pointer": (
        text("version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n"),
        "metadata.csv is a Git LFS pointer: run git lfs pull"),
    "two columns of one name": (text("file,sex,age,Sex\na.png,F,30,M"),
                                'has two columns for sex, one of them "sex": keep one'),
    "two columns that mean one": (text("file,sex,gender\na.png,F,M"),
                                  'has two columns for sex, one of them "gender": keep one'),
    "two columns of files": (text("image,age,name\na.png,30,b.png"),
                             'has two columns for file, one of them "name": keep one'),
    "a comma without quotes": (text("file,patient,age\na.png,Doe, J,30"),
                               "has more cells than columns in the row of a.png: put what holds"),
}  # fmt: skip


@pytest.mark.parametrize("make, says", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_said_in_one_sentence(make, says, tmp_path):
    make(tmp_path / "metadata.csv")
    faults = []
    read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert says in str(faults[0]) and faults[0].stops == ("is not read" not in says)


ONE_PATIENT = [("P03", "p03"), ("P03", " P 03"), ("3", "3.0"), ("003", "3"), ("MÜLLER", "müller")]
TWO_PATIENTS = [("P03", "P3"), ("3.5", "35"), ("30", "3"), ("0", "")]


@pytest.mark.parametrize("pair", [*ONE_PATIENT, *TWO_PATIENTS])
def test_a_patient_may_be_written_in_several_ways(pair, tmp_path):
    write_set(tmp_path, ["a", "b"])
    (tmp_path / "metadata.csv").write_text("file,patient\n{}.png,{}\n{}.png,{}".format(
        "a", pair[0], "b", pair[1]), encoding="utf-8")  # fmt: skip
    patients = [record.patient for record in load_records(tmp_path)]
    assert patients == (["a", "a"] if pair in ONE_PATIENT else ["a", "b"])


def test_a_reading_that_is_a_device_is_not_waited_for(tmp_path):
    device(tmp_path / "one.txt")
    faults = []
    assert read_clinical(tmp_path / "one.txt", faults)["reading"] == "" and len(faults) == 2


@pytest.mark.parametrize("age", ["411", "1e3", "4_5", "-1", "inf"])
def test_an_age_that_nobody_has_is_a_fault(age, tmp_path):
    (tmp_path / "metadata.csv").write_text(f"file,age\na.png,{age}", encoding="utf-8")
    faults = []
    found = read_metadata(tmp_path / "metadata.csv", {"a": tmp_path / "a.png"}, faults)
    assert found["a"]["age"] is None and f"has age {age} in the row" in faults[0].fault


def test_a_column_names_the_patients(tmp_path):
    names = ["00000001_000", "00000001_001", "00000002_000", "00000003_000"]
    write_set(tmp_path, names)
    rows = ["Image Index,Patient ID", *(f"{name}.png,{int(name[:8])}" for name in names)]
    (tmp_path / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    patients = [record.patient for record in load_records(tmp_path)]
    assert patients == [names[0], names[0], names[2], names[3]]
    assert find_set(tmp_path).faults == ()


ASKED = {
    "follow-ups": (["P00_0", "P00_1", "P01_0"], True),
    "with dashes": (["P00-0", "P00-1", "P01-0"], True),
    "with blanks": (["P00 0", "P00 1", "P01 0"], True),
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
        assert f'such as "P00{names[0][3]}"' in found.faults[0].fault
        assert not found.faults[0].stops


def test_a_reading_may_name_a_file_of_any_kind(tmp_path):
    names = ["a-1", "b.2", "c"]
    write_set(tmp_path, names)
    for name, text in zip(names, ["normal", "(same pt as a-1)", "(same pt as b.2)."], strict=True):
        write_reading(tmp_path, name, text)
    assert {record.patient for record in load_records(tmp_path)} == {"a-1"}


def test_readings_that_name_each_other_need_no_column(tmp_path):
    write_set(tmp_path, NAMES)
    (tmp_path / "ClinicalReadings" / f"{NAMES[1]}.txt").write_text(
        f"Patient's Sex: F\nPatient's Age: 027Y\n(same pt as {NAMES[0]})",
        encoding="utf-8",
    )
    write_metadata(tmp_path, NAMES, "file,patient", "{name}.png,")
    assert [record.patient for record in load_records(tmp_path)] == [NAMES[0], *NAMES[::2][:1],
                                                                    *NAMES[2:]]  # fmt: skip
    assert np.unique([record.label for record in load_records(tmp_path)]).tolist() == [0, 1]

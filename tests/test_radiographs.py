"""Files to records and images: depth, spacing, patients, ages; and the real sets."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sets import (
    HEADER,
    NAMES,
    SHAPE,
    files,
    radiograph,
    write_metadata,
    write_pictures,
    write_png,
    write_reading,
    write_set,
)

from lungseg_utils.images import read_image
from lungseg_utils.radiographs import LAYOUTS, MASK_ENDS, load_records
from lungseg_utils.types import Record


def test_records_are_sorted_and_whole(tmp_path):
    records = load_records(str(write_set(tmp_path, NAMES[::-1])))
    image, left, right = files(tmp_path, NAMES[2])
    assert records[2] == Record(
        NAMES[2], image, (left, right), SHAPE, (0.0875 * 4020 / 24, 0.0875 * 4892 / 32),
        patient=NAMES[2], age=27.0, sex="F", label=1, reading=f"reading of {NAMES[2]}",
    )  # fmt: skip
    assert [record.name for record in records] == list(NAMES)


def test_record_reads_its_own_files(tmp_path):
    for record in load_records(write_set(tmp_path)):
        tilt = 5 * NAMES.index(record.name)
        np.testing.assert_allclose(
            read_image(record.image_path), radiograph(tilt=tilt), atol=1 / 255
        )


SPACINGS = {
    # name, shape of the files, row of metadata.csv after the label, spacing
    "Montgomery as distributed": ("MCUCXR_0001_0", (4892, 4020), None, (0.0875, 0.0875)),
    "Montgomery on its side": ("MCUCXR_0001_0", (4020, 4892), None, (0.0875, 0.0875)),
    "Montgomery resized": ("MCUCXR_0001_0", (24, 32), "4892,4020,", (14.65625, 13.3765625)),
    "Montgomery resized, no table": ("MCUCXR_0001_0", (24, 32), None, None),
    "Montgomery resized, empty cells": ("MCUCXR_0001_0", (24, 32), ",,", None),
    "JSRT as distributed": ("JPCLN001", (2048, 2048), None, (0.175, 0.175)),
    "JSRT resized": ("JPCNN001", (32, 64), "2048,2048,", (11.2, 5.6)),
    "own, with the spacing": ("own", (24, 32), "64,48,0.2", (0.4, 0.4)),
    "own spacing of a known name": ("JPCLN001", (32, 32), "2048,2048,0.1", (6.4, 6.4)),
    "own, without the spacing": ("own", (24, 32), "64,48,", None),
    "own, without a table": ("own", (2048, 2048), None, None),
}


@pytest.mark.parametrize("case", SPACINGS.values(), ids=SPACINGS)
def test_spacing_is_of_the_files_own_pixels(case, tmp_path):
    name, shape, facts, expected = case
    for path in files(tmp_path, name):
        write_png(path, np.zeros(shape, np.uint8))
    if facts is not None:
        write_metadata(tmp_path, [name], HEADER, "{name}.png,,F,27," + facts)
    spacing = load_records(tmp_path)[0].spacing_mm
    assert spacing == (expected and pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "years"),
    [("027Y", 27), ("7Y", 7), ("018M", 1.5), ("026W", 0.4983), ("010D", 0.02738), ("000D", 0)],
)
def test_age_is_in_years(text, years, tmp_path):
    write_set(tmp_path)
    write_reading(tmp_path, NAMES[0], age=text)
    assert load_records(tmp_path)[0].age == pytest.approx(years, rel=1e-3)


def test_table_stands_in_for_the_readings(tmp_path):
    write_pictures(tmp_path, "JPCLN001")
    write_metadata(tmp_path, ["JPCLN001"], row="{name}.png,1,M,?,,,")
    record = load_records(tmp_path)[0]
    assert (record.sex, record.age, record.label, record.reading) == ("M", None, 1, "")


@pytest.mark.parametrize(
    ("name", "label"),
    [("SIM_0", 0), ("CHNCXR_1", 1), ("MCUCXR_12", None), ("A_0", None), ("A", None)],
)
def test_label_comes_from_the_name(name, label, tmp_path):
    write_pictures(tmp_path, name)
    assert load_records(tmp_path)[0].label == label


A, B, C, D, E, F = (f"MCUCXR_{number:04}_1" for number in range(1, 7))
ABSENT = "MCUCXR_0000_0"
PATIENTS = {
    "all different": ({}, (A, B, C, D, E, F)),
    "two": ({B: f"no change (same pt as {A})"}, (A, A, C, D, E, F)),
    "the later is named": ({A: f"(same pt as {D})"}, (A, B, C, A, E, F)),
    "two named at once": ({F: f"(same pt as {C}, {B})"}, (A, B, B, D, E, B)),
    "a chain": ({C: f"(same pt as {A})", E: f"(same pt as {C})"}, (A, B, A, D, A, F)),
    "a chain from behind": ({A: f"(same pt as {C})", C: f"(same pt as {E})"}, (A, B, A, D, A, F)),
    "two groups joined last": (
        {B: f"(same pt as {A})", D: f"(same pt as {C})", F: f"(same pt as {B}, {D})"},
        (A, A, A, A, E, A),
    ),
    "one that is not there": ({B: f"(same pt as {ABSENT})"}, (A, B, C, D, E, F)),
    "two that name one not there": (
        {B: f"(same pt as {ABSENT})", E: f"(same pt as {ABSENT})"}, (A, B, C, D, B, F),
    ),
    "in two brackets": ({F: f"(same pt as {A}) and (same pt as {C})"}, (A, B, A, D, E, A)),
    "itself": ({B: f"(same pt as {B})"}, (A, B, C, D, E, F)),
    "no closing bracket": ({B: f"same pt as {A}"}, (A, A, C, D, E, F)),
    "a name outside the bracket": ({B: f"(same pt as {A}) unlike {C}"}, (A, A, C, D, E, F)),
    "a name beside the point": ({B: f"compare {A}"}, (A, B, C, D, E, F)),
}  # fmt: skip


@pytest.mark.parametrize("case", PATIENTS.values(), ids=PATIENTS)
def test_patients_come_from_the_readings(case, tmp_path):
    readings, expected = case
    write_set(tmp_path, (A, B, C, D, E, F))
    for name, text in readings.items():
        write_reading(tmp_path, name, text)
    assert tuple(record.patient for record in load_records(tmp_path)) == expected


@pytest.mark.real
def test_montgomery_set(real_data):
    records = load_records(real_data / "montgomery_512")
    patients = Counter(record.patient for record in records)
    assert len(records) == 138
    assert Counter(record.label for record in records) == {0: 80, 1: 58}
    assert Counter(record.sex for record in records) == {"F": 74, "M": 63, "O": 1}
    assert all(record.age and record.reading for record in records)
    assert len(patients) == 135
    assert {name[7:11]: n for name, n in patients.items() if n > 1} == {"0113": 2, "0162": 3}
    groups = {"0113": {"0113", "0117"}, "0162": {"0162", "0166", "0170"}}
    for first, members in groups.items():
        found = {r.name[7:11] for r in records if r.patient == f"MCUCXR_{first}_1"}
        assert found == members
    spacings = {record.spacing_mm for record in records}
    assert spacings == {(0.0875 * h / 512, 0.0875 * w / 512)
                        for h, w in ((4020, 4892), (4892, 4020))}  # fmt: skip


@pytest.mark.real
def test_montgomery_at_its_native_size(real_data):
    records = load_records(real_data / "montgomery_full")
    assert len(records) == 16
    assert {record.spacing_mm for record in records} == {(0.0875, 0.0875)}
    assert {record.shape for record in records} == {(4020, 4892), (4892, 4020)}
    assert read_image(records[0].image_path).shape == records[0].shape


@pytest.mark.real
def test_jsrt_set(real_data):
    records = load_records(real_data / "jsrt_224")
    assert len(records) == len({record.patient for record in records}) == 247
    assert Counter(record.label for record in records) == {0: 93, 1: 154}
    assert sum(record.age is None for record in records) == 2
    np.testing.assert_allclose([record.spacing_mm for record in records], 1.6)


@pytest.mark.parametrize("text, age", [("0", 0), ("0.5", 0.5), ("27", 27), ("", None), ("?", None)])
def test_age_in_the_table_is_in_years_and_may_be_zero(text, age, tmp_path):
    write_pictures(tmp_path, "own")
    write_metadata(tmp_path, ["own"], row="{name}.png,1,M," + text + ",,,")
    assert load_records(tmp_path)[0].age == age


@pytest.mark.parametrize("sex", ["F", "M", "O", ""])
def test_sex_in_the_table(sex, tmp_path):
    write_pictures(tmp_path, "own")
    write_metadata(tmp_path, ["own"], row="{name}.png,1," + sex + ",27,,,")
    assert load_records(tmp_path)[0].sex == sex


def test_a_reading_of_several_lines_is_one_line(tmp_path):
    write_set(tmp_path)
    write_reading(tmp_path, NAMES[0], "  normal heart\n\n clear lungs ")
    assert load_records(tmp_path)[0].reading == "normal heart clear lungs"


def test_a_reading_comes_before_the_table(tmp_path):
    write_set(tmp_path)
    write_metadata(tmp_path, NAMES, row="{name}.png,{label},M,50,4892,4020,0.0875")
    record = load_records(tmp_path)[0]
    assert (record.sex, record.age) == ("F", 27.0)


def test_the_page_on_sets_has_every_layout_and_ending():
    text = (Path(__file__).parents[1] / "USING.md").read_text(encoding="utf-8")
    for one in LAYOUTS:
        masks = ", ".join(f"`{folder}`" for folder in one.masks)
        readings = f"`{one.readings}`" if one.readings else ""
        assert f"| {one.name} | `{one.images}` | {masks} | {readings} |" in text
    assert text.count("| JSRT with the masks of SCR |") == 2
    assert all(f"`{end}`" in text for end in MASK_ENDS if end)

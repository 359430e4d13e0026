"""All that is wrong with a set is said at once, and nothing of a set that is in order."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from breaking import add_row, as_jpeg, copy, draw, edit, flip_a_bit, remove, write
from sets import write_png

from lungseg_utils.app.checks import check_set, summary, table
from lungseg_utils.app.terminal import main
from lungseg_utils.masks import read_lungs
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.radiographs import load_records
from lungseg_utils.types import DataError

COUNT = 24


@pytest.fixture(scope="session")
def in_order(tmp_path_factory) -> Path:
    root = write_phantom_set(tmp_path_factory.mktemp("sets") / "good", COUNT, 128)
    # at so few pixels the bright rim of its lower border looks like numbers that overflowed
    path = root / "CXR_png/SIM_0016_0.png"
    cv2.imwrite(str(path), cv2.GaussianBlur(cv2.imread(str(path), -1), (0, 0), 0.7))
    return root


@pytest.fixture
def folder(in_order, tmp_path) -> Path:
    return Path(shutil.copytree(in_order, tmp_path / "set"))


def paths(folder: Path, number: int) -> tuple[str, ...]:
    """The names, below the set, of the image and both masks of a record."""
    record = load_records(folder)[number]
    every = (record.image_path, *record.mask_paths)
    return tuple(path.relative_to(folder).as_posix() for path in every)


def near_copy(pixels: np.ndarray) -> np.ndarray:
    """The same X-ray brightened, through a JPEG of low quality."""
    bright = np.uint8(255 * (pixels / 255) ** 0.8)
    return cv2.imdecode(cv2.imencode(".jpg", bright, (1, 60))[1], cv2.IMREAD_UNCHANGED)


def swap(root: Path, one: str, other: str) -> None:
    first, second = (root / one).read_bytes(), (root / other).read_bytes()
    (root / one).write_bytes(second)
    (root / other).write_bytes(first)


def plant_all(root: Path) -> dict[str, str]:
    """Plant faults of fifteen kinds, each in files of its own; returns what names each, by file."""
    files = [paths(root, number) for number in range(COUNT)]
    images, lefts, rights = zip(*files, strict=True)
    spare = "ManualMask/leftMask/spare.png"
    plan = [
        (images[0], write(images[0], b""), "is empty"),
        (images[1], edit(images[1], flip_a_bit), "is damaged and cannot be decoded"),
        (images[2], draw(images[2], np.zeros_like), "shows nothing, all its pixels are 0"),
        (images[3], remove(lefts[3]), "has no mask in leftMask"),
        (spare, copy(lefts[4], spare), "has no image with the same name"),
        (lefts[5], draw(lefts[5], lambda mask: 255 - mask), "of the picture"),
        (lefts[6], lambda _: [draw(it, np.zeros_like)(root) for it in (lefts[6], rights[6])],
         "is all black: it marks nothing"),
        (lefts[7], draw(lefts[7], np.zeros_like), "is all black"),
        (lefts[8], lambda _: swap(root, lefts[8], rights[8]), "lies on the right of the image"),
        (rights[9], copy(images[9], rights[9]), "grey values"),
        (lefts[10], draw(lefts[10], lambda mask: mask[:64]), "and its image"),
        (images[12], copy(images[11], images[12]), "is the same picture as"),
        (images[14], lambda _: (copy(images[13], images[14])(root),
                                draw(images[14], near_copy)(root)), "is nearly the same picture"),
        (images[15], draw(images[15], lambda image: 255 - image),
         "outlines what is as bright as its surroundings"),
        (images[16], copy(lefts[16], images[16]), "is a mask"),
        ("metadata.csv", add_row("nobody.png,3,F,27,4892,4020,0.0875"), "rows without an image"),
        (images[17], edit(images[17], lambda png: as_jpeg(png)[:-900]), "is cut short or damaged"),
    ]  # fmt: skip
    for _, plant, _ in plan:
        plant(root)
    said = {file: says for file, _, says in plan}
    # a mask is named where it does not fit, and so is the one that a copied image has now
    return said | {images[15]: "", lefts[15]: said[images[15]], lefts[12]: "", lefts[14]: ""}


def test_every_fault_of_a_set_is_named_in_one_run(folder):
    planted = plant_all(folder)
    faults = check_set(folder).faults
    for file, says in planted.items():
        found = [fault for fault in faults if fault.file == folder / file]
        assert any(says in fault.fault for fault in found) or not says, (file, says, found)
    wrong = {fault.file.relative_to(folder).as_posix() for fault in faults}
    assert wrong <= set(planted), wrong - set(planted)
    stopping = {fault.file.name for fault in faults if fault.stops}
    assert len(stopping) >= 12
    rows = pd.DataFrame(table(faults))
    assert list(rows["stops"]) == sorted(rows["stops"], reverse=True)


def test_a_set_in_order_has_no_fault(in_order):
    found = check_set(in_order)
    assert found.faults == () and len(table(found.faults)) == 0
    assert summary(found) == (
        f"layout: Montgomery County\n{COUNT} images with masks, of "
        f"{len({one.patient for one in found.records})} patients\n"
        "unknown: nothing"
    )


def test_what_is_unknown_is_counted(folder):
    shutil.rmtree(folder / "ClinicalReadings")
    (folder / "metadata.csv").unlink()
    found = check_set(folder)
    assert found.faults == ()
    assert summary(found).endswith(
        f"unknown: spacing of {COUNT}, sex of {COUNT}, age of {COUNT}, reading of {COUNT}"
    )


def test_one_fault_of_many_files_is_one_row(folder):
    for number in range(7):
        (folder / "ClinicalReadings" / f"{Path(paths(folder, number)[0]).stem}.txt").write_text(
            "", encoding="utf-8"
        )
    rows = pd.DataFrame(table(check_set(folder).faults))
    assert list(rows["fault"]) == ["tells no sex", "tells no age"]
    assert all(file.endswith(" (and 6 more)") for file in rows["file"]) and not rows["stops"].any()


def test_few_patients_are_told_but_can_be_evaluated(folder):
    for number in range(COUNT - 1, 4, -1):
        for path in paths(folder, number):
            (folder / path).unlink()
    (folder / "metadata.csv").unlink()
    (fault,) = check_set(folder).faults
    assert "patients, and a split takes 10" in fault.fault and not fault.stops


@pytest.mark.real
@pytest.mark.parametrize("name", ["montgomery_512", "jsrt_224", "montgomery_full"])
def test_the_real_sets_are_in_order(name, real_data):
    said = [str(fault) for fault in check_set(real_data / name).faults]
    assert len(said) == (name != "montgomery_full")
    assert all("has columns that are not read: article_split" in one for one in said)


@pytest.fixture
def one_file(in_order, tmp_path) -> Path:
    """The same set with one mask for both lungs."""
    for record in load_records(in_order):
        write_png(tmp_path / "set" / "masks" / f"{record.name}.png", np.uint8(read_lungs(record)))
        write_png(tmp_path / "set" / "images" / f"{record.name}.png",
                  cv2.imread(str(record.image_path), cv2.IMREAD_UNCHANGED))  # fmt: skip
    return tmp_path / "set"


def edged(width: int):
    return lambda mask: np.pad(mask[width:-width, width:-width], width, constant_values=1)


def specked(*rows: int):
    return lambda mask: mask | (np.isin(np.arange(128), rows)[:, None] & (np.arange(128) == 64))


PIECES = "pieces, but there are only two lungs"
DRAWN = {
    "one lung": (lambda mask: mask * (np.arange(128) < 64), "marks lung on only one side"),
    "the other": (lambda mask: mask * (np.arange(128) >= 64), "marks lung on only one side"),
    "a frame": (edged(2), PIECES),
    "a thin frame": (edged(1), PIECES),
    "specks": (specked(*range(5, 100, 9)), PIECES),
    "two specks, hardly to be seen": (specked(5, 99), "has 4 pieces, but there are only two lungs"),
    "a speck, to be seen": (specked(5, 6, 7, 8, 9), "has 3 pieces, but there are only two lungs"),
    "mirrored": (np.fliplr, "fits its image better mirrored"),
    "upside down": (np.flipud, "fits its image better upside down"),
    "turned by 180 degrees": (lambda mask: np.rot90(mask, 2), "better turned by 180 degrees"),
    "turned by 90 degrees": (np.rot90, "fits its image better turned by 270 degrees"),
    "turned by 270 degrees": (lambda mask: np.rot90(mask, 3), "better turned by 90 degrees"),
    "rows for columns": (np.transpose, "better with rows and columns exchanged"),
}


@pytest.mark.parametrize("change, says", DRAWN.values(), ids=DRAWN)
def test_a_mask_that_is_odd_is_named(change, says, one_file):
    name = sorted(path.name for path in (one_file / "masks").iterdir())[0]
    draw(f"masks/{name}", lambda mask: np.ascontiguousarray(change(mask).astype(np.uint8)))(
        one_file
    )
    faults = check_set(one_file).faults
    assert {fault.file.name for fault in faults} == {name} and not any(one.stops for one in faults)
    assert any(says in fault.fault for fault in faults), faults


def test_lungs_that_touch_are_fine(one_file):
    def join(mask):
        row = mask.sum(axis=1).argmax()
        both = np.flatnonzero(mask[row])
        mask[row - 1 : row + 2, both[0] : both[-1]] = 1
        return mask

    draw(f"masks/{min((one_file / 'masks').iterdir()).name}", join)(one_file)
    assert check_set(one_file).faults == ()


NEARLY = {
    "brightened": near_copy,
    "cut": lambda image: cv2.resize(image[2:-5, 4:-3], (128, 128), interpolation=cv2.INTER_AREA),
    "mirrored": np.fliplr,
    "cut on one side, mirrored, brightened": lambda image: near_copy(
        cv2.resize(image[:, 5:], (128, 128), interpolation=cv2.INTER_AREA)[:, ::-1]),
}  # fmt: skip


@pytest.mark.parametrize("change", NEARLY.values(), ids=NEARLY)
@pytest.mark.parametrize("first, second", [(3, 4), (8, 2)])
def test_one_picture_under_two_names_is_found(change, first, second, one_file):
    paths = sorted((one_file / "images").iterdir())
    copy(f"images/{paths[first].name}", f"images/{paths[second].name}")(one_file)
    draw(f"images/{paths[second].name}", change)(one_file)
    said = [str(one) for one in check_set(one_file).faults if "nearly the same" in one.fault]
    early, late = sorted([first, second])
    assert len(said) == 1
    assert f"{paths[late]} is nearly the same picture as {paths[early].name}" in said[0]


def black(path: str):
    return draw(path, np.zeros_like)


EXITS = {
    "in order": (lambda root: None, 0, "unknown: nothing"),
    "a column of others": (
        edit("metadata.csv", lambda text: text.replace(b"abnormal", b"verdict")), 1,
        "look   set/metadata.csv has columns that are not read: verdict\n       -> those read"),
    "a black image": (lambda root: black(paths(root, 0)[0])(root), 2,
                      "SIM_0001_0.png shows nothing, all its pixels are 0\n       -> choose"),
    "no set": (lambda root: shutil.rmtree(root / "CXR_png"), 64, ""),
    "an image without masks": (lambda root: [remove(path)(root) for path in paths(root, 0)[1:]], 0,
                               "\nleft out, without a mask: 1 image\n"),
    "one image": (lambda root: [remove(path)(root) for number in reversed(range(1, COUNT))
                                for path in paths(root, number)], 1,
                  "\n1 image with masks, of 1 patient\n"),
    "one patient": (lambda root: [remove(path)(root) for number in reversed(range(1, COUNT))
                                  for path in paths(root, number)], 1,
                    "set has 1 patient, and a split takes 10\n"),
    "an empty image": (lambda root: write(paths(root, 0)[0], b"")(root), 2,
                       "SIM_0001_0.png is empty\n       -> fetch"),
}  # fmt: skip


@pytest.mark.parametrize("change, code, says", EXITS.values(), ids=EXITS)
def test_the_command_says_what_is_wrong_and_how_bad_it_is(change, code, says, folder, capsys):
    change(folder)
    assert main(["check", f"'{folder}'"]) == code
    said = capsys.readouterr()
    assert says in said.out
    assert (f"there is no folder {folder / 'CXR_png'}" in said.err) == (code == 64)


@pytest.mark.parametrize("command", [["train", "-o", "x.keras", "--data"], ["evaluate"]])
def test_nothing_is_trained_or_scored_before_a_set_is_in_order(
    command, folder, capsys, monkeypatch
):
    black(paths(folder, 0)[0])(folder)
    monkeypatch.setattr("lungseg_utils.results.evaluate", None)
    monkeypatch.setattr("lungseg_utils.training.train_course", None)
    assert main([*command, str(folder)]) == 1
    said = capsys.readouterr()
    assert "SIM_0001_0.png shows nothing" in said.out
    assert said.err == f"lungseg: {folder} has faults: fix what is listed above first\n"


def test_a_folder_without_masks_and_files_that_cannot_be_opened_are_told(folder, monkeypatch):
    for path in (folder / "ManualMask" / "rightMask").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"rightMask holds no mask named after an image: add them"):
        check_set(folder)


def test_a_file_that_may_not_be_opened_says_so(folder, monkeypatch):
    image = load_records(folder)[0].image_path

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("lungseg_utils.app.checks.read_xray", refuse)
    faults = [one for one in check_set(folder).faults if one.file == image]
    assert str(faults[0]) == f"{image} cannot be opened: check its permissions"


def test_what_has_no_size_is_not_opened(folder, monkeypatch):
    """As /proc/kmsg, which waits for ever."""
    image, mask, _ = paths(folder, 0)
    for path in (image, mask):
        write(path, b"")(folder)
    opened, whole = [], Path.open

    def noted(path, *how, **more):
        opened.append(path)
        return whole(path, *how, **more)

    monkeypatch.setattr(Path, "open", noted)
    check_set(folder)
    assert opened and not {folder / image, folder / mask} & set(opened)


@pytest.mark.parametrize("command", [["train", "-o", "x.keras", "--data"], ["evaluate"]])
def test_what_deserves_a_look_is_said_before_the_work(command, one_file, capsys, monkeypatch):
    for path in sorted((one_file / "masks").iterdir())[:2]:
        draw(f"masks/{path.name}", np.fliplr)(one_file)

    def stop(*_):
        raise ValueError("enough")

    monkeypatch.setattr("lungseg_utils.radiographs.load_records", stop)
    monkeypatch.setattr("lungseg_utils.start.begin", stop)
    assert main([*command, str(one_file)]) == 1
    said = capsys.readouterr().err.splitlines()
    remarks = f"{one_file} needs a look (2 remarks): lungseg check {one_file}"
    assert said == [f"lungseg: {remarks}", "lungseg: enough"]


@pytest.mark.parametrize("image_left, exchanged", [("right lung", False), ("left lung", True)])
def test_two_masks_that_are_exchanged_are_told(image_left, exchanged, folder):
    """The masks of SCR are called by the patient's side, which is the other one of the image."""
    (folder / "CXR_png").rename(folder / "images")
    image_right = ({"left lung", "right lung"} - {image_left}).pop()
    (folder / "masks").mkdir()
    (folder / "ManualMask/leftMask").rename(folder / "masks" / image_left)
    (folder / "ManualMask/rightMask").rename(folder / "masks" / image_right)
    said = {fault.fault for fault in check_set(folder).faults if fault.stops}
    assert said == ({"lies on the left of the image"} if exchanged else set())


def test_two_masks_that_are_one_are_told(folder):
    _, left, right = paths(folder, 0)
    copy(left, right)(folder)
    (fault,) = check_set(folder).faults
    assert fault.fault == "is the same as the mask of the other lung" and fault.stops

"""A folder of simulated radiographs in the layout of the Montgomery set."""

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image as Pillow
from tqdm.auto import tqdm

from .radiograph import Phantom, draw_kind, file_name, simulate
from .ranges import RARE, SPACING_MM

VERSION = 4  # raise it when the same seed gives other pictures
LARGEST_SIZE = 4096  # pixels on a side
FOLDERS = ("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask", "ClinicalReadings")
NATIVE = "native_width", "native_height", "native_spacing_mm"
METADATA_COLUMNS = "file", "abnormal", "sex", "age", *NATIVE


def write_phantom(root: Path, index: int, phantom: Phantom) -> tuple:
    """Write one radiograph's four files; its row of metadata.csv."""
    name = file_name(index, phantom.label)
    Pillow.fromarray(phantom.image).save(root / "CXR_png" / f"{name}.png", compress_level=1)
    for folder, mask in (("leftMask", phantom.mask_left), ("rightMask", phantom.mask_right)):
        Pillow.fromarray(mask).save(root / "ManualMask" / folder / f"{name}.png")  # 1 bit
    text = f"Patient's Sex: {phantom.sex} \nPatient's Age: {phantom.age:03.0f}Y\n"
    path = root / "ClinicalReadings" / f"{name}.txt"
    path.write_text(text + phantom.reading + "\n", encoding="utf-8", newline="\n")
    native = phantom.native_width, phantom.native_height, SPACING_MM
    return f"{name}.png", phantom.label, phantom.sex, f"{phantom.age:.0f}", *native


def fill_folder(root: Path, recipe: dict) -> None:
    """Write all radiographs, the table and, last, the recipe that marks the set as whole."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)

    def one(index: int) -> tuple:
        """Simulate and write one radiograph."""
        seed, behind = recipe["seed"], recipe.get("lung_behind_heart", False)
        kind = draw_kind(seed, index, recipe.get("rare", {}))
        made = simulate(seed, index, recipe["size"], recipe["bits"], (), kind, behind)
        return write_phantom(root, index, made)

    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        count = recipe["count"]
        bar = tqdm(pool.map(one, range(count)), "simulated radiographs", count, unit="image")
        rows = list(bar)
    finally:
        pool.shutdown(cancel_futures=True)
    with open(root / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([METADATA_COLUMNS, *rows])
    (root / "phantom.json").write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")


def is_whole(root: Path, recipe: dict) -> bool:
    """Whether a folder holds the set of this recipe, finished."""
    try:
        return json.loads((root / "phantom.json").read_text(encoding="utf-8")) == recipe
    except (OSError, ValueError):
        return False


def _is_outdated(root: Path, recipe: dict) -> bool:
    """Whether a folder holds the set of this recipe by an earlier version, and nothing else."""
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads((root / "phantom.json").read_text(encoding="utf-8"))
        names = {"phantom.json", "metadata.csv", *(folder.split("/")[0] for folder in FOLDERS)}
        only_its_own = {one.name for one in root.iterdir()} <= names
        return only_its_own and kept | {"version": VERSION} == recipe
    return False


def _take_place(half: Path, root: Path, recipe: dict) -> None:
    """Make a finished folder the root, unless another process was faster with the same set."""
    if root.exists() and not is_whole(root, recipe):
        shutil.rmtree(root)
    try:
        half.rename(root)
    except OSError:
        if not is_whole(root, recipe):
            raise


def write_phantom_set(
    root: str | Path,
    count: int = 138,
    size: int | None = 512,
    seed: int = 0,
    bits: int = 8,
    rare: Mapping[str, float] | None = None,
    lung_behind_heart: bool = False,
) -> Path:
    """Write a set of simulated radiographs in the layout of the Montgomery set.

    Args: root, the folder to make; count radiographs of size x size pixels, or of native size
        where size is None; seed; bits of grey, 8 or 12; rare, kinds of radiographs and their
        shares of the set, as `ranges.RARE`, none unless given; lung_behind_heart as `simulate`.
    Returns: root. A set of the same recipe that is already there is left as it is; an interrupted
        run leaves no root.
    Raises: ValueError if count or size is too small, a kind is not known or the shares add up to
        more than 1, or root holds anything else.
    """
    root = Path(root)
    recipe = {"version": VERSION, "count": count, "size": size, "seed": seed, "bits": bits}
    recipe |= {"rare": dict(rare)} if rare else {}
    recipe |= {"lung_behind_heart": True} if lung_behind_heart else {}
    if is_whole(root, recipe):
        return root
    _refuse_odd(count, size, bits, rare or {})
    if root.exists() and any(root.iterdir()) and not _is_outdated(root, recipe):
        raise ValueError(f"{root} holds other files: name a folder that is new or empty")
    half = root.parent / f".{root.name}-half-{os.getpid()}"
    shutil.rmtree(half, ignore_errors=True)
    try:
        fill_folder(half, recipe)
        _take_place(half, root, recipe)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return root


def _refuse_odd(count: int, size: int | None, bits: int, rare: Mapping[str, float]) -> None:
    if count < 1 or not 64 <= (size or 64) <= LARGEST_SIZE or bits not in (8, 12):
        raise ValueError(
            f"cannot make {count} images of {size} pixels and {bits} bits: use 1 or more, of 64 "
            f"to {LARGEST_SIZE} pixels, and of 8 or 12 bits"
        )
    if unknown := set(rare) - set(RARE):
        raise ValueError(f"no kind is called {unknown.pop()}: use some of {', '.join(RARE)}")
    if not 0 <= sum(rare.values()) <= 1 + 1e-9:
        raise ValueError(f"the shares of rare kinds add up to {sum(rare.values()):g}: 1 at most")

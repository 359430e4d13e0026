"""Notebook 01: from a folder to records: what is known about each radiograph.

How sets are laid out is a line of `LAYOUTS`. Beside its folders a set may have a metadata.csv with
any of the columns `readings.COLUMNS`. What neither it nor a reading nor a file tells is unknown.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from lungseg_utils.images import SUFFIXES, measure_xray
from lungseg_utils.masks import MASK_SUFFIXES, measure_mask
from lungseg_utils.readings import group_patients, read_clinical, read_metadata, stem
from lungseg_utils.types import DataError, Fault, Record, Spacing

SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
# Pixel spacing (mm) and (height, width) of files as distributed. Montgomery: the set's ReadMe;
# JSRT: Shiraishi et al. 2000, doi 10.2214/ajr.174.1.1740071.
NATIVE_FILES = {
    "MCUCXR_": (0.0875, {(4892, 4020), (4020, 4892)}),
    "JPC": (0.175, {(2048, 2048)}),
}
NAMES_END_IN_LABELS = ("MCUCXR_", "CHNCXR_", "SIM_")  # sets whose names end in their label
SAME_PROPORTIONS = 0.02
MOST_NAMED = 5  # of sets, or of files with one fault
MOST_LEVELS = 3  # folders, one in the other, that are searched for a set


class Layout(NamedTuple):
    """The folders below a set's own: `images`; `masks`, one for each lung or one for both, each of
    which may be several; `readings`, if any. Case does not matter, `*` stands for any name.
    """

    name: str
    images: str
    masks: tuple[str, ...]
    readings: str = ""


LAYOUTS = [
    Layout("Montgomery County", "CXR_png", ("ManualMask/leftMask", "ManualMask/rightMask"),
           "ClinicalReadings"),
    Layout("Shenzhen", "CXR_png", ("mask",), "ClinicalReadings"),
    Layout("masks and labels", "CXR_png", ("masks",), "ClinicalReadings"),
    Layout("images, a mask for each lung", "images", ("masks/left*", "masks/right*")),
    Layout("images and masks", "images", ("masks",)),
    Layout("images and labels", "images", ("labels",)),
    *(Layout("JSRT with the masks of SCR", "All247images",
             (f"{fold}/masks/left lung", f"{fold}/masks/right lung"))
      for fold in ("*/fold*", "fold*")),
]  # fmt: skip
# of a mask's name, behind its image's
MASK_ENDS = ("", "_mask", "-mask", "_lung", "_label", "_seg")


class Set(NamedTuple):
    """What a folder holds: its layout, its records, how many images have no mask, and faults."""

    layout: Layout
    records: tuple[Record, ...]
    without_mask: int
    faults: tuple[Fault, ...]


def load_records(root: Path | str) -> tuple[Record, ...]:
    """A `Record` for each image with a mask, sorted by name. Raises: as `load_set`."""
    return load_set(root).records


def load_set(root: Path | str) -> Set:
    """As `find_set`, for a set to work with. Raises: as that; DataError if a fault stops."""
    found = find_set(root)
    stopping = [one for one in found.faults if one.stops]
    if stopping:
        more = f" (and {len(stopping) - 1} more: lungseg check)" if len(stopping) > 1 else ""
        raise DataError(f"{stopping[0]}{more}")
    return found


def find_set(root: Path | str) -> Set:
    """The records of a folder, and everything that is wrong with its names, tables and headers.

    Raises: FileNotFoundError if it is in none of the `LAYOUTS`; DataError if it has no pairs.
    """
    root, layout = _layout(Path(root))
    faults: list[Fault] = []
    images = _files(_folders(root, layout.images), SUFFIXES, faults)
    if not images:
        raise DataError(f"{root / layout.images} holds no X-rays: put the radiographs there")
    masks = [_files(_folders(root, one), MASK_SUFFIXES, faults) for one in layout.masks]
    empty = [one for one, found in zip(layout.masks, masks, strict=True) if not found]
    paired = {} if empty else dict(_pairs(images, masks, faults))
    if not paired:
        place = root / (empty or layout.masks)[0]
        raise DataError(f"{place} holds no mask named after an image: add them or rename them")
    texts = _files(_folders(root, layout.readings), (".txt",), faults)
    readings = {name: read_clinical(path, faults) for name, path in texts.items() if name in images}
    metadata = read_metadata(root / "metadata.csv", images, faults)
    known = {name: metadata.get(name, {}) | readings.get(name, {}) for name in images}
    patients = group_patients(paired, known, root, faults)
    records = [
        _record(name, images[name], paired[name], patients[name], known[name], faults)
        for name in sorted(paired)
    ]
    return Set(layout, tuple(filter(None, records)), len(images) - len(paired), tuple(faults))


def _layout(root: Path) -> tuple[Path, Layout]:
    """The layout of a folder, or of the only one in it, or in a folder of it, that has one."""
    places = [root]
    for _ in range(MOST_LEVELS):
        found = [(one, its) for one in places if (its := _layout_of(one))]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(one.relative_to(root)) for one, _ in found[:MOST_NAMED])
            raise FileNotFoundError(f"{root} holds {len(found)} sets ({names}): name one of them")
        places = _subfolders(places)
    raise FileNotFoundError(_without_set(root))


def _layout_of(root: Path) -> Layout | None:
    wanted = ((one, (one.images, *one.masks)) for one in LAYOUTS)
    return next((one for one, names in wanted if all(_folders(root, it) for it in names)), None)


def _without_set(root: Path) -> str:
    """What a folder is in which there is no set, and what to do."""
    if not root.is_dir():
        is_file = f"{root} is a file: name the folder of a set"
        return is_file if root.exists() else f"there is no folder {root}: check the path"
    for whole in root.parents[:MOST_LEVELS]:
        if _layout_of(whole):
            return f"{root} is a part of the set {whole}: name that"
    begun = [one.masks for one in LAYOUTS if _folders(root, one.images)]
    lacking = [[it for it in masks if not _folders(root, it)] for masks in begun]
    images = dict.fromkeys(one.images for one in LAYOUTS)
    named = " or ".join(str(root / one) for one in min(lacking, key=len, default=images))
    return f"there is no folder {named}: name a folder laid out as USING.md says, or add it"


def _subfolders(places: list[Path]) -> list[Path]:
    inside = (one for place in places for one in sorted(place.glob("[!.]*")))
    return [one for one in inside if one.is_dir()]


def _folders(root: Path, pattern: str) -> list[Path]:
    """The folders below `root` that a layout names."""
    found = [root]
    for part in pattern.lower().split("/"):
        found = [one for one in _subfolders(found) if fnmatch(one.name.lower(), part)]
    return found


def _files(folders: list[Path], suffixes: tuple[str, ...], faults: list[Fault]) -> dict[str, Path]:
    """The files of folders by name; those of another kind and names that come twice are faults."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.iterdir())):
        if path.name.startswith(".") or path.name.lower() in SYSTEM_FILES:
            continue
        if not path.is_file() or path.suffix.lower() not in suffixes:
            said = "is a folder" if path.is_dir() else f"is no file of {', '.join(suffixes)}"
            faults.append(Fault(path, said, "convert it or move it away", False))
        elif (name := stem(path)) in found:
            faults.append(Fault(path, f"has the name of {found[name].name}", "rename one of them"))
        else:
            found[name] = path
    return found


def _pairs(
    images: dict[str, Path], masks: list[dict[str, Path]], faults: list[Fault]
) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """The masks of each image that has any; names may differ in capitals and in `MASK_ENDS`."""
    by_name = [{name.lower(): path for name, path in one.items()} for one in masks]
    used = set()
    for name, image in images.items():
        wanted = [name.lower() + end for end in MASK_ENDS]
        found = [next((one[it] for it in wanted if it in one), None) for one in by_name]
        used |= set(found)
        if all(found):
            yield name, tuple(found)
        elif any(found):
            folder = next(iter(masks[found.index(None)].values())).parent.name
            said = f"has no mask in {folder}"
            faults.append(Fault(image, said, "add it, or rename the one meant"))
    for path in (path for one in masks for path in one.values() if path not in used):
        faults.append(Fault(path, "has no image with the same name", "rename it or move it away"))


def _record(
    name: str, image: Path, masks: tuple[Path, ...], patient: str, known: dict, faults: list[Fault]
) -> Record | None:
    try:
        shape, spacing = measure_xray(image)
        shapes = [measure_mask(mask) for mask in masks]
    except (DataError, OSError) as error:
        faults.append(fault_of(error, (*masks, image)))
        return None
    for mask, its in zip(masks, shapes, strict=True):
        if abs(its[0] / its[1] / (shape[0] / shape[1]) - 1) > SAME_PROPORTIONS:
            said = f"is {its} and its image {shape} (height, width)"
            faults.append(Fault(mask, said, "export both at the same size"))
    label, ending = known.get("label"), name[-2:]
    if name.startswith(NAMES_END_IN_LABELS) and ending in ("_0", "_1"):
        label = int(ending[1]) if label is None else label
        if label != int(ending[1]):
            said = f"ends in {ending} and metadata.csv says {label}"
            faults.append(Fault(image, said, "the table was used", False))
    spacing = spacing or _file_mm(name, shape, known)
    facts = {key: known[key] for key in ("age", "sex", "reading") if key in known}
    return Record(name, image, masks, shape, spacing, patient, label=label, **facts)


def fault_of(error: Exception, files: Sequence[Path]) -> Fault:
    """The fault that an error's sentence tells, of the file that it names, or else the last."""
    said = str(error.filename or "") if isinstance(error, OSError) else str(error)
    file = next((one for one in files if said.startswith(str(one))), files[-1])
    fault, _, remedy = said.removeprefix(str(file)).strip().rpartition(": ")
    return Fault(file, fault or "cannot be opened", remedy or "check its permissions")


def _file_mm(name: str, shape: tuple[int, int], known: dict) -> Spacing | None:
    films = (film for prefix, film in NATIVE_FILES.items() if name.startswith(prefix))
    film_mm, film_shapes = next(films, (None, ()))
    mm = known.get("native_spacing_mm") or film_mm
    height, width = known.get("native_height"), known.get("native_width")
    if shape in film_shapes and not (height and width):
        height, width = shape
    return (mm * height / shape[0], mm * width / shape[1]) if mm and height and width else None

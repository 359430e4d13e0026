"""What is installed and found on this computer, and what to do about what is not."""

import os
import platform
import shutil
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

from lungseg_utils import start
from lungseg_utils.app.texts import sentence
from lungseg_utils.radiographs import load_records
from lungseg_utils.types import DataError, counted

PACKAGE = "lungseg-utils"
LEAST_MEMORY_GB, LEAST_DISK_GB = 4, 2
EXTRAS = {
    "course": ("tensorflow", "for the notebooks, and to train"),
    "dicom": ("pydicom", "to read DICOM files"),
    "cluster": ("distributed", "to share the work of lungseg predict"),
    "lab": ("jupyterlab", "to step through the notebooks"),
}


class Finding(NamedTuple):
    """One thing looked at: what was found, what to do about it (nothing where it is well), and
    whether the course needs it.
    """

    name: str
    found: str
    remedy: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """Look at everything in turn."""
    return [*_packages(), *_extras(), _device(), _memory(), _home(), _weights(), _xrays()]


def _packages() -> list[Finding]:
    extra = {"extra": "course" if _version("tensorflow") else ""}
    wanted = [Requirement(one) for one in metadata.requires(PACKAGE) or ()]
    wanted = [one for one in wanted if one.marker is None or one.marker.evaluate(extra)]
    packages = [_package(one.name, one.specifier) for one in wanted]
    return [Finding("Python", platform.python_version()), *packages]


def _package(name: str, wanted) -> Finding:
    version = _version(name) or _version(f"{name}-headless")
    fits = version and wanted.contains(version, prereleases=True)
    return Finding(name, version or "missing", "" if fits else f'pip install "{name}{wanted}"')


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> list[Finding]:
    return [
        Finding(name, version, needed=False) if (version := _version(name))
        else Finding(name, "missing", f'{what}: pip install "{PACKAGE}[{extra}]"', needed=False)
        for extra, (name, what) in EXTRAS.items()
    ]  # fmt: skip


def _device() -> Finding:
    cores = counted(os.cpu_count(), "processor core")
    if not _version("tensorflow"):
        return Finding("device", f"{cores}; no training is possible", needed=False)
    try:
        import tensorflow as tf
    except ImportError as error:
        return Finding("device", f"TensorFlow cannot be imported: {error}", "install it again")
    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    names = ", ".join(one.get("device_name", "GPU") for one in details)
    device = names or f"{cores}, no GPU"
    unused = shutil.which("nvidia-smi") and not gpus
    remedy = 'TensorFlow does not see it: pip install "tensorflow[and-cuda]"' if unused else ""
    return Finding("device", f"{device}; trains in {start.pick_precision()}", remedy, needed=False)


def _memory() -> Finding:
    if not hasattr(os, "sysconf"):
        return Finding("memory", "unknown on this system")
    gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    remedy = "" if gb >= LEAST_MEMORY_GB else f"{LEAST_MEMORY_GB} GB are needed; close other apps"
    return Finding("memory", f"{gb:.0f} GB", remedy, needed=False)


def _home() -> Finding:
    try:
        home = start.home()
    except ValueError as error:
        return Finding("kept in", str(error), "set LUNGSEG_HOME to another folder")
    existing = next(place for place in (home, *home.parents) if place.exists())
    gb = shutil.disk_usage(existing).free / 1e9
    remedy = "" if gb >= LEAST_DISK_GB else "free some space, or set LUNGSEG_HOME to another folder"
    if not os.access(existing, os.W_OK):
        remedy = "cannot be written: set LUNGSEG_HOME to another folder"
    return Finding("kept in", f"{home}, {gb:.0f} GB free", remedy)


def _weights() -> Finding:
    from lungseg_utils.app.networks import SHIPPED, load_networks

    try:
        load_networks()
    except (DataError, OSError) as error:
        return Finding("networks", sentence(error), f"pip install --force-reinstall {PACKAGE}")
    return Finding("networks", ", ".join(SHIPPED))


def _xrays() -> Finding:
    named = start.setting("LUNGSEG_DATA")
    try:
        folder = start.typed_path(named) if named else start.montgomery_folder()
        if not named and not folder.exists():
            what = "for the real set: lungseg download"
            return Finding("X-rays", "simulated, made when a notebook needs it", what, needed=False)
        return Finding("X-rays", f"{len(load_records(folder))} in {folder}")
    except (ValueError, OSError) as error:
        found = " ".join(sentence(error).split())
        return Finding("X-rays", found, "mend it, or set LUNGSEG_DATA to another folder")

"""Notebook 00: which data, which size of run, which device."""

import gc
import importlib.util
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lungseg_utils.radiographs import load_set
from lungseg_utils.splits import Split, split_by_patient, subsample
from lungseg_utils.types import Record, counted

IMAGES = {"ci": 40, "laptop": None, "gpu": None}  # of each size of run; None for all there are
SIMULATED_IMAGES = 138  # of a whole set
SIMULATED_SIZE = 512
SIMULATED_SET = "simulated set"
FLOAT16 = "mixed_float16"
# One operation at a time, each on all cores: else sums are done in another order at each run, and a
# training that resumes does not end at the same weights. oneDNN, which TensorFlow takes by itself
# on the newest processors only, trains faster on older ones too. And no word short of an error.
TENSORFLOW = {
    "TF_NUM_INTEROP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "2",
}  # fmt: skip
QUOTES = " \t\r\n\"'“”„«»\u2018\u2019\u201a"  # around a setting, and its blanks
DRIVE = Path("/content/drive/MyDrive")  # a Google Drive, once drive.mount("/content/drive") ran
SHORT_LIVED = (
    "Colab will delete your trainings with this machine. To keep them, run "
    'from google.colab import drive; drive.mount("/content/drive") and then this cell again.'
)


@dataclass(frozen=True)
class Course:
    """What every notebook starts from: the records, the size of run, and where to keep things."""

    records: tuple[Record, ...]
    data: str
    scale: str
    home: Path  # of what took work: trainings, results, passed exercises

    @cached_property
    def split(self) -> Split:
        """The split by patient that every notebook works with."""
        return split_by_patient(self.records)

    @property
    def simulated(self) -> bool:
        """Whether the records are the course's own simulated set."""
        return self.data == SIMULATED_SET

    @property
    def cache(self) -> Path:
        """Where radiographs made small are kept: on a disk of this machine's, which is quick."""
        return disk() / "cache"


def begin(data_folder: Path | str | None = None, scale: str | None = None) -> Course:
    """Pick the data and the size of run, and say what was picked.

    Args: `data_folder`, in a layout that `load_records` knows, or else LUNGSEG_DATA, the downloaded
        set, or the simulated one, which is made the first time; `scale`, ci, laptop or gpu, or else
        LUNGSEG_SCALE, or gpu where there is one.
    Raises: ValueError if the scale is none of these; and as `load_records`.
    """
    scale = (scale or setting("LUNGSEG_SCALE")).lower() or ("gpu" if _has_gpu() else "laptop")
    if scale not in IMAGES:
        raise ValueError(f'LUNGSEG_SCALE is "{scale}": set it to ci, laptop or gpu')
    began = time.perf_counter()
    folder, data = _pick_data(data_folder or setting("LUNGSEG_DATA"), scale)
    found = load_set(folder)
    records = subsample(found.records, IMAGES[scale] or len(found.records))
    load_tensorflow()
    patients = counted(len({record.patient for record in records}), "patient")
    print(f"Data: the {data}, {counted(len(records), 'radiograph')} of {patients}.")
    if found.without_mask:
        print(f"Left out, because they have no mask: {counted(found.without_mask, 'image')}.")
    for fault in found.faults:
        if fault.file == folder:  # of the whole set
            print(f"Look: {fault}.")
    print(f"Size of run: {scale}. Ready in {time.perf_counter() - began:.1f} s.")
    if _on_colab() and not setting("LUNGSEG_HOME"):
        kept = f"Trainings and results are kept in your Google Drive: {home()}"
        print(SHORT_LIVED if home() == disk() else kept)
    return Course(records, data, scale, home())


def setting(name: str) -> str:
    """An environment variable without the quotes and blanks around it, empty where it is unset."""
    return os.environ.get(name, "").strip(QUOTES)


def bare_path(text: Path | str) -> str:
    """A path without the quotes and blanks around it, or that of a browser's file:// address."""
    bare = str(text).strip(QUOTES)
    return url2pathname(urlsplit(bare).path) if bare.lower().startswith("file:/") else bare


def typed_path(text: Path | str) -> Path:
    """The full path that somebody typed: ~, quotes and blanks around it and, where there is no such
    path, backslashes do no harm. In a notebook, what is not beside it is in the checkout's root.
    """
    bare = bare_path(text)
    texts = str(text), bare, bare.replace("\\ ", " ").replace("\\", "/")
    folders = [Path.cwd(), *([_notebooks().parent] if Path.cwd() == _notebooks() else [])]
    places = [folder / os.path.expanduser(one) for folder, one in product(folders, texts)]
    return Path(os.path.realpath(next(filter(os.path.exists, places), places[-1])))


def _notebooks() -> Path:
    """Where the notebooks of a checkout are; there is none where the package was installed."""
    return Path(__file__).resolve().parent.parent / "notebooks"


def home() -> Path:
    """Where trainings, results and passed exercises are kept: `disk` or, on Colab, whose disk does
    not last, a Google Drive if one is mounted and LUNGSEG_HOME names no other folder.
    """
    if _on_colab() and DRIVE.is_dir() and not setting("LUNGSEG_HOME"):
        return DRIVE / "lungseg"
    return disk()


def disk() -> Path:
    """Where data and caches are kept: LUNGSEG_HOME, or `outputs` of a checkout, or a cache.

    Raises: ValueError if LUNGSEG_HOME names a file.
    """
    if named := setting("LUNGSEG_HOME"):
        folder = typed_path(named)
        if os.path.isfile(folder):
            raise ValueError(f"LUNGSEG_HOME is {folder}, which is not a folder: fix or unset it")
        return folder
    if (notebooks := _notebooks()).is_dir():
        return notebooks.parent / "outputs"
    import pooch

    return Path(pooch.os_cache("lungseg"))


def montgomery_folder() -> Path:
    """Where `lungseg download` puts the real set."""
    return disk() / "data" / "montgomery"


def _pick_data(wanted: Path | str | None, scale: str) -> tuple[Path, str]:
    if wanted:
        folder = typed_path(wanted)
        return folder, f"set in {folder.name}"
    # a download that has not ended keeps a folder .incomplete
    if montgomery_folder().exists() and not (montgomery_folder() / ".incomplete").exists():
        return montgomery_folder(), "Montgomery County set"
    from lungseg_utils.phantom import write_phantom_set

    count = IMAGES[scale] or SIMULATED_IMAGES
    folder = disk() / "data" / f"simulated-{count}"
    return write_phantom_set(folder, count=count, size=SIMULATED_SIZE), SIMULATED_SET


def load_tensorflow() -> None:
    """Import it and Keras, and let it look for GPUs, without a word: its red lines on drivers that
    are not there and on rounding look like errors, and are none.

    From then on a training repeats to the last bit; see `TENSORFLOW`.
    """
    for name, value in TENSORFLOW.items():  # TensorFlow takes these from nowhere else
        os.environ.setdefault(name, value)
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # where code in C writes, below Python
    gc.disable()  # a fifth of the time goes into looking for garbage in what they make
    try:
        importlib.import_module("keras")
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.config.list_physical_devices()
        tensorflow.get_logger().setLevel("ERROR")
    except ModuleNotFoundError as error:  # `pip install .` brings what the command needs
        raise ImportError(f'{error}: pip install "lungseg-utils[course]"') from None
    finally:
        gc.freeze()
        gc.enable()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def make_reproducible(seed: int) -> None:
    """Have Keras draw the same numbers, and TensorFlow do the same sums, at every run."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def shared_among(devices: Sequence[str]) -> Any:
    """A scope that gives each of TensorFlow's devices, such as "GPU:0" and "GPU:1", a copy of the
    network built in it, each step the mean of what they learn; for at most one, it does nothing.

    Raises: ValueError if a device is not there.
    """
    import tensorflow as tf

    there = {one.name.split(":", 1)[1] for one in tf.config.list_logical_devices()}
    if missing := sorted(set(devices) - there):
        raise ValueError(f"there is no device {missing[0]}: choose from {sorted(there)}")
    return _strategy(tuple(devices)).scope() if len(devices) > 1 else nullcontext()


@lru_cache
def _strategy(devices: tuple[str, ...]) -> Any:
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)  # a second one in a process fails


def pick_precision() -> str:
    """The fastest Keras dtype policy that this machine computes natively.

    Weights and losses are float32 in each: bfloat16 on NVIDIA GPUs since Ampere and on CPUs with
    AMX or AVX512-BF16, float16 on Volta and Turing (such as the T4 of Colab), float32 elsewhere.
    """
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        generation = (details.get("compute_capability") or (0, 0))[0]
        return "mixed_bfloat16" if generation >= 8 else FLOAT16 if generation == 7 else "float32"
    processor = Path("/proc/cpuinfo")
    flags = processor.read_text(encoding="utf-8").split() if processor.exists() else []
    native = "amx_bf16" in flags or "avx512_bf16" in flags
    return "mixed_bfloat16" if native else "float32"


def _has_gpu() -> bool:
    """Whether an NVIDIA GPU answers: a machine may have the program and no GPU, as on Colab."""
    status, listing = subprocess.getstatusoutput("nvidia-smi -L")
    return status == 0 and "GPU 0" in listing


def _on_colab() -> bool:
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # not even a package google
        return False

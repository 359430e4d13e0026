"""Room 00: which data, which size of run, which device."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.radiographs import Record, load_records
from lungseg_utils.splits import subsample

# images of each size of run; None for all there are
IMAGES = {"ci": 40, "laptop": None, "gpu": None}
SIMULATED_IMAGES = {"ci": 40, "laptop": 138, "gpu": 138}
SIMULATED_SIZE = 512
SIMULATED_SET = "simulated set"


@dataclass(frozen=True)
class Course:
    """What every notebook starts from: the records, the size of run, and where to keep things."""

    records: tuple[Record, ...]
    data: str
    scale: str
    home: Path

    @property
    def simulated(self) -> bool:
        """Whether the records are the course's own simulated set."""
        return self.data == SIMULATED_SET


def begin() -> Course:
    """Pick the data and the size of run, and say what was picked.

    LUNGSEG_DATA names a folder in the Montgomery layout; without it the downloaded set is taken,
    or else the simulated one, which is made the first time. LUNGSEG_SCALE is ci, laptop or gpu.
    Raises: ValueError if LUNGSEG_SCALE is none of these; and as `load_records`.
    """
    scale = os.environ.get("LUNGSEG_SCALE") or ("gpu" if shutil.which("nvidia-smi") else "laptop")
    if scale not in IMAGES:
        raise ValueError(f'LUNGSEG_SCALE is "{scale}": set it to ci, laptop or gpu')
    began = time.perf_counter()
    folder, data = _data(scale)
    records = load_records(folder)
    records = subsample(records, IMAGES[scale] or len(records))
    patients = len({record.patient for record in records})
    print(f"Data: the {data}, {len(records)} radiographs of {patients} patients.")
    print(f"Size of run: {scale}. Ready in {time.perf_counter() - began:.1f} s.")
    return Course(records, data, scale, home())


def home() -> Path:
    """Where everything generated is kept: LUNGSEG_HOME, or `outputs` of a checkout, or a cache."""
    if os.environ.get("LUNGSEG_HOME"):
        return Path(os.environ["LUNGSEG_HOME"]).resolve()
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "notebooks").is_dir():
        return checkout / "outputs"
    import pooch

    return Path(pooch.os_cache("lungseg"))


def montgomery_folder() -> Path:
    """Where `python -m lungseg_utils download` puts the real set."""
    return home() / "data" / "montgomery"


def _data(scale: str) -> tuple[Path, str]:
    if os.environ.get("LUNGSEG_DATA"):
        folder = Path(os.environ["LUNGSEG_DATA"]).expanduser().resolve()
        return folder, f"set in {folder.name}"
    # a download that has not ended keeps a folder .incomplete
    if montgomery_folder().exists() and not (montgomery_folder() / ".incomplete").exists():
        return montgomery_folder(), "Montgomery County set"
    count = SIMULATED_IMAGES[scale]
    folder = home() / "data" / f"simulated-{count}"
    return write_phantom_set(folder, count=count, size=SIMULATED_SIZE), SIMULATED_SET

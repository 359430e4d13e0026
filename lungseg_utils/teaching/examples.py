"""A simulated patient, for a lesson that a set of one's own has no radiograph for."""

from collections.abc import Iterable

from lungseg_utils.masks import read_sides
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.radiographs import load_records
from lungseg_utils.start import SIMULATED_SIZE, disk
from lungseg_utils.types import Record


def with_two_lungs(records: Iterable[Record]) -> Record:
    """The first record whose two lungs can be told apart, or else a simulated one."""
    for record in records:
        if read_sides(record) is not None:
            return record
    print("In no mask of this set can the two lungs be told apart: a simulated patient stands in.")
    folder = write_phantom_set(disk() / "data" / "example", count=1, size=SIMULATED_SIZE)
    return load_records(folder)[0]

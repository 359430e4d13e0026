"""What the commands say of themselves, examples and exit codes, and of what the system refuses."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CLUSTER = "dask", "distributed", "dask_jobqueue", "pyarrow"  # packages of that extra
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e]")
OVERVIEW = """\
examples:
  lungseg predict chest.png -o found          a mask, a picture and a row in found/scores.csv
  lungseg predict archive -o found            a folder; the same command continues where it stopped
  lungseg check FOLDER                        is a set of X-rays and masks in order?
  lungseg train -o mine.keras                 train the course's network on your data
  lungseg evaluate FOLDER --network mine.keras

`lungseg COMMAND --help` tells more. For learning and research, not for clinical use.
"""
PREDICT = """\
FILE may be PNG, JPEG, TIFF or DICOM, grey or colour, 8 to 16 bits, of any size; of a folder, all
such files below it are taken. A list has a path in each line, or in a column if it is a CSV file;
a path starts at the current folder or at the list's own. OUT/masks has the masks at the size of the
files, OUT/overlays the outlines to look at, OUT/scores.csv and OUT/scores.jsonl a row for each
file: areas of both lungs, expected Dice and warnings, or why it could not be read. What is no X-ray
of a folder, as a mask, is left out and counted. Stopped with Ctrl-C, it continues where it stopped.

With --workers or --cluster the work is shared among processes, here or elsewhere, by Dask (needs
`pip install "lungseg-utils[cluster]"`). A process or a command that is killed costs the files that
were in its hands, which are done again; USING.md, "A great many X-rays", tells more.

The exit code is the number of files with an error (63 for more), 64 if nothing could be done.

examples:
  lungseg predict chest.dcm -o found
  lungseg predict ward1 ward2 extra.png -o found --threshold 0.4
  lungseg predict @archive.csv:path -o found --workers 8 --masks rle --overlays worst:100
"""
CHECK = """\
FOLDER has X-rays and masks in one of the layouts that USING.md lists. Each file is read, and all
faults are listed at once, with what to do. `train` and `evaluate` ask the same before they begin.

The exit code is 0 if nothing is wrong, 1 if something needs a look, 2 if a fault has to be
fixed before anything is trained or scored, 64 if FOLDER holds no such set.
"""


@contextlib.contextmanager
def explained(out: Path) -> Iterator[None]:
    """What ends a command, since `out` cannot be written, becomes an OSError of one sentence."""
    try:
        yield
    except OSError as error:
        if not error.errno or isinstance(error, BrokenPipeError):
            raise
        said = f"{out} cannot be written ({error.strerror}): free some space, or use another folder"
        raise OSError(said) from error


def sentence(error: Exception) -> str:
    """What an error says, in the words of `explained` where it is the system's own, and how to get
    a package that is not there.
    """
    if isinstance(error, ModuleNotFoundError):
        extra = "cluster" if error.name in CLUSTER else "course"
        return f'{error.name} is missing: pip install "lungseg-utils[{extra}]"'
    if not isinstance(error, OSError) or not error.errno:
        return str(error)
    name = error.filename2 or error.filename or "the disk"
    return f"{name} cannot be opened or written ({error.strerror}): check permissions and space"


def say(text: str) -> None:
    """One line on stderr, in which a file's name cannot move the cursor or break the line."""
    print(f"lungseg: {shown(text)}", file=sys.stderr)


def shown(text: str) -> str:
    """A text in which nothing moves the cursor or breaks the line."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

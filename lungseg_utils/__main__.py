"""The same things from a terminal: `python -m lungseg_utils --help`."""

import argparse
import sys
from pathlib import Path

from lungseg_utils import start
from lungseg_utils.download import download
from lungseg_utils.phantom import write_phantom_set


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code, 1 with one line on stderr where it failed."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "download":
            folder = download(chosen.folder or start.montgomery_folder())
        else:
            size = None if chosen.size == "native" else int(chosen.size)
            folder = write_phantom_set(
                chosen.folder, chosen.count, size, chosen.seed, bits=chosen.bits
            )
    except (ValueError, OSError) as error:
        print(f"lungseg_utils: {error}", file=sys.stderr)
        return 1
    print(f"The radiographs are in {folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lungseg_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("download", help="fetch the Montgomery County X-ray set")
    fetch.add_argument("folder", type=Path, nargs="?", help="where to; by default the course's own")
    phantom = commands.add_parser("phantom", help="write a set of simulated radiographs")
    phantom.add_argument("folder", type=Path, help="a folder that does not exist yet")
    phantom.add_argument("--count", type=int, default=138, help="radiographs (default 138)")
    phantom.add_argument("--size", default="512", help="pixels on a side (default 512), or native")
    phantom.add_argument("--bits", type=int, default=8, help="bits of grey, 8 (default) or 12")
    phantom.add_argument("--seed", type=int, default=0, help="another seed, another set")
    return parser


if __name__ == "__main__":
    sys.exit(main())

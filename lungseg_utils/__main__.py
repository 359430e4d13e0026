"""The same things from a terminal: `python -m lungseg_utils --help`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from lungseg_utils import start
from lungseg_utils.download import download
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.radiographs import load_records


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code, 1 with one line on stderr where it failed."""
    chosen = _parser().parse_args(arguments)
    try:
        print(COMMANDS[chosen.command](chosen))
    except (ValueError, OSError) as error:
        print(f"lungseg_utils: {error}", file=sys.stderr)
        return 1
    return 0


def _download(chosen: argparse.Namespace) -> str:
    folder = download(chosen.folder or start.montgomery_folder())
    return f"The radiographs are in {folder}"


def _phantom(chosen: argparse.Namespace) -> str:
    size = None if chosen.size == "native" else int(chosen.size)
    folder = write_phantom_set(chosen.folder, chosen.count, size, chosen.seed, bits=chosen.bits)
    return f"The radiographs are in {folder}"


def _evaluate(chosen: argparse.Namespace) -> str:
    from lungseg_utils import results  # TensorFlow takes seconds to import
    from lungseg_utils.pretrained import load_pretrained
    from lungseg_utils.unet import predict_mask

    table = results.evaluate(partial(predict_mask, load_pretrained()), load_records(chosen.root))
    if chosen.json:
        results.write_scores(chosen.json, table)
    return f"{len(table)} images\n{results.summarise(table).round(4).to_string()}"


COMMANDS = {"download": _download, "phantom": _phantom, "evaluate": _evaluate}


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
    score = commands.add_parser("evaluate", help="score the weights that ship on a folder")
    score.add_argument("root", type=Path, help="a folder in the Montgomery layout")
    score.add_argument("--json", type=Path, help="where to write the scores, and every image's")
    return parser


if __name__ == "__main__":
    sys.exit(main())

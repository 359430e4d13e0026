"""The course's networks from a terminal: `lungseg`, or `python -m lungseg_utils`."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from lungseg_utils.app.arguments import count, file_to_write, overlays, share, typed
from lungseg_utils.app.texts import CHECK, OVERVIEW, PREDICT, explained, say, sentence, shown
from lungseg_utils.types import counted, written_whole

RAW = argparse.RawDescriptionHelpFormatter
SET = "a folder of X-rays with masks"
MISUSED, INTERRUPTED = 64, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code, with one line on stderr where it failed."""
    chosen = _parser().parse_args(arguments)
    if not chosen.debug:
        warnings.simplefilter("ignore")  # of readers about odd files, which have their rows
    try:
        return chosen.run(chosen) or 0
    except KeyboardInterrupt:
        say("stopped; what was finished is kept")
        return INTERRUPTED
    except BrokenPipeError:  # of `lungseg ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ImportError) as error:
        if chosen.debug:
            raise
        say(sentence(error))
        return MISUSED if chosen.run in (_predict, _check) else 1


def run() -> NoReturn:
    """The command `lungseg`: as `main`, without what TensorFlow and decoders tell of themselves."""
    if "--debug" not in sys.argv:
        sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where code in C writes, below Python
    sys.stdout.reconfigure(errors="backslashreplace")  # a file on Windows has few letters
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written by now, and TensorFlow takes a second to tidy up


def _predict(chosen: argparse.Namespace) -> int:
    from lungseg_utils.app.predict_command import predict_command

    return predict_command(chosen)


def _report(chosen: argparse.Namespace) -> None:
    from lungseg_utils.app.report import write_report

    with explained(chosen.out):
        print(f"The report is {write_report(chosen.out, chosen.network)}")


def _serve(chosen: argparse.Namespace) -> None:
    import webbrowser

    from lungseg_utils.start import disk

    page = disk() / "site" / "lungseg.html"
    if not page.is_file():
        raise FileNotFoundError(
            "there is no page yet: python3 course.py site builds it, or get lungseg.html from "
            "https://github.com/lungseg-course/lungseg/releases"
        )
    print(f"The page is {page}")
    if not chosen.no_browser:
        webbrowser.open(page.as_uri())


def _download(chosen: argparse.Namespace) -> None:
    from lungseg_utils.app.download import download
    from lungseg_utils.start import montgomery_folder

    print(f"The radiographs are in {download(chosen.folder or montgomery_folder())}")


def _phantom(chosen: argparse.Namespace) -> None:
    from lungseg_utils.phantom import RARE, write_phantom_set

    if not (chosen.size == "native" or chosen.size.isdecimal()) or chosen.seed < 0:
        raise ValueError("a size or a seed is wrong: use 0 or more, or native as a size")
    size = None if chosen.size == "native" else int(chosen.size)
    with explained(chosen.folder):
        what = chosen.count, size, chosen.seed, chosen.bits, RARE if chosen.rare else None
        folder = write_phantom_set(chosen.folder, *what, chosen.lung_behind_heart)
    print(f"The radiographs are in {folder}")


def _check(chosen: argparse.Namespace) -> int:
    from lungseg_utils.app.checks import check_set, summary
    from lungseg_utils.start import typed_path

    found = check_set(typed_path(chosen.root))
    print(summary(found))
    _print_faults(found.faults)
    return 2 if any(one.stops for one in found.faults) else int(bool(found.faults))


def _print_faults(faults) -> None:
    """What stops comes first, a line each, and its remedy in the next."""
    from lungseg_utils.app.checks import table

    for row in table(faults):
        print(f"{'FAULT' if row.stops else 'look '}  {shown(row.file)} {shown(row.fault)}")
        print(f"       -> {row.remedy}")


def _demand_order(folder: Path) -> None:
    """Raises: ValueError, with all faults printed, if one of them stops."""
    from lungseg_utils.app.checks import check_set

    faults = check_set(folder).faults
    if stopping := [one for one in faults if one.stops]:
        _print_faults(stopping)
        raise ValueError(f"{folder} has faults: fix what is listed above first")
    if faults:
        say(f"{folder} needs a look ({counted(len(faults), 'remark')}): lungseg check {folder}")


def _train(chosen: argparse.Namespace) -> None:
    import keras

    from lungseg_utils.app.export import write_onnx
    from lungseg_utils.start import begin, setting, typed_path
    from lungseg_utils.training import train_course

    if chosen.out.suffix != ".keras":
        raise ValueError(f"{chosen.out} does not end in .keras, which Keras requires")
    if own := chosen.data or setting("LUNGSEG_DATA"):
        _demand_order(typed_path(own))
    trained = train_course(begin(chosen.data, chosen.scale)).model
    plain = {"lungseg_utils>BatchNormalization": keras.layers.BatchNormalization}
    with keras.saving.custom_object_scope(plain):  # so that any Keras loads it
        network = keras.Model.from_config(trained.get_config())  # without optimiser and loss
    network.set_weights(trained.get_weights())
    for_prediction = chosen.out.with_suffix(".onnx")
    with explained(chosen.out), written_whole(chosen.out) as part:
        network.save(part)
    with explained(for_prediction):
        write_onnx(network, for_prediction)
    print(f"The network is in {chosen.out}, and a copy for prediction only is in {for_prediction}")


def _evaluate(chosen: argparse.Namespace) -> None:
    from lungseg_utils import results
    from lungseg_utils.app.networks import load_networks
    from lungseg_utils.predict import predict_mask
    from lungseg_utils.radiographs import load_records
    from lungseg_utils.start import typed_path

    folder = typed_path(chosen.root)
    _demand_order(folder)
    records = load_records(folder)
    if any(record.spacing_mm is None for record in records):
        print("The size of a pixel is not known of every image: no distances in mm.")
    segment = partial(predict_mask, load_networks(chosen.network)[0])
    rows = results.score_records(segment, records)
    means = results.mean_scores(rows)
    print(f"{counted(len(rows), 'image')}\n{'':10}{'mean':>10}{'low':>10}{'high':>10}")
    for name, found in means.items():
        print(f"{name:10}" + "".join(f"{value:10.4f}" for value in found.values()))
    if chosen.json:
        with explained(chosen.json):
            results.write_json(chosen.json, means | {"images": rows})


def _doctor(chosen: argparse.Namespace) -> int:
    from lungseg_utils.app.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{'--' if finding.remedy else 'ok'}  {finding.name:{width}}  {finding.found}")
        if finding.remedy:
            print(f"    {'':{width}}  -> {finding.remedy}")
    return int(any(finding.needed and finding.remedy for finding in findings))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        say(f"{message.replace('invalid int value', 'no whole number')}; see {self.prog} --help")
        sys.exit(MISUSED)


def _parser() -> argparse.ArgumentParser:
    whole = _Parser("lungseg", description=__doc__, epilog=OVERVIEW, formatter_class=RAW)
    add = partial(_add, whole.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    own = {"type": typed, "help": "one of your own, from `lungseg train`"}
    one = add("predict", _predict, "find the lungs in X-rays", PREDICT)
    _add_choices(one)
    one.add_argument("--network", **own)
    one = add("report", _report, "make a page of what `predict` found: counts, and the worst masks")
    one.add_argument("out", type=typed, metavar="OUT", help="the OUT of `lungseg predict`")
    one.add_argument("--network", **own)
    one = add("serve", _serve, "open the page that finds lungs in your browser")
    one.add_argument("--no-browser", action="store_true", help="print its path, open nothing")
    add("doctor", _doctor, "say what is installed and found, and what to do about the rest")
    one = add("download", _download, "fetch the Montgomery County X-ray set")
    one.add_argument("folder", type=typed, nargs="?", help="where to; by default the course's own")
    one = add("phantom", _phantom, "write a set of simulated radiographs")
    one.add_argument("folder", type=typed, help="a folder that does not exist yet")
    one.add_argument("--count", type=int, default=138, help="radiographs (default 138)")
    one.add_argument("--size", default="512", help="pixels on a side (default 512), or native")
    one.add_argument("--bits", type=int, default=8, help="bits of grey, 8 (default) or 12")
    one.add_argument("--seed", type=int, default=0, help="another seed, another set (default 0)")
    rare = "make a third of them rare cases: small children, bedside films, a white lung and others"
    one.add_argument("--rare", action="store_true", help=rare)
    behind = "masks with the lung that the heart hides, which Montgomery's leave out"
    one.add_argument("--lung-behind-heart", action="store_true", help=behind)
    one = add("check", _check, "say whether a set of X-rays and masks is in order", CHECK)
    one.add_argument("root", type=typed, help=SET)
    one = add("train", _train, "train the course's network, or continue a stopped training")
    out = {"type": file_to_write, "default": "lungs.keras"}
    one.add_argument("-o", "--out", **out, help="the file to write (default lungs.keras)")
    one.add_argument("--data", type=typed, help=SET)
    one.add_argument("--scale", choices=("ci", "laptop", "gpu"), help="ci: quick; gpu: thorough")
    one = add("evaluate", _evaluate, "score a network on a folder with masks")
    one.add_argument("root", type=typed, help=SET)
    one.add_argument("--json", type=file_to_write, help="a file for the scores, and every image's")
    one.add_argument("--network", **own)
    return whole


def _add_choices(one: argparse.ArgumentParser) -> None:
    what = 'a file, a folder, a pattern ("ward*/*.dcm"), or a list: @FILE or @TABLE.csv:COLUMN'
    one.add_argument("paths", type=typed, nargs="+", metavar="FILE", help=what)
    one.add_argument("-o", "--out", type=typed, required=True, help="the folder to write to")
    one.add_argument("--threshold", type=share, help="above it is lung (default 0.5)")
    masks = "png (default); rle: run lengths in scores.jsonl instead of files; none: areas alone"
    one.add_argument("--masks", choices=("png", "rle", "none"), default="png", help=masks)
    drawn = "pictures of the outlines: all (default), none, or worst:N for the N worst masks"
    one.add_argument("--overlays", type=overlays, default="all", help=drawn)
    one.add_argument("--workers", type=count, help="processes to share the work among, with Dask")
    joined = "share it among the workers of a Dask cluster: its ADDRESS, or slurm:FILE"
    one.add_argument("--cluster", help=joined)
    dry = "say how many files there are, and about how long they take and how much they fill"
    one.add_argument("--dry-run", action="store_true", help=dry)


def _add(commands, name: str, run: Callable, text: str, epilog: str = "") -> _Parser:
    said = f"{text[0].upper()}{text[1:]}."
    one = commands.add_parser(name, help=text, description=said, epilog=epilog, formatter_class=RAW)
    one.add_argument("--debug", action="store_true", help="show where an error came from")
    one.set_defaults(run=run)
    return one

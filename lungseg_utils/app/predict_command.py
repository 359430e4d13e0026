"""`lungseg predict`: here or on a cluster, what is left to do of what was asked for."""

import argparse
import contextlib
import importlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lungseg_utils.app import batch
from lungseg_utils.app.networks import load_networks, name_networks
from lungseg_utils.app.report import draw_worst
from lungseg_utils.app.shards import predict_shard, write_killer
from lungseg_utils.app.table import MASKS, ROWS, TABLE, Settings, close_table, write_parquet
from lungseg_utils.app.texts import explained, say
from lungseg_utils.images import format_names
from lungseg_utils.predict import THRESHOLD
from lungseg_utils.types import counted

LOOKED_AT = 50  # files that --dry-run looks at
SHARDS_EACH = 8  # shards for each worker, so that none is left with much more than the others
MOST_COUNTED = 63
Done = tuple[int, int, list[str]]  # files, masks and errors


def predict_command(chosen: argparse.Namespace) -> int:
    """Find the lungs; returns how many files have an error, at most 63.

    Raises: ValueError or OSError with a sentence if nothing can be done.
    """
    out, own = chosen.out, chosen.network
    settings = Settings(chosen.threshold or THRESHOLD, name_networks(own))
    kept = batch.Kept(chosen.masks, chosen.overlays == "all")
    jobs, finished, unknown, left_out = _plan(chosen, settings, kept)
    if finished or unknown:
        say(f"done before: {finished}; left out, because their type is unknown: {unknown}")
    if not jobs and not finished and not left_out:
        raise ValueError(f"no {format_names()} file was found: name other files or folders")
    if chosen.dry_run:
        print(estimate(jobs, own, settings, kept, chosen.workers or 0))
        return 0
    spread = _on_a_cluster if chosen.workers or chosen.cluster else _here
    made, wrong = _follow(spread(chosen, jobs, settings, kept), len(jobs), out)
    if chosen.overlays.startswith("worst:"):
        draw_worst(out, int(chosen.overlays.removeprefix("worst:")), own)
    places = {"png": f" in {out / MASKS}", "rle": f" in {out / ROWS}", "none": ", not kept"}
    new = f"{counted(made, 'new mask')}{places[chosen.masks]}"
    print(f"{new}, {counted(wrong, 'error')}; all rows are in {out / TABLE}")
    if left_out := left_out + len(jobs) - wrong - made:
        say(f"left out, since they are masks, reports or indexes: {left_out}")
    return min(wrong, MOST_COUNTED)


def _plan(chosen: argparse.Namespace, settings: Settings, kept: batch.Kept) -> batch.Plan:
    with explained(chosen.out), contextlib.ExitStack() as stack:
        unwritten = chosen.dry_run and not chosen.out.exists()
        folder = tempfile.TemporaryDirectory() if unwritten else contextlib.nullcontext(chosen.out)
        out = Path(stack.enter_context(folder))
        return batch.open_table(chosen.paths, out, settings, kept)


def _follow(found: Iterator[Done], total: int, out: Path) -> tuple[int, int]:
    """How many masks and errors there were; the table is written in any case."""
    made = wrong = 0
    with explained(out), contextlib.ExitStack() as at_the_end:
        at_the_end.callback(close_table, out)
        bar = at_the_end.enter_context(tqdm(total=total, unit=" X-rays", disable=None))
        for done, masks, errors in at_the_end.enter_context(contextlib.closing(found)):
            made, wrong = made + masks, wrong + len(errors)
            for error in errors:
                with bar.external_write_mode(sys.stderr):
                    say(error)
            bar.update(done)
    return made, wrong


def _here(
    chosen: argparse.Namespace, jobs: batch.Jobs, settings: Settings, kept: batch.Kept
) -> Iterator[Done]:
    models = load_networks(chosen.network) if jobs else []
    rows = batch.predict_files(jobs, models, chosen.out, settings, kept)
    with contextlib.closing(rows):
        for row in rows:
            yield 1, bool(row["target"]), [row["error"]] * bool(row["error"])


def _on_a_cluster(
    chosen: argparse.Namespace, jobs: batch.Jobs, settings: Settings, kept: batch.Kept
) -> Iterator[Done]:
    from lungseg_utils.cluster import SHARD, each_shard, in_shards, open_client

    importlib.import_module("pyarrow")  # if it is missing, that is known before the work
    out, own = chosen.out.absolute(), chosen.network and chosen.network.absolute()
    size = max(1, min(SHARD, len(jobs) // (SHARDS_EACH * (chosen.workers or 1))))
    there = (job._replace(path=job.path.absolute()) for job in jobs)
    work = partial(predict_shard, own=own, out=out, settings=settings, kept=kept)
    with open_client(chosen.workers or 1, chosen.cluster or "") as client:
        say(f"what the cluster does is at {client.dashboard_link}")
        for shard, result in each_shard(client, work, in_shards(there, size)):
            if isinstance(result, Exception):
                result = 0, [write_killer(shard[0], out, settings)]
            yield len(shard), *result
        write_parquet(out)


def estimate(
    jobs: batch.Jobs, own: Path | None, settings: Settings, kept: batch.Kept, workers: int
) -> str:
    """How many files, and about how long and how many gigabytes, from a sample of them.

    `workers`, 0 for this process alone, share the processor's cores: none waits for less than the
    time that its files take by themselves, nor all for less than their work takes on all cores.
    """
    chosen = set(random.Random(0).sample(range(len(jobs)), min(LOOKED_AT, len(jobs))))
    sample = [job for number, job in enumerate(jobs) if number in chosen]
    models = load_networks(own, threads=min(1, workers))
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        for part in (sample[:2], sample):  # the first time all is slower
            since, before = time.perf_counter(), time.process_time()
            list(batch.predict_files(part, models, out, settings, kept))
            took, work = time.perf_counter() - since, time.process_time() - before
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    share = len(jobs) / max(1, len(sample))
    if workers:
        took = max(took / workers, work / (os.cpu_count() or 1))
    seconds = took * share
    units = (("hours", 3600), ("minutes", 60), ("seconds", 1))
    unit, length = next(one for one in units if seconds >= one[1] or one[1] == 1)
    spelled = f"{seconds / length:.1f} {unit}"
    return (
        f"{counted(len(jobs), 'file')}: about {spelled} on {counted(workers or 1, 'worker')}, and"
        f" {size * share / 1e9:.2g} GB (from {counted(len(sample), 'file')}; nothing is written)"
    )

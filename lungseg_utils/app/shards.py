"""A shard of X-rays on a worker of a cluster: its masks, and its ledger, whole or not there."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

import cv2

from lungseg_utils.app.batch import Kept, predict_files, stamp_of
from lungseg_utils.app.jobs import Job
from lungseg_utils.app.networks import load_networks, name_networks
from lungseg_utils.app.table import ROWS, SHARDS, Settings
from lungseg_utils.predict import Network
from lungseg_utils.types import DataError, written_whole


def predict_shard(
    jobs: Sequence[Job], own: Path | None, out: Path, settings: Settings, kept: Kept
) -> tuple[int, list[str]]:
    """Look at the X-rays of one shard, as `predict_files`, and keep its ledger when all are done.

    Returns: how many masks were made, and the errors.
    Raises: DataError if the worker has other networks.
    """
    if name_networks(own) != settings.network:
        raise DataError("a worker has other networks: install the same version everywhere")
    listed = "\n".join(job.name for job in jobs)
    name = hashlib.sha256(listed.encode(errors="surrogatepass")).hexdigest()[:16]
    given = jobs, _networks(own, settings.network), out, settings, kept
    ledger = written_whole(out / SHARDS / f"{name}.jsonl")
    with ledger as part, closing(predict_files(*given, part)) as found:
        # gone once another command has begun, whose masks these must not replace
        rows = list(takewhile(lambda row: part.exists(), found))
    return sum(bool(row["target"]) for row in rows), [row["error"] for row in rows if row["error"]]


def write_killer(job: Job, out: Path, settings: Settings) -> str:
    """Keep the row of a file that ended the process that looked at it; returns its error."""
    error = f"{job.path} ends the program that reads it: export it again"
    row = {
        "file": job.name,
        "error": error,
        "target": "",
        **settings._asdict(),
        **stamp_of(job.path),
    }
    with (out / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return error


@lru_cache(1)  # loaded once in each process, and again if the file of one's own has changed
def _networks(own: Path | None, named: str) -> list[Network]:
    cv2.setNumThreads(1)  # a worker for each core has no other to use
    return load_networks(own, threads=1)

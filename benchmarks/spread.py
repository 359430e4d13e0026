"""Shares a benchmark's trainings among the workers of a Dask cluster, or does them here in turn."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import cloudpickle
from facts import FOLDER

from lungseg_utils.cluster import each_shard, open_client

CHILD = """
import sys, cloudpickle
answer, sys.stdout = sys.stdout.buffer, sys.stderr
from lungseg_utils.start import load_tensorflow
load_tensorflow()
work, item = cloudpickle.load(sys.stdin.buffer)
answer.write(cloudpickle.dumps(work(item)))
"""
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not find this file


def spread(
    work: Callable[[Any], Any], items: Sequence[Any], cluster: str = ""
) -> Iterator[tuple[Any, Any]]:
    """Each item and what `work` makes of it: in turn, or as the workers at the address finish.

    Raises: as `each_shard`; RuntimeError if `work` fails or ends its process.
    """
    if not cluster:
        yield from ((item, work(item)) for item in items)
        return
    asked = {cloudpickle.dumps((work, item)): item for item in items}
    train = partial(in_a_process, folder=str(FOLDER))
    with open_client(address=cluster) as client:
        for (one,), made in each_shard(client, train, [[one] for one in asked]):
            if isinstance(made, Exception):
                raise RuntimeError(f"{asked[one]} ends the worker that trains it") from made
            yield asked[one], cloudpickle.loads(made)


def in_a_process(shard: Sequence[bytes], folder: str) -> bytes:
    """Do the work of one item in a process of its own.

    In that of a Dask worker, other threads draw from Python's global random numbers, from which
    Keras takes the seeds of first weights: a training would not repeat.
    """
    (asked,) = shard
    paths = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=asked,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if child.returncode:
        raise RuntimeError(child.stderr.decode(errors="replace")[-2000:])
    return child.stdout

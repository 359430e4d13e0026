"""Notebook 09: work shared among many processes.

Dask does the sharing. What is here decides how much is handed out at once, and what happens to a
piece of work that ends the process it runs in: its items are tried one by one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.comm import CommClosedError

Item = TypeVar("Item")
SHARD = 200  # items together: Dask's own work on each is then below a thousandth of theirs
AHEAD = 2  # shards in hand for each thread, so that none waits for the next
SLURM = "slurm:"
OURS = {
    # a thread is given its next shard when it is free: one that kills takes no other with it
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 1,  # kills of one shard, before it is taken apart
    "distributed.admin.low-level-log-length": 1000,  # else the scheduler's memory grows with tasks
    "distributed.admin.log-length": 1000,
    "distributed.diagnostics.computations.max-history": 1,
}


@contextmanager
def open_client(workers: int = 1, address: str = "") -> Iterator[Client]:
    """A client of a cluster: of so many processes here, one thread each; of the one that has this
    address; or of jobs of SLURM, for `slurm:FILE`, where FILE has the arguments of
    `dask_jobqueue.SLURMCluster` as JSON, and `jobs`, how many.

    Raises: OSError if no cluster answers at the address or FILE is not there; ValueError if it has
        something else; ImportError where dask-jobqueue is not installed.
    """
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(OURS))
        if address.startswith(SLURM):
            address = stack.enter_context(_slurm(Path(address.removeprefix(SLURM))))
        elif not address:
            address = stack.enter_context(_local(workers))
        yield stack.enter_context(Client(address, timeout=20, set_as_default=False))


def _local(workers: int) -> LocalCluster:
    try:
        return LocalCluster(None, workers, 1, dashboard_address="127.0.0.1:0", silence_logs=50)
    except RuntimeError as error:
        raise ConnectionError(f"{workers} workers did not start ({error}): try fewer") from error


def _slurm(file: Path) -> Any:
    from dask_jobqueue import SLURMCluster

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}: name one with SLURMCluster's arguments")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        jobs = settings.pop("jobs", 1)
        cluster = SLURMCluster(**settings)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} has no arguments of SLURMCluster ({error}): mend it") from error
    cluster.scale(jobs=jobs)
    return cluster


def in_shards(items: Iterable[Item], size: int = SHARD) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter; no more is taken than is asked for."""
    items = iter(items)
    while shard := list(islice(items, size)):
        yield shard


def each_shard(
    client: Client, work: Callable[[Sequence[Item]], Any], shards: Iterable[Sequence[Item]]
) -> Iterator[tuple[Sequence[Item], Any]]:
    """Each shard and what `work` makes of it, in the order in which they are done.

    Few shards are in hand at a time, however many there are. Of a shard that ended its workers,
    each item becomes a shard of its own when all others are done; one that does it again comes with
    a `KilledWorker` in the place of a result.
    Raises: ConnectionError if the cluster is gone; what `work` raises.
    """
    waiting, suspects = iter(shards), []
    running, held = as_completed(loop=client.loop), {}

    def hand_out() -> None:
        threads = max(1, sum(client.nthreads().values()))
        more = list(islice(waiting, max(0, AHEAD * threads - len(held))))
        while suspects and len(held) + len(more) < threads:
            more.append(suspects.pop(0))
        for shard in more:
            future = client.submit(work, shard, pure=False)
            held[future.key] = shard
            running.add(future)

    try:
        hand_out()
        for future in running:
            shard = held.pop(future.key)
            killed = future.exception() if future.status == "error" else None
            if not isinstance(killed, KilledWorker):
                yield shard, future.result()
            elif len(shard) == 1:
                yield shard, killed
            else:
                suspects += ([item] for item in shard)
            hand_out()
    except (CommClosedError, TimeoutError, CancelledError) as error:
        where = client.scheduler.address if client.scheduler else "which it ran on"
        raise ConnectionError(
            f"the cluster {where} is gone: start it, and the same command goes on"
        ) from error

"""Scenes of notebook 09: what more workers bring, and what a killed one costs."""

from typing import NamedTuple

import numpy as np

from lungseg_utils.teaching import plots
from lungseg_utils.teaching.scenes.frame import Scene
from lungseg_utils.types import counted

MOST_WORKERS = 64
MILLION = 1_000_000
DRAWN_FILES, DRAWN_WORKERS = 240, 3  # of the drawn run; a file takes a worker one second
OVERHEAD = 1.0  # seconds to hand out a shard, larger than life


class Turn(NamedTuple):
    """A shard in the hands of a worker: when, and whether it was lost."""

    worker: int
    begin: float
    end: float
    lost: bool


def throughput(workers: int, seconds: float, megabytes: float, folder: float) -> Scene:
    """Files a second over the number of workers, and the days that a million files take.

    Args: `seconds` and `megabytes` of a file; `folder`, the MB that all can read in a second.
    """
    counts = np.arange(1, MOST_WORKERS + 1)
    rates = np.minimum(counts / seconds, folder / megabytes)
    rate, enough = rates[workers - 1], folder / megabytes * seconds
    figure, panel = plots.canvas(width=7, height=3.4)
    panel.plot(counts, counts / seconds, ":", color=plots.GREY, label="if only they limited it")
    panel.plot(counts, rates, "-", color=plots.BLUE, label="files a second")
    panel.plot(workers, rate, "o", color=plots.ORANGE, label=counted(workers, "worker"))
    panel.set(xlabel="workers", xlim=(0, MOST_WORKERS + 1), ylim=(0, 1.3 * rates[-1]))
    panel.legend(loc="lower right")
    limit = "The folder" if workers > enough else "The number of workers"
    caption = (
        f"{counted(workers, 'worker')}: {rate:.1f} files a second, a million in "
        f"{MILLION / rate / 3600:.1f} hours. {limit} is the limit: the folder delivers enough for "
        f"{enough:.1f} workers."
    )
    course = "rising" if enough >= MOST_WORKERS else "rising and then level"
    alt = f"Files a second over the number of workers, {course}. {caption}"
    return Scene(figure, alt, caption)


def shard_turns(size: int, killed_at: float) -> list[Turn]:
    """Who has which shard when, if the first worker is killed at that second and comes back.

    A shard goes to the worker that is free first; a lost one is done again after all others.
    """
    waiting = [size] * (DRAWN_FILES // size) + ([DRAWN_FILES % size] if DRAWN_FILES % size else [])
    free, turns, is_killed = [0.0] * DRAWN_WORKERS, [], False
    while waiting:
        worker = int(np.argmin(free))
        count, begin = waiting.pop(0), free[worker]
        end = begin + OVERHEAD + count
        lost = worker == 0 and not is_killed and begin <= killed_at < end
        if lost:
            is_killed, end = True, killed_at
            waiting.append(count)
        turns.append(Turn(worker, begin, end, lost))
        free[worker] = end
    return turns


def shards(size: int, killed_at: float) -> Scene:
    """A run of 240 files on three workers in shards of `size`, the first worker killed once."""
    turns = shard_turns(size, killed_at)
    figure, panel = plots.canvas(width=8, height=2.8)
    for turn in turns:
        look = {"color": plots.ORANGE, "hatch": "//"} if turn.lost else {"color": plots.BLUE}
        panel.barh(turn.worker, turn.end - turn.begin, 0.6, turn.begin, edgecolor="white", **look)
    names = [f"worker {number + 1}" for number in range(DRAWN_WORKERS)]
    panel.set(xlabel="seconds", xlim=0, yticks=range(DRAWN_WORKERS), yticklabels=names)
    panel.invert_yaxis()
    end, lost = max(turn.end for turn in turns), sum(t.end - t.begin for t in turns if t.lost)
    handed = OVERHEAD * len(turns)
    caption = (
        f"Shards of {counted(size, 'file')}: done after {end:.0f} s. {handed:.0f} s went into "
        f"handing out {counted(len(turns), 'shard')}, {lost:.0f} s of work were lost with the "
        f"worker (hatched), and at best it would take {DRAWN_FILES / DRAWN_WORKERS:.0f} s."
    )
    return Scene(figure, f"Three rows of bars, one for each worker over time. {caption}", caption)

"""One at a time: who waits for whom, and what is said when a job fails."""

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from lungseg_utils.app.page import queue


class Visitor:
    """A request of somebody who waits."""

    async def is_disconnected(self):
        return False


def test_a_job_that_nobody_waits_for_any_more_still_has_the_worker_to_itself():
    """A network takes the memory of one, and a visitor may leave while it computes."""
    running, most, leave = [], [], threading.Event()

    def job(segmenter):
        running.append(segmenter)
        most.append(len(running))
        leave.wait(5 if len(most) == 1 else 0)
        running.pop()
        return threading.get_ident()

    async def visit():
        line = queue.Queue(lambda: "the networks")
        await line.open()
        leaves = asyncio.create_task(line.do(Visitor(), job))
        while not most:
            await asyncio.sleep(0.001)
        leaves.cancel()
        stays = asyncio.create_task(line.do(Visitor(), job))
        await asyncio.sleep(0.05)
        leave.set()
        return await stays

    assert asyncio.run(visit()) != threading.get_ident()
    assert most == [1, 1]


def test_a_job_that_fails_shows_its_place_in_the_terminal_and_not_what_it_read(capsys):
    name = "Jane Roe"

    def job(segmenter):
        raise ZeroDivisionError(name)

    with pytest.raises(HTTPException) as caught:
        queue._explained(job, None)
    assert (caught.value.status_code, caught.value.detail) == (500, queue.FAILED)
    said = capsys.readouterr().err
    assert said.startswith("ZeroDivisionError") and "test_queue.py" in said
    assert name not in said

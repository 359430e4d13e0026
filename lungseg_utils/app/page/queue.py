"""One worker, those who wait for it, and the answers that are kept: all in memory, all bounded."""

import asyncio
import secrets
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lungseg_utils.types import DataError

MOST_KEPT = 128  # answers, at most 1.3 MB each
GONE = "this X-ray is no longer in memory: drop it again"
FAILED = "the program failed on this X-ray, and the terminal shows where: try another file"


class Queue:
    """Does one thing at a time, in the order in which it was asked for.

    `load` returns the segmenter, kept here once it is there; `problem` says why it never will be.
    """

    def __init__(self, load: Callable[[], Any]):
        self.load, self.segmenter, self.problem = load, None, ""
        self._turn = asyncio.Lock()  # first come, first served
        self._worker = ThreadPoolExecutor(1)  # a network uses all cores by itself
        self._kept: OrderedDict[str, Any] = OrderedDict()

    async def open(self) -> None:
        """Load the networks; requests wait meanwhile."""
        async with self._turn:
            try:
                self.segmenter = await self._run(self.load)
            except Exception as error:
                self.problem = f"the networks cannot be loaded: {error}"
                print(self.problem, file=sys.stderr)

    async def do(self, request: Request, job: Callable[[Any], Any]) -> Any:
        """What `job(segmenter)` gives, in turn. Raises: HTTPException with a sentence."""
        async with self._turn:
            if self.segmenter is None:
                raise HTTPException(503, self.problem)
            if await request.is_disconnected():
                raise HTTPException(499, "nobody waits for this any more")
            return await self._run(_explained, job, self.segmenter)

    def _run(self, function: Callable, *args) -> asyncio.Future:
        return asyncio.get_running_loop().run_in_executor(self._worker, function, *args)

    def keep(self, answer: Any) -> str:
        """A new token for an answer; the one that nobody has asked for longest is forgotten."""
        token = secrets.token_urlsafe(16)
        self._kept[token] = answer
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return token

    def kept(self, token: str) -> Any:
        """The answer of a token. Raises: HTTPException if it is forgotten or never was."""
        if token not in self._kept:
            raise HTTPException(404, GONE)
        self._kept.move_to_end(token)
        return self._kept[token]


def _explained(job: Callable[[Any], Any], segmenter: Any) -> Any:
    try:
        return job(segmenter)
    except DataError as error:
        raise HTTPException(422, str(error)) from None
    except Exception as error:  # its message may repeat what is in the file, its place does not
        print(type(error).__name__, *traceback.format_tb(error.__traceback__), file=sys.stderr)
        raise HTTPException(500, FAILED) from None

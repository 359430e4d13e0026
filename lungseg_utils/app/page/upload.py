"""X-rays on their way in: the body of a request, in memory, never more of it than was agreed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

MOST_UPLOAD_BYTES = 64 * 2**20  # of one X-ray's file
MOST_UPLOADS = 64  # that are on their way or wait for their turn
MOST_HELD_BYTES = 256 * 2**20  # of all of them
UPLOAD_PATIENCE = 20  # seconds without a byte
LAST_WORDS = 2  # seconds
BUSY = "too many X-rays are waiting: try again in a moment"
TOO_LARGE = f"the file is larger than {MOST_UPLOAD_BYTES >> 20} MB: export the X-ray alone, as PNG"


class Unread(HTTPException):
    """A refusal while the upload is still on its way."""


class Uploads:
    """Counts the X-rays that are on their way or wait, and their bytes."""

    def __init__(self):
        self.count = self.held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts as long as the context lasts.

        Raises: Unread with a sentence, if it or all of them are too large, or it is too slow.
        """
        reserved = 0

        def reserve(size: int) -> None:
            nonlocal reserved
            if size > MOST_UPLOAD_BYTES:
                raise Unread(413, TOO_LARGE)
            more = max(0, size - reserved)
            if self.held + more > MOST_HELD_BYTES:
                raise Unread(503, BUSY, {"Retry-After": "2"})
            self.held, reserved = self.held + more, reserved + more

        if self.count == MOST_UPLOADS:
            raise Unread(503, BUSY, {"Retry-After": "2"})
        self.count += 1
        try:
            reserve(int(request.headers.get("content-length", 0)))
            yield await _received(request, reserve)
        finally:
            self.count, self.held = self.count - 1, self.held - reserved


async def _received(request: Request, reserve: Callable[[int], None]) -> bytes:
    chunks, size, stream = [], 0, request.stream()
    try:
        while chunk := await asyncio.wait_for(anext(stream), UPLOAD_PATIENCE):
            size += len(chunk)
            reserve(size)
            chunks.append(chunk)
    except asyncio.TimeoutError:
        raise Unread(408, f"nothing came for {UPLOAD_PATIENCE} seconds: try again") from None
    except ClientDisconnect:
        raise HTTPException(499, "nobody waits for this any more") from None
    return b"".join(chunks)


class Refusal(JSONResponse):
    """An answer before the upload has ended. What still comes is dropped, for a while: a client
    that is cut off while it sends may never read the answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer at once, its end a little later."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": [*self.raw_headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_drop(receive), LAST_WORDS)
        await send({"type": "http.response.body", "body": b""})


async def _drop(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass

"""X-rays on their way in: the body of a request, in memory, never more of it than was agreed."""

import asyncio
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

MOST_UPLOAD_BYTES = 64 * 2**20  # of one X-ray's file
LAST_WORDS = 2  # seconds
TOO_LARGE = f"the file is larger than {MOST_UPLOAD_BYTES >> 20} MB: export the X-ray alone, as PNG"


class Unread(HTTPException):
    """A refusal while the upload is still on its way."""


async def read_body(request: Request) -> bytes:
    """The body of a request. Raises: Unread with a sentence if it is too large."""
    if int(request.headers.get("content-length", 0)) > MOST_UPLOAD_BYTES:
        raise Unread(413, TOO_LARGE)
    body = bytearray()
    with suppress(ClientDisconnect):  # nobody waits for an answer any more
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_UPLOAD_BYTES:
                raise Unread(413, TOO_LARGE)
    return bytes(body)


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

"""Which address gets which answer."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lungseg_utils.types import MOST_PIXELS

from .examples import EXAMPLES
from .queue import Queue
from .upload import MOST_UPLOAD_BYTES, Refusal, Unread, read_body

FILES = {"/": "index.html", "/style.css": "style.css", "/page.js": "page.js"}
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
LEAST, MOST = 0.01, 0.99  # thresholds
SENTENCES = {
    "Not Found": "there is nothing at this address: open the page itself",
    "Method Not Allowed": "this address is not for that: open the page itself",
}


def make_app(load: Callable) -> Starlette:
    """The page; `load` returns a `Segmenter`, and is called once, in a thread of its own, so that
    the page opens at once.
    """
    queue = Queue(load)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        opening = asyncio.create_task(queue.open())
        yield
        opening.cancel()

    files = [Route(place, _file(name)) for place, name in FILES.items()]
    answers = [
        Route("/state", _state),
        Route("/examples", _examples),
        Route("/examples/{number}", _example, methods=["POST"]),
        Route("/xrays", _file_of_a_visitor, methods=["POST"]),
        Route("/xrays/{token}", _report),
        Route("/xrays/{token}/overlay.png", _picture(lambda answer: answer.overlay_png)),
        Route("/xrays/{token}/mask.png", _picture(lambda answer: answer.mask_png)),
    ]
    app = Starlette(
        routes=files + answers, exception_handlers={HTTPException: _refuse}, lifespan=lifespan
    )
    app.state.queue = queue
    return app


def _file(name: str) -> Callable:
    path = Path(__file__).with_name(name)
    response = Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix])

    async def answer(request: Request) -> Response:
        return response

    return answer


async def _state(request: Request) -> Response:
    queue = request.app.state.queue
    limits = {"most_bytes": MOST_UPLOAD_BYTES, "most_pixels": MOST_PIXELS}
    return JSONResponse({"ready": queue.segmenter is not None, "problem": queue.problem} | limits)


async def _examples(request: Request) -> Response:
    return JSONResponse([{"name": one.name, "says": one.says} for one in EXAMPLES])


async def _example(request: Request) -> Response:
    examples = {str(number): example for number, example in enumerate(EXAMPLES)}
    example = examples.get(request.path_params["number"])
    if example is None:
        raise HTTPException(404, f"there are {len(EXAMPLES)} examples: the first is 0")
    return await _answered(request, lambda segmenter: segmenter.answer(example.xray()))


async def _file_of_a_visitor(request: Request) -> Response:
    content = await read_body(request)
    return await _answered(request, lambda segmenter: segmenter.file(content))


async def _answered(request: Request, ask: Callable) -> Response:
    def job(segmenter) -> tuple:
        answer = ask(segmenter)
        return answer, answer.report(answer.prediction.threshold)

    queue = request.app.state.queue
    answer, report = await queue.do(request, job)
    return JSONResponse({"token": queue.keep(answer)} | report, 201)


async def _report(request: Request) -> Response:
    answer, threshold = _asked(request)
    queue = request.app.state.queue
    report = await queue.do(request, lambda _: answer.report(threshold))
    return JSONResponse({"token": request.path_params["token"]} | report)


def _picture(drawn: Callable) -> Callable:
    async def answered(request: Request) -> Response:
        answer, threshold = _asked(request)
        png = await request.app.state.queue.do(request, lambda _: drawn(answer)(threshold))
        return Response(png, media_type="image/png")

    return answered


def _asked(request: Request) -> tuple:
    """The kept answer and the threshold that a request names."""
    answer = request.app.state.queue.kept(request.path_params["token"])
    try:
        threshold = float(request.query_params.get("threshold", answer.prediction.threshold))
    except ValueError:
        threshold = math.nan
    if not LEAST <= threshold <= MOST:  # nor where it is not a number
        raise HTTPException(422, f"the threshold must be a number from {LEAST} to {MOST}")
    return answer, threshold


async def _refuse(request: Request, error: HTTPException) -> Response:
    kind = Refusal if isinstance(error, Unread) else JSONResponse
    sentence = SENTENCES.get(error.detail, error.detail)
    return kind({"error": sentence}, error.status_code, error.headers)

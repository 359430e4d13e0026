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

from lungseg_utils.png import MOST_PIXELS

from .desk import Desk
from .examples import EXAMPLES
from .upload import MOST_BYTES, Refusal, Unread, Uploads

FILES = {"/": "index.html", "/style.css": "style.css", "/page.js": "page.js"}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
USUAL, LEAST, MOST = 0.5, 0.01, 0.99  # thresholds
SENTENCES = {
    "Not Found": "there is nothing at this address: open the page itself",
    "Method Not Allowed": "this address is not for that: open the page itself",
}


def make_app(load: Callable) -> Starlette:
    """The page; `load` returns a `Work`, and is called once, in a thread of its own, so that the
    page opens at once.
    """
    desk = Desk(load)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        opening = asyncio.create_task(desk.open())
        yield
        opening.cancel()

    files = [Route(place, _file(name)) for place, name in FILES.items()]
    answers = [
        Route("/state", _state),
        Route("/examples", _examples),
        Route("/examples/{number}", _example, methods=["POST"]),
        Route("/xrays", _file_of_a_visitor, methods=["POST"]),
        Route("/xrays/{token}", _report),
        Route("/xrays/{token}/overlay.png", _overlay),
        Route("/xrays/{token}/mask.png", _mask),
    ]
    app = Starlette(
        routes=files + answers, exception_handlers={HTTPException: _refuse}, lifespan=lifespan
    )
    app.state.desk, app.state.uploads = desk, Uploads()
    return app


def _file(name: str) -> Callable:
    path = Path(__file__).with_name(name)
    response = Response(path.read_bytes(), media_type=KINDS[path.suffix])

    async def answer(request: Request) -> Response:
        return response

    return answer


async def _state(request: Request) -> Response:
    desk = request.app.state.desk
    limits = {"most_bytes": MOST_BYTES, "most_pixels": MOST_PIXELS}
    return JSONResponse({"ready": desk.work is not None, "problem": desk.problem} | limits)


async def _examples(request: Request) -> Response:
    return JSONResponse([{"name": one.name, "says": one.says} for one in EXAMPLES])


async def _example(request: Request) -> Response:
    examples = {str(number): example for number, example in enumerate(EXAMPLES)}
    example = examples.get(request.path_params["number"])
    if example is None:
        raise HTTPException(404, f"there are {len(EXAMPLES)} examples: the first is 0")
    return await _answered(request, lambda work: work.answer(example.xray()))


async def _file_of_a_visitor(request: Request) -> Response:
    async with request.app.state.uploads.body(request) as content:
        return await _answered(request, lambda work: work.file(content))


async def _answered(request: Request, ask: Callable) -> Response:
    def job(work) -> tuple:
        answer = ask(work)
        return answer, answer.report(USUAL)

    desk = request.app.state.desk
    answer, report = await desk.do(request, job)
    return JSONResponse({"token": desk.keep(answer)} | report, 201)


async def _report(request: Request) -> Response:
    answer, threshold = _asked(request)
    desk = request.app.state.desk
    report = await desk.do(request, lambda work: answer.report(threshold))
    return JSONResponse({"token": request.path_params["token"]} | report)


async def _overlay(request: Request) -> Response:
    answer, threshold = _asked(request)
    desk = request.app.state.desk
    png = await desk.do(request, lambda work: answer.overlay_png(threshold))
    return Response(png, media_type="image/png")


async def _mask(request: Request) -> Response:
    answer, threshold = _asked(request)
    desk = request.app.state.desk
    png = await desk.do(request, lambda work: answer.mask_png(threshold))
    return Response(png, media_type="image/png")


def _asked(request: Request) -> tuple:
    """The kept answer and the threshold that a request names."""
    answer = request.app.state.desk.kept(request.path_params["token"])
    try:
        threshold = float(request.query_params.get("threshold", USUAL))
    except ValueError:
        threshold = math.nan
    if not LEAST <= threshold <= MOST:  # nor where it is not a number
        raise HTTPException(422, f"the threshold must be a number from {LEAST} to {MOST}")
    return answer, threshold


async def _refuse(request: Request, error: HTTPException) -> Response:
    kind = Refusal if isinstance(error, Unread) else JSONResponse
    sentence = SENTENCES.get(error.detail, error.detail)
    return kind({"error": sentence}, error.status_code, error.headers)

"""A body on its way in: how much of it is read, and how one is refused that is still coming."""

import asyncio
import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from lungseg_utils.app.page import app, upload


def chunks(*bodies, last=b""):
    """A `receive` of these pieces of a body and its end; what is left of them."""
    left = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    left.append({"type": "http.request", "body": last, "more_body": False})

    async def receive():
        return left.pop(0)

    return receive, left


def read(receive, **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": pairs}, receive)
    return asyncio.run(upload.read_body(request))


@pytest.fixture
def four_bytes(monkeypatch):
    monkeypatch.setattr(upload, "MOST_UPLOAD_BYTES", 4)


def test_a_body_of_the_largest_size_is_read(four_bytes):
    assert read(chunks(b"ab", last=b"cd")[0], content_length="4") == b"abcd"
    assert read(chunks(b"ab", last=b"cd")[0]) == b"abcd"


def test_a_body_that_says_it_is_larger_is_not_read(four_bytes):
    receive, left = chunks(b"ab")
    with pytest.raises(upload.Unread, match="larger than 64 MB") as caught:
        read(receive, content_length="5")
    assert len(left) == 2 and caught.value.status_code == 413


def test_a_body_that_does_not_say_so_is_read_no_further_than_agreed(four_bytes):
    receive, left = chunks(b"ab", b"cde", b"fgh")
    with pytest.raises(upload.Unread, match="larger than 64 MB"):
        read(receive)
    assert len(left) == 2


def test_a_body_without_a_length_may_be_empty(monkeypatch):
    monkeypatch.setattr(upload, "MOST_UPLOAD_BYTES", 0)
    assert read(chunks()[0]) == b""


def test_a_visitor_who_leaves_is_no_fault():
    receive, left = chunks(b"ab")
    left[1:] = [{"type": "http.disconnect"}]
    assert read(receive) == b"ab"


def refusal(receive):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(upload.Refusal({"error": "too much"}, 413)({"type": "http"}, receive, send))
    return sent


START, BODY, END = "http.response.start", "http.response.body", "http.response.body"


def test_a_refusal_is_said_at_once_and_ends_when_the_upload_has_ended():
    receive, left = chunks(b"ab", b"cd")
    start, body, end = refusal(receive)
    assert left == []
    assert (start["type"], start["status"]) == (START, 413)
    headers = dict(start["headers"])
    assert headers[b"connection"] == b"close" and headers[b"content-type"] == b"application/json"
    assert json.loads(body.pop("body")) == {"error": "too much"}
    assert body == {"type": BODY, "more_body": True}
    assert end == {"type": END, "body": b""}


def test_a_refusal_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(upload, "LAST_WORDS", 0.01)

    async def never():
        await asyncio.sleep(60)

    assert [message["type"] for message in refusal(never)] == [START, BODY, END]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(upload.Unread(413, "too large"), upload.Refusal),
     (HTTPException(405, "no", {"Allow": "POST"}), JSONResponse)],
)  # fmt: skip
def test_only_what_is_still_coming_is_refused_while_it_comes(error, kind):
    answer = asyncio.run(app._refuse(None, error))
    assert type(answer) is kind and answer.status_code == error.status_code
    assert json.loads(answer.body) == {"error": error.detail}
    assert answer.headers.get("allow") == (error.headers or {}).get("Allow")

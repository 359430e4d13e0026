"""Who may ask: no page of another site, not even one that gives itself this computer's name.

A browser sends requests to 127.0.0.1 on behalf of any site that asks it to, and a site can make its
own name point there (DNS rebinding). The headers Host, Origin and Sec-Fetch-Site, which a page
cannot forge, tell.
"""

import ipaddress
import re
import socket

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWER_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
NAME_AND_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@]+)(?::([0-9]{1,5}))?", re.ASCII)


class Guard:
    """Asks `app` what a page on `host` and `port` may ask, refuses the rest, and sends
    `ANSWER_HEADERS` with every answer.
    """

    def __init__(self, app: ASGIApp, host: str, port: int):
        self.app, self.host, self.port = app, host, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANSWER_HEADERS)
            await send(message)

        refusal = self.refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send_with_headers)

    def refusal(self, scope: Scope) -> JSONResponse | None:
        """The answer to a request that is not this page's own."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_own(hosts[0], self.host, self.port):
            return _refuse(400, "this page is not at the address that was asked for: use the one "
                           "that the terminal shows")  # fmt: skip
        origins = headers.getlist("origin")
        follows_link = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        site = headers.get("sec-fetch-site", "none")
        if set(origins) - {f"http://{hosts[0]}"} or (
            site not in ("none", "same-origin") and not follows_link
        ):
            return _refuse(403, "another site asked, not this page: open the page itself")
        return None


def is_own(asked: str, host: str, port: int) -> bool:
    """Whether a Host header names a page that listens on `host` and `port`.

    On loopback these are loopback's names. On other addresses all numbers are, since no site can be
    a number that is not its own; and the name of this computer.
    """
    match = NAME_AND_PORT.fullmatch(asked.lower())
    if match is None or int(match[2] or 80) != port:
        return False
    name = match[1]
    if name in LOOPBACK or name.strip("[]") == host.lower():
        return True
    computer = socket.gethostname().lower()
    return not is_loopback(host) and (_is_number(name) or name in (computer, f"{computer}.local"))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this computer only."""
    return host == "localhost" or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _refuse(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, {"Connection": "close"})

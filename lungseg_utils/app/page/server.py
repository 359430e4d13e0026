"""Where the page is, who can reach it, and its end."""

import errno
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from .app import make_app
from .guard import Guard, is_loopback

PORTS = 20  # that are tried, one after the other
FAREWELL = "Stopped. What was in memory is gone."
NOT_HERE = "{} is not an address of this machine: leave out --host"
SHUTDOWN_PATIENCE = 3  # seconds that open requests have after Ctrl-C


def serve_forever(load: Callable, host: str, port: int, open_browser: bool) -> None:
    """Show the page until Ctrl-C, as `lungseg_utils.app.page.serve`; `load` as for `make_app`."""
    listener = listen(host, port)
    found = listener.getsockname()[1]
    print(*greeting(host, port, found), sep="\n", flush=True)
    if open_browser:
        threading.Thread(target=webbrowser.open, args=[address(host, found)], daemon=True).start()
    config = uvicorn.Config(
        Guard(make_app(load), host, found),
        http="h11",
        ws="none",
        access_log=False,  # nor any other trace of who asked for what
        log_config=None,  # uvicorn's would close the log handlers of other code
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_PATIENCE,
    )
    with listener, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    print(FAREWELL, flush=True)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `host`, on `port` or on the first of the next that is not taken.

    Raises: ValueError if `port` is not a port; OSError if all are taken, or `host` is elsewhere.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"{port} is not a port: use a number from 1024 to 65535")
    try:
        socket.getaddrinfo(host, port)
    except (OSError, UnicodeError):
        raise OSError(NOT_HERE.format(host)) from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = range(port, min(port + PORTS, 2**16))
    for one in tried:
        try:
            return socket.create_server((host, one), family=family, backlog=128)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise OSError(NOT_HERE.format(host)) from None
            if error.errno == errno.EACCES:
                raise OSError(f"port {one} is reserved: use a number from 1024 to 65535") from None
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(f"the ports {tried[0]} to {tried[-1]} are taken: name another with --port")


def address(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def greeting(host: str, asked: int, port: int) -> list[str]:
    """What a terminal says before the page is there."""
    lines = [f"Port {asked} is taken, so the page is on port {port}."] * (asked not in (0, port))
    lines.append(f"The page is at {address(host, port)}")
    if is_loopback(host):
        lines.append(f"It listens on {host}: only users of this computer can reach it.")
    else:
        lines.append(
            f"WARNING: it listens on {host}. Anyone on your network can open the page, and can "
            "see the X-rays on their way, since nothing is encrypted."
        )
    return [*lines, "X-rays are held in memory and never written to disk. Ctrl-C ends it."]

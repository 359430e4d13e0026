"""A web server on this machine that misbehaves on request."""

import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    """Faults: 404, 500, truncate, drop, corrupt, stall, late, endless, redirect, loop; "": none."""

    def do_GET(self) -> None:
        world, path = self.server.world, self.path
        with world.lock:
            world.asked[path] += 1
            world.agents.add(self.headers["User-Agent"])
            queue = world.faults[path]
            fault = queue.pop(0) if queue else world.always
        with suppress(OSError):  # the client may have gone
            self.answer(fault, world.files.get(path))

    def answer(self, fault: str, body: bytes | None) -> None:
        if fault in ("redirect", "loop"):
            self.send_response(302)
            self.send_header("Location", ("/elsewhere" if fault == "redirect" else "") + self.path)
            self.end_headers()
        elif fault in ("404", "500") or body is None:
            self.send_error(500 if fault == "500" else 404)
        elif fault == "endless":
            self.send_response(200)
            self.end_headers()
            while not self.server.world.closing.is_set():
                self.wfile.write(bytes(65536))
        else:
            self.send_body(fault, body)

    def send_body(self, fault: str, body: bytes) -> None:
        world = self.server.world
        if fault == "late":
            world.closing.wait(20)
        if fault == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        self.send_response(200)
        if fault != "drop":  # without a length the client cannot tell that the end is missing
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if fault == "stall":
            world.stalled.set()
            world.closing.wait(20)
        if fault in ("truncate", "drop", "stall"):
            return
        with world.lock:
            world.busy += 1
            world.most_busy = max(world.most_busy, world.busy)
        time.sleep(world.pause)
        with world.lock:  # before the end is sent, since the client goes on as soon as it has it
            world.busy -= 1
        self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *_: object) -> None:
        pass


class Loopback:
    """A server on loopback, as a context manager.

    Args: `files`, path -> bytes; `always`, the fault of every request ("" for none).
    Attributes: `faults`, path -> list with the fault of each next request; `asked`, path -> number
        of requests; `agents`, the User-Agents seen; `most_busy`, the most requests at one time.
    """

    def __init__(self, files: dict[str, bytes], always: str = "") -> None:
        self.files, self.always, self.pause = files, always, 0.0
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.busy = self.most_busy = 0
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.stalled = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.world = self

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self) -> "Loopback":
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

"""The page on loopback: in this process, or as a program with folders that show what it writes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import requests
import uvicorn

from lungseg_utils.app.page.server import FAREWELL, greeting, serve_forever

SHIPPED = ("-m", "lungseg_utils", "serve", "--port", "0", "--no-browser")
SMALL = (
    "-c",
    "import sys, pages\n"
    "from lungseg_utils.app import page, terminal\n"
    "page._segmenter = pages.small_segmenter\n"
    "sys.exit(terminal.run())",
    *SHIPPED[2:],
)
GREETING = "The page is at "
PATIENCE = float(os.environ.get("LUNGSEG_PATIENCE", 60))  # seconds


def small_networks() -> list:
    """Two that say at once: lung is what is bright, and: what is very bright."""
    import keras  # TensorFlow takes seconds to import, and a browser's test may not need it

    inputs = keras.Input((64, 64, 1))
    return [keras.Model(inputs, inputs**power) for power in (1, 2)]


def small_segmenter():
    """What the page needs, with the small networks."""
    from lungseg_utils.app.page.answers import Segmenter

    return Segmenter(small_networks())


@dataclass(frozen=True)
class Page:
    """Where the page is; for a program, its process and the folder that it was started in, too."""

    address: str
    process: subprocess.Popen | None = None
    folder: Path | None = None

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, **options) -> requests.Response:
        return requests.request(method, self.address + path, timeout=PATIENCE, **options)

    def upload(self, content, **options) -> requests.Response:
        return self.ask("POST", "/xrays", data=content, **options)

    def log(self) -> str:
        """All that it has printed."""
        return (self.folder.parent / "log").read_text(encoding="utf-8", errors="replace")

    def left_behind(self) -> list[Path]:
        """The files in the folder that it was started in, and in its folder of temporary files."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def memory(self, field: str) -> int:
        """Bytes of a field of Linux's account of it, such as VmRSS."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split(f"{field}:")[1].split()[0])


@contextmanager
def served(load: Callable) -> Iterator[Page]:
    """The page in a thread, ready to answer; `load` as for `serve_forever`."""
    servers = []

    class Server(uvicorn.Server):
        def run(self, sockets=None):
            guard = self.config.app

            async def app(scope, receive, send):
                await guard(scope, receive, send)

            self.config.app = app  # a function, also where a tool has wrapped the class's methods
            servers.append((self, sockets[0].getsockname()[1]))
            return super().run(sockets)

    with mock.patch("uvicorn.Server", Server):
        thread = threading.Thread(target=serve_forever, args=(load, "127.0.0.1", 0, False))
        thread.start()
        while not servers:
            assert thread.is_alive()
            time.sleep(0.01)
    server, port = servers[0]
    try:
        page = Page(f"http://127.0.0.1:{port}")
        _wait(page)
        yield page
    finally:
        server.should_exit = True
        thread.join(min(30, PATIENCE))
    assert not thread.is_alive()


def _wait(page: Page) -> None:
    """Until its networks are there."""
    while not (state := page.ask("GET", "/state").json())["ready"]:
        assert not state["problem"]
        time.sleep(0.1)


@contextmanager
def started(program: Sequence[str], folder: Path) -> Iterator[Page]:
    """The page, ready to answer. Ctrl-C ends it; it must have written and told nothing."""
    inside = folder / "inside"
    (inside / "tmp").mkdir(parents=True)
    paths = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[2])))
    environment = os.environ | {"TMPDIR": str(inside / "tmp"), "PYTHONPATH": paths}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=inside, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        page = Page(_address(process, folder / "log"), process, inside)
        _wait(page)
        yield page
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
    said = page.log().splitlines()
    assert said == [*greeting("127.0.0.1", 0, page.port), FAREWELL], said
    assert page.left_behind() == [], page.left_behind()


def _address(process: subprocess.Popen, log: Path) -> str:
    for _ in range(1200):
        lines = [line for line in log.read_text().splitlines() if line.startswith(GREETING)]
        if lines:
            return lines[0].removeprefix(GREETING)
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError("the page did not start within two minutes")

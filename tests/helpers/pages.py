"""The page as a program of its own on loopback, with folders that show what it writes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from lungseg_utils.app.page.server import FAREWELL, greeting

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
    """Where the page is, its process, and the folder that it was started in."""

    address: str
    process: subprocess.Popen
    folder: Path

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, **options) -> requests.Response:
        return requests.request(method, self.address + path, timeout=60, **options)

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
        while not (state := page.ask("GET", "/state").json())["ready"]:
            assert not state["problem"]
            time.sleep(0.1)
        yield page
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
    said = page.log().splitlines()
    assert said == [*greeting("127.0.0.1", 0, page.port), FAREWELL], said
    assert page.left_behind() == []


def _address(process: subprocess.Popen, log: Path) -> str:
    for _ in range(1200):
        lines = [line for line in log.read_text().splitlines() if line.startswith(GREETING)]
        if lines:
            return lines[0].removeprefix(GREETING)
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError("the page did not start within two minutes")

"""What the tests of the site share: the built site, over loopback and as one file."""

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from finder import Finder

from tools.installation import OUTPUTS

WIDE = {"width": 1280, "height": 800}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site; skips the test where there is none."""
    folder = Path(os.environ.get("LUNGSEG_SITE") or OUTPUTS / "site")
    if not (folder / "lungseg.html").is_file():
        pytest.skip("the site is not built: python3 course.py site builds it")
    return folder


@pytest.fixture(scope="session")
def address(site) -> Iterator[str]:
    """Where the site is on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module", params=["served", "one file"])
def finder_address(request, site, address) -> str:
    """The lung finder in the folder of the site, and as one file."""
    one_file = request.param == "one file"
    return (site / "lungseg.html").as_uri() if one_file else f"{address}/finder/index.html"


@pytest.fixture(scope="module")
def requests(finder_address) -> list[str]:
    """What the windows of a module have asked for."""
    return []


@pytest.fixture(scope="module")
def opened(finder_address, browser, expect, requests):
    """Opens the finder in a fresh window. In the end nothing was asked elsewhere, no error told."""
    contexts, errors = [], []

    def window(viewport=WIDE, **options) -> Finder:
        contexts.append(browser.new_context(viewport=viewport, **options))
        shown = contexts[-1].new_page()
        shown.on("request", lambda request: requests.append(request.url))
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
        return Finder(shown, expect).open(finder_address)

    yield window
    for context in contexts:
        context.close()
    folder = finder_address.rpartition("/")[0]
    own = (folder, "blob:null/", f"blob:{folder.removesuffix('/finder')}", "data:image/svg+xml")
    assert requests and {url for url in requests if not url.startswith(own)} == set()
    assert [one for one in errors if "Content Security Policy" not in one] == []


@pytest.fixture(scope="module")
def renderer_memory(browser):
    """The resident memory of the windows' processes, in bytes; skips where /proc is not."""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc: it tells the memory of a process")

    def measured() -> int:
        session = browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        pages = [one["id"] for one in processes if one["type"] == "renderer"]
        lines = [
            Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() for pid in pages
        ]
        sizes = [line.split()[1] for one in lines for line in one if line.startswith("VmRSS")]
        return 1024 * sum(map(int, sizes))

    return measured

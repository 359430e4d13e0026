"""What several test files begin with."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lungseg_utils.phantom import simulate
from lungseg_utils.pretrained import SIMULATED, load_pretrained

FLAGS = [
    "--no-sandbox",  # Chromium refuses its sandbox to root, as in most containers
    "--disable-dev-shm-usage",  # which in a container holds 64 MB
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def trained():
    return [load_pretrained(SIMULATED)]


@pytest.fixture(scope="session")
def patient():
    return simulate(808, 2, 256)


def chromium() -> str:
    """Path of Chromium; skips the test, and says what to install, where there is none."""
    path = os.environ.get("LUNGSEG_CHROMIUM") or shutil.which("chromium")
    if not path or not Path(path).is_file():
        pytest.skip(
            "no Chromium: install it (on Debian: apt-get install chromium), "
            "or name its program in LUNGSEG_CHROMIUM"
        )
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A headless Chromium, as Playwright's synchronous `Browser`."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: install it with pip install playwright"
    )
    path = chromium()
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def expect(browser):
    """Playwright's, which waits; imported once it is known to be there."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect


@pytest.fixture(scope="session")
def shots() -> Path:
    """The folder where screenshots are kept for a look: LUNGSEG_HOME/browser."""
    folder = Path(os.environ["LUNGSEG_HOME"]).resolve() / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""Does the lung finder say what Python says, and how long does it take?

    python benchmarks/browser.py NATIVE_FOLDER OTHER_FOLDER

looks at 45 simulated X-rays, 45 of OTHER_FOLDER and 10 of NATIVE_FOLDER, in the built site
(`python3 course.py site`) served on this machine and as one file, and compares them with
`predict`. Writes benchmarks/browser.json.
"""

import json
import shutil
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from facts import FOLDER, facts
from playwright.sync_api import expect, sync_playwright

ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT / "tests/helpers"))

from finder import OPENING, Finder, compared  # noqa: E402

from lungseg_utils.app.networks import load_networks  # noqa: E402
from lungseg_utils.images import read_xray  # noqa: E402
from lungseg_utils.phantom import simulate  # noqa: E402

SITE, SEED, OPENINGS = ROOT / "outputs/site", 21, 5
COUNTS = {"simulated": 45, "other": 45, "native": 10}
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def choose(native: Path, other: Path, folder: Path) -> dict[str, list[Path]]:
    """The files to look at; the simulated ones are written to `folder`."""
    for index in range(COUNTS["simulated"]):
        cv2.imwrite(str(folder / f"{index}.png"), simulate(SEED, index, 1024).image)
    places = {"simulated": folder, "other": other, "native": native}
    found = {name: sorted(place.glob("**/*.png")) for name, place in places.items()}
    return {name: files[:: max(1, len(files) // COUNTS[name])][: COUNTS[name]]
            for name, files in found.items()}  # fmt: skip


def measure(browser, address: str, files: dict[str, list[Path]], networks) -> dict:
    """Seconds from opening the page to its outlined example, and what is said of the files."""
    opening = []
    for _ in range(OPENINGS):
        page = browser.new_page()
        start = time.perf_counter()
        finder = Finder(page, expect).open(address)
        opening.append(time.perf_counter() - start)
        if len(opening) < OPENINGS:
            page.close()
    found = {"seconds_to_open": sorted(opening)[OPENINGS // 2]}
    for name, paths in files.items():
        rows = [compared(finder, networks, path, read_xray(path)) for path in paths]
        seconds = []
        for path in paths[:10]:
            start = time.perf_counter()
            finder.ask(path, OPENING)
            seconds.append(time.perf_counter() - start)
        found[name] = {
            "images": len(rows),
            "mean_dice": float(np.mean([row["dice"] for row in rows])),
            "least_dice": float(min(row["dice"] for row in rows)),
            "largest_area_difference": float(max(row["area"] for row in rows)),
            "largest_quality_difference": float(max(row["quality"] for row in rows)),
            "same_warnings": sum(row["same_warnings"] for row in rows),
            "median_seconds": float(np.median(seconds)),
            "most_seconds": float(max(seconds)),
        }
        print(address[:8], name, found[name], flush=True)
    page.close()
    return found


def main(native: str, other: str) -> None:
    """Measure, and write the file."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(SITE))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    addresses = {
        "served": f"http://127.0.0.1:{server.server_port}/finder/index.html",
        "one_file": (SITE / "lungseg.html").as_uri(),
    }
    networks, content = load_networks(), {}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = choose(Path(native), Path(other), Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        content["chromium"] = browser.version
        for name, address in addresses.items():
            content[name] = measure(browser, address, files, networks)
        browser.close()
    (FOLDER / "browser.json").write_text(
        json.dumps(content | facts(), indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/browser.py NATIVE_FOLDER OTHER_FOLDER")
    main(*sys.argv[1:])

"""Builds the site: the book, the page that finds lungs in the browser, and that page as one file.

Called by `python3 course.py site`; what it makes are plain files, in outputs/site.
"""

import base64
import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.pretrained import SHIPPED, pretrained_file
from tools import book
from tools.examples import EXAMPLES
from tools.installation import OUTPUTS, Stop
from tools.node import PACKAGES, SITE
from tools.shared import write_shared

OUT, FINDER = OUTPUTS / "site", SITE / "finder"
WASM = "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
MARK = "<!-- policy, style and script -->"
LINKS = '<nav id="links"'
POLICY = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; "
    "worker-src blob:; img-src data: blob:; connect-src {connect}; base-uri 'none'; "
    "form-action 'none'"
)


def build(out: Path = OUT) -> None:
    """Make the whole site anew; `node.set_up` comes before."""
    shutil.rmtree(out, ignore_errors=True)
    build_finder(out)
    book.build(out)
    print(f"The site is in {out}: open {out / 'index.html'}, or {out / 'lungseg.html'} alone")


def build_finder(out: Path) -> None:
    """The page with its files in out/finder, and as out/lungseg.html alone."""
    folder = out / "finder"
    folder.mkdir(parents=True)
    write_shared(FINDER / "shared.json")
    _bundle(FINDER / "page.js", folder, "--format=esm")
    # a page that is a file may start no worker of ES modules
    _bundle(FINDER / "worker.js", folder, "--format=iife", "--define:import.meta.url=location.href")
    shutil.copy(FINDER / "style.css", folder)
    shutil.copy(PACKAGES / WASM, folder / "ort.wasm")
    for name in SHIPPED:
        shutil.copy(pretrained_file(name), folder)
    for example in EXAMPLES:
        pixels = np.round(255 * example.xray().image).astype(np.uint8)
        cv2.imwrite(str(folder / example.file), pixels)
    page = (FINDER / "index.html").read_text(encoding="utf-8")
    (folder / "index.html").write_text(_with_files(page), encoding="utf-8")
    (out / "lungseg.html").write_text(_with_all_inside(page, folder), encoding="utf-8")


def _bundle(source: Path, folder: Path, *how: str) -> None:
    program = [shutil.which("node"), PACKAGES / "esbuild/bin/esbuild"]
    options = ["--bundle", "--minify", "--target=es2022", "--log-level=warning", *how]
    subprocess.run([*program, source, *options, f"--outdir={folder}"], cwd=SITE, check=True)


def _with_files(page: str) -> str:
    """The page that has its files beside it."""
    policy = POLICY.format(script="'self'", style="'self'", connect="'self'")
    head = f'{_meta(policy)}\n<link rel="stylesheet" href="style.css">'
    return page.replace(MARK, f'{head}\n<script type="module" src="page.js"></script>')


def _with_all_inside(page: str, folder: Path) -> str:
    """The page with its files inside, each packed with gzip and in base 64."""
    style = (folder / "style.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    policy = POLICY.format(script=_sum(script), style=_sum(style), connect="'none'")
    outside = ("index.html", "page.js", "style.css")
    inside = "\n".join(
        f'<script type="text/plain" id="{one.name}">{_packed(one)}</script>'
        for one in sorted(folder.iterdir()) if one.name not in outside
    )  # fmt: skip
    start, _, end = page.partition(LINKS)
    page = start.rstrip() + end.partition("</nav>")[2]  # there is nothing beside it to lead to
    page = page.replace(MARK, f"{_meta(policy)}\n<style>{style}</style>")
    end = f'{inside}\n<script type="module">{script}</script>\n</body>'
    return page.replace("</body>", end)


def _meta(policy: str) -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _sum(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _packed(path: Path) -> str:
    return base64.b64encode(gzip.compress(path.read_bytes(), 9, mtime=0)).decode()


if __name__ == "__main__":
    try:
        build()
    except Stop as stop:
        sys.exit(f"{stop}.")

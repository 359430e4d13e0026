"""Builds the book: the stored notebooks and the pages beside them, as plain HTML.

Jupyter Book does it, in .venv-book, because it wants other versions of packages than the course.
"""

import base64
import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tools import installation
from tools.installation import OUTPUTS, ROOT, Progress, Stop

BOOK = ROOT / "site" / "book"
REQUIREMENTS = BOOK / "requirements.txt"
VENV = ROOT / ".venv-book"
PYTHON = VENV / installation.PYTHON.relative_to(installation.VENV)
STAMP, INSTALL_LOG = VENV / "book-stamp.txt", VENV / "book-install.log"
BUILD_LOG = OUTPUTS / "book.log"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
MATHJAX = ROOT / "site" / "node_modules" / "mathjax" / "es5"
# where the book's start page takes a part of the README
PART = re.compile(r"^<!-- README: (.+) -->$", re.M)
PAGES = "GLOSSARY.md", "TEACHING.md", "USING.md", "MODEL_CARD.md", "RESULTS.md"
# what stands in a stored notebook in the place of a widget
STILL = "Run this cell, in JupyterLab or on Colab, to move the picture above."
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]+\)\]\(([^)]+)\)")
LINK = re.compile(r"(\]\()([^)\s]+)(?=[)\s])")
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`(?!\])", re.M | re.S)
PICTURE = re.compile(r'src="data:image/png;base64,([^"]+)"')


def build(out: Path) -> None:
    """Build the book in the folder `out`, whose other files stay.

    Raises: Stop, with one sentence on what is wrong and what to do.
    """
    if not (MATHJAX / "tex-chtml.js").is_file():
        raise Stop(
            "The book needs MathJax, which npm brings; run: npm ci --prefix site, then again"
        )
    set_up()
    OUTPUTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="book-", dir=OUTPUTS) as folder:
        sources, built = Path(folder, "sources"), Path(folder, "built")
        assemble(sources)
        # one page that is missing from the contents, or one broken link, ends the build
        options = "-W", "-n", "--keep-going", "--all", "--path-output", str(built)
        command = ("-c", JUPYTER_BOOK, "build", str(sources), *options)
        if said := watch(command, BUILD_LOG, "Building the book"):
            raise Stop(build_fault(said))
        html = built / "_build" / "html"
        finish(html, sources)
        shutil.copytree(html, out, dirs_exist_ok=True)


def set_up() -> None:
    """Make .venv-book and install Jupyter Book in it, unless that was done for REQUIREMENTS."""
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    base = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run(
        [base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise Stop(installation.venv_fault(made.stdout + made.stderr))
    command = ("-m", "pip", "install", "--no-compile", "-r", str(REQUIREMENTS))
    if said := watch(command, INSTALL_LOG, "Installing Jupyter Book in .venv-book"):
        raise Stop(installation.pip_fault(said, INSTALL_LOG))
    STAMP.write_text(stamp(), encoding="utf-8")


def stamp() -> str:
    """What the installed packages follow from: REQUIREMENTS, the Python and the place."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"{wanted}\nPython {sys.version_info[0]}.{sys.version_info[1]}\n{ROOT}\n"


def watch(command: tuple[str, ...], log: Path, what: str) -> str:
    """Run .venv-book's Python and show for how long; what it said if it failed, else nothing."""
    progress = Progress()
    own = {"PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off", "PIP_USER": "0"}
    env = {
        name: value.replace(str(installation.VENV), str(VENV))
        for name, value in (installation.environment() | own).items()
    }
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [str(PYTHON), *command], cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                progress.show(what)
                time.sleep(0.2)
        finally:
            process.kill()  # after Ctrl-C; to one that has ended it does nothing
    said = log.read_text(encoding="utf-8", errors="replace")
    if not process.returncode:
        progress.end(what)
        return ""
    return said or "it said nothing"


def build_fault(said: str) -> str:
    """One sentence on why the book was not built, from what Jupyter Book printed."""
    if "No space left" in said:
        return installation.disk_full()
    bare = re.sub(r"\x1b\[[\d;]*m", "", said)
    found = re.search(r"^.*(?:WARNING|ERROR): (.+)$", bare, re.M)
    what = found[0].strip() if found else installation.last_line(bare)
    what = re.sub(r"\S*/sources/", "", what)
    return f"The book could not be built ({what}); the whole of what was said is in {BUILD_LOG}"


def repository() -> str:
    """The address of the repository, from pyproject.toml, the one place where it stands."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^Repository = "(.+?)/?"$', text, re.M)[1]


def assemble(folder: Path) -> None:
    """Put all that Jupyter Book reads into a new folder."""
    shutil.copytree(BOOK, folder, ignore=shutil.ignore_patterns("requirements.txt"))
    shutil.copytree(ROOT / "images", folder / "images")
    config = folder / "_config.yml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("REPOSITORY", repository()), encoding="utf-8")
    start = (BOOK / "index.md").read_text(encoding="utf-8")
    write(folder / "index.md", PART.sub(readme_part, start), ROOT / "README.md")
    for name in PAGES:
        write(folder / name, (ROOT / name).read_text(encoding="utf-8"), ROOT / name)
    (folder / "notebooks").mkdir()
    (folder / "figures").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))
        mend_notebook(cells, path, folder / "figures")
        (folder / "notebooks" / path.name).write_text(json.dumps(cells), encoding="utf-8")


def write(target: Path, text: str, origin: Path) -> None:
    """Write a page whose text was written for the place `origin`."""
    target.write_text(mend(text, origin), encoding="utf-8")


def readme_part(wanted: re.Match) -> str:
    """The README's beginning, or one of its sections, as a comment of the start page names it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, *sections = re.split(r"^(?=## )", text, flags=re.M)
    parts = {section.splitlines()[0].removeprefix("## "): section for section in sections}
    # the title, and the line that leads to this very site, are left out
    beginning = re.split(r"\n\n+", first)[1:]
    parts["the beginning"] = "\n\n".join(text for text in beginning if ".github.io/" not in text)
    if wanted[1] not in parts:
        raise Stop(f'The book starts with "{wanted[1]}", which README.md no longer has; correct it')
    return parts[wanted[1]].strip()


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The Markdown with `change` made wherever it is not code."""
    starts = [0, *(found.end() for found in CODE.finditer(text))]
    ends = [*(found.start() for found in CODE.finditer(text)), len(text)]
    codes = [*(found[0] for found in CODE.finditer(text)), ""]
    parts = zip(starts, ends, codes, strict=True)
    return "".join(change(text[start:end]) + code for start, end, code in parts)


def mend(text: str, origin: Path) -> str:
    """The Markdown of a file of the repository, as the book can show it.

    Badges become links of the book, and links to what is not in the book lead to the repository.
    """

    def changed(prose: str) -> str:
        prose = BADGE.sub(r'<a class="go" href="\1">Open in Colab</a>', prose)
        return LINK.sub(lambda found: found[1] + target(found[2], origin), prose)

    return outside_code(text, changed)


def target(link: str, origin: Path) -> str:
    """Where a link of the file `origin` leads in the book."""
    parts = urlsplit(link)
    if parts.scheme or not parts.path:
        return link
    path = (origin.parent / parts.path).resolve()
    if not path.exists() or not path.is_relative_to(ROOT):
        raise Stop(f"{origin.name} links to {link}, which is not in the repository; correct it")
    name = path.relative_to(ROOT).as_posix()
    if name == "README.md" and not parts.fragment:
        return link.replace("README.md", "index.md")
    if name in PAGES or name.startswith("images/") or re.match(r"notebooks/\d", name):
        return link
    kind = "tree" if path.is_dir() else "blob"
    return f"{repository()}/{kind}/main/{name}" + (f"#{parts.fragment}" if parts.fragment else "")


def mend_notebook(notebook: dict, path: Path, figures: Path) -> None:
    """Make a notebook fit for the book, in place; its pictures become files in `figures`."""
    colab = BADGE.search("".join(notebook["cells"][0]["source"]))[1]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = mend("".join(cell["source"]), path)
        for output in cell.get("outputs", []):
            if "data" in output:
                output["data"] = mend_output(output["data"], colab, figures / path.stem)
    first = notebook["cells"][0]
    button = '<a class="go" href="{}"{}>{}</a>'.format
    here = button(colab, "", "Open in Colab")
    download = button(path.name, ' download=""', "Download the notebook")
    first["source"] = first["source"].replace(here, f"{here} {download}")


def mend_output(data: dict, colab: str, stem: Path) -> dict:
    """An output with its picture in a file that begins with `stem`; for a widget, a sentence."""
    if "".join(data.get("text/plain", "")).strip("'\"") == STILL:
        where = f'<a href="{colab}">open it in Colab</a> or in JupyterLab'
        sentence = f"In the notebook you can move this picture: {where}."
        return {"text/html": f'<p class="still">{sentence}</p>', "text/plain": STILL}
    if "text/html" not in data:
        return data

    def source(found: re.Match) -> str:
        picture = base64.b64decode(found[1])
        name = f"{stem.name}-{hashlib.sha256(picture).hexdigest()[:8]}.png"
        (stem.parent / name).write_bytes(picture)
        width, height = struct.unpack(">II", picture[16:24])  # of a PNG's first chunk
        return f'src="../figures/{name}" width="{width}" height="{height}" loading="lazy"'

    return data | {"text/html": PICTURE.sub(source, "".join(data["text/html"]))}


def finish(html: Path, sources: Path) -> None:
    """Bring in what pages load but Jupyter Book does not, and take out what they do not."""
    shutil.copytree(sources / "figures", html / "figures")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, html / "notebooks")
    # Jupyter Book would load every script that it finds in _static on every page
    mathjax = html / "_static" / "mathjax"
    fonts = Path("output", "chtml", "fonts", "woff-v2")
    shutil.copytree(MATHJAX / fonts, mathjax / fonts)
    shutil.copy(MATHJAX / "tex-chtml.js", mathjax)
    for unused in [html / ".buildinfo", html / "objects.inv", *html.rglob("*.map")]:
        unused.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        build(OUTPUTS / "site")
    except Stop as stop:
        sys.exit(f"\n{stop}.")

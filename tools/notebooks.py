"""Runs the notebooks, stores them clean, and keeps their heads alike.

python -m tools.notebooks run     execute all, leave HTML in $LUNGSEG_HOME/notebooks and a page
python -m tools.notebooks store   execute all in place and keep only what git should have
python -m tools.notebooks head    write badges, first cells and the tables on teaching anew
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tools import map as package_map
from tools import tables, timings
from tools.export import write_html
from tools.forms import clean, faults
from tools.installation import OUTPUTS, ROOT, Progress, spell
from tools.scores import write_page

NOTEBOOKS = ROOT / "notebooks"
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*/notebooks/(\w+)\.ipynb\)")
PLACE = re.compile(r"^\*\*Where you are:\*\* .*$", re.M)
STEPS = (
    "first look", "files", "masks", "network", "training", "metrics", "results", "bugs", "use",
    "scale",
)  # fmt: skip
TIMES = re.compile(r"^\*About .* cores\.\*$", re.M)
NEWS = re.compile(r"[IWE]\d{4} |WARNING: All log")  # what TensorFlow tells of the machine
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def paths() -> list[Path]:
    """The numbered notebooks, in the order of the course."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def execute(notebook: nbformat.NotebookNode, name: str, place: str) -> str:
    """Run all cells in a fresh kernel, with progress; outputs go into the notebook.

    Args: the notebook; its name and its place among the others ("2 of 7"), for the progress.
    Returns: one line on the cell that failed, or nothing.
    """
    progress, title = Progress(), f"{place}  {name}"
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    failed = asyncio.run(_execute(client, progress, title))
    progress.end(f"{title} {'ran' if failed is None else 'failed'}")
    return "" if failed is None else f"cell {failed + 1} ended in {_error(notebook.cells[failed])}"


async def _execute(client: NotebookClient, progress: Progress, title: str) -> int | None:
    """Run the client and tick beside it; return the index of the cell that failed, if one did."""
    begun = [0]
    client.on_cell_start = lambda cell, cell_index: begun.append(cell_index)
    # a kernel repeats on the terminal what it writes to stderr, TensorFlow's news above all
    running = asyncio.ensure_future(client.async_execute(stderr=subprocess.DEVNULL))
    while not running.done():
        cell = client.nb.cells[begun[-1]]
        place = f"cell {begun[-1] + 1} of {len(client.nb.cells)}"
        progress.show(f"{title}: {place}{_last_words(cell)}")
        await asyncio.wait([running], timeout=1)
    fault = running.exception()
    if isinstance(fault, DeadKernelError):
        client.nb.cells[begun[-1]].outputs.append(
            nbformat.v4.new_output(
                "error", ename="DeadKernelError", evalue="most often for want of memory"
            )
        )
    elif fault and not isinstance(fault, CellExecutionError):
        raise fault
    return begun[-1] if fault else None


def _last_words(cell: nbformat.NotebookNode) -> str:
    """The last line that a running cell printed, or the caption of the last picture it showed."""
    outputs = cell.get("outputs", [])
    said = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in outputs]
    lines = re.split(r"[\r\n]+", ANSI.sub("", "\n".join(said)))
    words = [line.strip() for line in lines if line.strip() and not NEWS.match(line)]
    return f" ({words[-1][:60]})" if words else ""


def _error(cell: nbformat.NotebookNode) -> str:
    """One line on the error that a cell ended in."""
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {ANSI.sub('', output.evalue).strip()}".splitlines()[0]
    return "an unknown error"


def run() -> int:
    """Run every notebook, leave each as HTML, and stop at the first that fails."""
    home = Path(os.environ.get("LUNGSEG_HOME", OUTPUTS))
    chosen, start = paths(), time.monotonic()
    for number, path in enumerate(chosen, start=1):
        notebook = nbformat.read(path, as_version=4)
        fault = execute(notebook, path.stem, f"{number} of {len(chosen)}")
        clean(notebook)
        page = home / "notebooks" / f"{path.stem}.html"
        write_html(notebook, page)
        if fault:
            print(f"notebooks/{path.name}: {fault}; the whole error is in {page}", file=sys.stderr)
            return 1
    print(
        f"All {len(chosen)} ran in {spell(time.monotonic() - start)}; "
        f"the notebooks and the pictures are in {write_page(home, chosen)}"
    )
    return 0


def store() -> int:
    """Run every notebook and store it in place with clean outputs, unless something is wrong.

    How long each took goes into benchmarks/notebooks.json, and from there into the pages.
    """
    rows, chosen = {}, paths()
    for number, path in enumerate(chosen, start=1):
        notebook, began = nbformat.read(path, as_version=4), time.perf_counter()
        found = [execute(notebook, path.stem, f"{number} of {len(chosen)}")]
        rows[path.stem] = {"run_seconds": round(time.perf_counter() - began)}
        rows[path.stem] |= timings.count(notebook)
        clean(notebook)
        found = [fault for fault in found + faults(notebook) if fault]
        if found:
            print(f"notebooks/{path.name} is not stored: {'; '.join(found)}", file=sys.stderr)
            return 1
        nbformat.write(notebook, path)
    timings.write(rows)
    return head()


def repository() -> str:
    """The address of the repository, from pyproject.toml, the one place where it stands."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^Repository = "(.+?)/?"$', text, re.M)[1]


def badge(name: str, address: str) -> str:
    """Markdown of the badge that opens a notebook ('00_start_here') in Colab."""
    colab = "https://colab.research.google.com"
    place = address.replace("https://github.com/", f"{colab}/github/")
    return (
        f"[![Open in Colab]({colab}/assets/colab-badge.svg)]"
        f"({place}/blob/main/notebooks/{name}.ipynb)"
    )


# what Colab does not have; later ones of the first want a protobuf that it has not, either
BROUGHT = "onnx==1.19.1", "onnxruntime"


def bootstrap(address: str) -> str:
    """Source of every notebook's first code cell."""
    return f"""\
import importlib.util
if importlib.util.find_spec("lungseg_utils") is None:  # on Colab
    %pip install -q --no-deps git+{address} {" ".join(BROUGHT)}
from lungseg_utils import start
course = start.begin()"""


def place(name: str) -> str:
    """The steps of the course with links, the one of this notebook ('00_start_here') in bold."""
    steps = [
        f"**{step}**" if path.stem == name else f"[{step}]({path.name})"
        for step, path in zip(STEPS, paths(), strict=True)
    ]
    return f"**Where you are:** {' → '.join(steps)} · [glossary](../GLOSSARY.md)"


def put_head(notebook: nbformat.NotebookNode, name: str, address: str) -> None:
    """Put the badge and the place under the title, and the bootstrap in the first code cell, anew
    or again.
    """
    first = notebook.cells[0]
    first.source = PLACE.sub("", BADGE.sub("", first.source))
    title, _, rest = first.source.partition("\n")
    lines = title, badge(name, address), place(name), rest.strip()
    first.source = "\n\n".join(lines).strip()
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("import importlib.util"):
            cell.source = bootstrap(address)
            return
    notebook.cells.insert(1, nbformat.v4.new_code_cell(bootstrap(address)))


def times(name: str) -> str:
    """The line in a notebook's first cell; it runs so long on the slowest that was timed."""
    row = timings.read()[name]
    seconds = timings.slower()["notebooks"].get(name, row["run_seconds"])
    return (
        f"*About {row['reading_minutes']} minutes to read, {row['exercise_minutes']} for the "
        f"exercises, {seconds} seconds to run on two processor cores.*"
    )


def head() -> int:
    """Write anew what stands in one place and is shown in others: badges and first cells from
    pyproject.toml, objectives from the exercises, the map from the package, times from the
    benchmark.
    """
    rows = timings.read()
    for path in paths():
        notebook = nbformat.read(path, as_version=4)
        put_head(notebook, path.stem, repository())
        first = notebook.cells[0]
        first.source = TIMES.sub(times(path.stem), first.source)
        nbformat.write(notebook, path)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    renewed = BADGE.sub(lambda found: badge(found[1], repository()), text)
    package_map.write()
    renewed = tables.replace_rows(renewed, package_map.HEADER, package_map.readme_rows())
    readme.write_text(renewed, encoding="utf-8")
    teaching = ROOT / "TEACHING.md"
    text = teaching.read_text(encoding="utf-8")
    renewed = tables.replace_rows(
        text, tables.TIMINGS, tables.timing_rows(rows, timings.slower()["notebooks"])
    )
    renewed = tables.replace_rows(renewed, tables.OBJECTIVES, tables.objective_rows())
    teaching.write_text(renewed, encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit({"run": run, "store": store, "head": head}[sys.argv[1]]())
    except KeyboardInterrupt:
        sys.exit(1)

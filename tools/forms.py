"""The form in which notebooks are stored: what is cleaned away, and what may not be there."""

import re
from pathlib import Path

import nbformat

from tools.installation import ROOT

MOST_BYTES = 1_500_000
WIDGET = "application/vnd.jupyter.widget-view+json"
STILL = "Run this cell, in JupyterLab or on Colab, to move the picture above."
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "pygments_lexer": "ipython3",
}
ENCODED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
TOP_FOLDERS = "home|root|Users|tmp|var|work|mnt|opt|usr|srv"
MACHINE_PATH = re.compile(rf"(?<![\w.:/<-])/(?:{TOP_FOLDERS})/[\w.-]+|[A-Z]:\\Users")
HERE = [str(path) for path in (ROOT, Path.home()) if len(path.parts) > 1]
NOT_READ = re.compile(r"\]\([^)]*\)|<[^>]+>")
CHANGING = re.compile(r"\bat 0x[0-9a-f]{6,}")


def clean(notebook: nbformat.NotebookNode) -> None:
    """Take out what GitHub cannot show and what would differ at the next run, in place.

    Widgets go with their state. In the place of one to play with, the value of its cell, a sentence
    stays below the still picture before it. What went to stderr goes: progress bars, and
    TensorFlow's news of the machine.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {"tags": cell.metadata.tags} if "tags" in cell.metadata else {}
        )
        if cell.cell_type == "code":
            cell.outputs = [_still(out) for out in cell.outputs if not _passes(out)]


def _passes(output: nbformat.NotebookNode) -> bool:
    """Whether an output is only for whoever waits, such as a progress bar."""
    bar = output.output_type == "display_data" and WIDGET in output.data
    return bar or output.get("name") == "stderr"


def _still(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output, or a sentence in the place of a widget."""
    if WIDGET in output.get("data", {}):
        output.data = nbformat.from_dict({"text/plain": STILL})
    return output


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def code_lines(notebook: nbformat.NotebookNode) -> list[str]:
    lines = [line for cell in code_cells(notebook) for line in cell.source.splitlines()]
    return [line for line in lines if line.strip()]


def prose_words(notebook: nbformat.NotebookNode) -> int:
    """Words to read, without those of tables, addresses and HTML tags."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    lines = [line for line in "\n".join(prose).splitlines() if not line.startswith("|")]
    return len(re.findall(r"[^\W\d_]+", NOT_READ.sub("", "\n".join(lines))))


def outputs_as_text(notebook: nbformat.NotebookNode) -> list[str]:
    """What the outputs say, without encoded pictures."""
    shown = []
    for output in (out for cell in code_cells(notebook) for out in cell.outputs):
        shown += [output.get("text", ""), *output.get("traceback", [])]
        shown += [
            str(value)
            for kind, value in output.get("data", {}).items()
            if not kind.startswith(("image/png", "image/jpeg"))
        ]
    return [ENCODED.sub("", text) for text in shown]


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """What keeps a notebook from being stored, one sentence each; an empty list is good."""
    cells = code_cells(notebook)
    outputs = [output for cell in cells for output in cell.outputs]
    text = "\n".join([cell.source for cell in notebook.cells] + outputs_as_text(notebook))
    places = [*MACHINE_PATH.findall(text), *(path for path in HERE if path in text)]
    found = [f"it names a place on this machine, {path}" for path in places]
    found += [f"it shows an address that changes, '{one}'" for one in CHANGING.findall(text)]
    found += [
        f"an error is in its outputs, {out.ename}" for out in outputs if out.output_type == "error"
    ]
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("its cells were not run once each from top to bottom")
    if "widgets" in notebook.metadata:
        found.append("it holds the state of widgets, which GitHub does not show")
    if len(nbformat.writes(notebook).encode()) > MOST_BYTES:
        found.append(f"it is over {MOST_BYTES / 1e6} MB")
    return found

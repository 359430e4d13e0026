"""A machine of Colab's, stood in for by a folder: used for one notebook, and sometimes lost."""

import json
import os
import shutil
import threading
from pathlib import Path

import h5py
import nbformat
import numpy as np
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tools.installation import ROOT, environment

STANDIN = ROOT / "tests" / "helpers" / "standin"  # holds a module google.colab
MOUNT = 'from google.colab import drive\ndrive.mount("/content/drive")'
EPOCHS = 5  # done when the machine is lost
DIED = "the kernel died"


class Machine:
    """An empty home and an empty folder for notebooks; its kernels are of another Python's."""

    def __init__(self, root: Path, python: Path):
        self.root, self.python = root, python
        self.home, self.content = root / "root", root / "content"
        for folder in (self.home, self.content):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """What a kernel sees: no GPU, and nothing of the reader's own machine and settings."""
        env = environment()
        for name in ("LUNGSEG_HOME", "LUNGSEG_DATA", "XDG_CACHE_HOME"):
            env.pop(name, None)
        return env | {
            "COLAB_STANDIN": str(self.root),
            "CUDA_VISIBLE_DEVICES": "-1",
            "HOME": str(self.home),
            "LOCALAPPDATA": str(self.home),  # Windows keeps its caches there
            "LUNGSEG_SCALE": "ci",
            "PATH": f"{self.python.parent}{os.pathsep}{env['PATH']}",
            "PYTHONPATH": str(STANDIN),
            "USERPROFILE": str(self.home),
        }

    def execute(self, page: nbformat.NotebookNode, **settings: str) -> str:
        """Run all cells in one kernel, with further settings of its environment.

        Returns: one line on what failed, or nothing; the outputs go into the page.
        """
        self.client = NotebookClient(page, km=self._manager(), timeout=600, record_timing=False)
        env = self.environment() | settings
        try:
            with (self.root / "kernel.log").open("w", encoding="utf-8") as log:
                self.client.execute(env=env, cwd=str(self.content), stderr=log, cleanup_kc=True)
        except CellExecutionError as error:
            return f"a cell ended in {error.ename}: {error.evalue}".splitlines()[0]
        except DeadKernelError:
            return DIED
        return ""

    def kill(self) -> None:
        """End the kernel at once, as a runtime that is taken back ends."""
        self.client.km.provisioner.process.kill()

    def _manager(self) -> AsyncKernelManager:
        folder = self.root / "kernels"
        (folder / "colab").mkdir(parents=True, exist_ok=True)
        start = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": start, "display_name": "Colab", "language": "python"}
        (folder / "colab" / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        specs = KernelSpecManager(kernel_dirs=[str(folder)])
        return AsyncKernelManager(kernel_name="colab", kernel_spec_manager=specs)


def said(page: nbformat.NotebookNode) -> str:
    """All that the cells of an executed notebook printed."""
    outputs = [out for cell in page.cells for out in cell.get("outputs", [])]
    return "".join(out.get("text", "") for out in outputs)


def with_drive(path: Path) -> nbformat.NotebookNode:
    """A notebook, with the cell above the first that a reader would add."""
    page = nbformat.read(path, as_version=4)
    page.cells.insert(0, nbformat.v4.new_code_cell(MOUNT))
    return page


def kept_epochs(root: Path) -> list[Path]:
    """Folders that the training of notebook 04 has kept below `root`, in their order."""
    return sorted(root.rglob("runs/course-*/epoch-*"))


def lose_and_resume(path: Path, folder: Path, python: Path) -> tuple[nbformat.NotebookNode, str]:
    """Run notebook 04 on a machine that is lost in the middle of the training, then on another
    that has the Drive of the first and nothing else.

    Returns: the notebook as the second left it; one line on what failed, or nothing.
    """
    first, second = Machine(folder / "lost", python), Machine(folder / "resumed", python)
    drive, over = first.content / "drive", threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            if any(epoch.name >= f"epoch-{EPOCHS:04}" for epoch in kept_epochs(drive)):
                return first.kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    fault = first.execute(with_drive(path))
    over.set()
    watcher.join()
    if fault != DIED:
        return with_drive(path), f"the machine was not lost in the middle of the training: {fault}"
    epochs = int(kept_epochs(drive)[-1].name[-4:])
    shutil.move(drive, second.content / "drive")
    shutil.rmtree(first.root)
    page = with_drive(path)
    fault = second.execute(page)
    if not fault and f"stopped after epoch {epochs}; continuing from there" not in said(page):
        fault = f"the training did not go on after epoch {epochs}"
    return page, fault


def different_ends(one: Path, other: Path) -> str:
    """How the trainings kept below two folders differ in the end; nothing if they do not."""
    ends = [kept_epochs(root)[-1] for root in (one, other)]
    names = [f"{end.parent.name}/{end.name}" for end in ends]
    if names[0] != names[1]:
        return f"they ended in {names[0]} and {names[1]}"
    histories = [json.loads((end / "history.json").read_text(encoding="utf-8")) for end in ends]
    if len({json.dumps([row | {"seconds": 0} for row in history]) for history in histories}) > 1:
        return "their histories differ"
    weights, others = (_arrays(end / "model.weights.h5") for end in ends)
    same = weights.keys() == others.keys() and all(
        np.array_equal(array, others[name]) for name, array in weights.items()
    )
    return "" if same else "their weights differ"


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file of weights, by its name."""
    found = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return found

"""Every notebook, from top to bottom, on sets of other layouts that tell less than the course's."""

import os
from pathlib import Path

import nbformat
import pytest
from layouts import write_layout
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
PATHS = notebooks.paths()
SECONDS = 600  # for one cell
COUNT = 40  # images: of fewer, too few patients are tested to prefer a network to a baseline


def pytest_generate_tests(metafunc):
    paths = metafunc.cls.paths
    metafunc.parametrize("path", paths, ids=[path.stem for path in paths])


class OnSet:
    """The notebooks in their order, so that the network of 04 is trained once for all of them.

    With `--dist loadscope` each worker takes a class of its own: two sets, then the halves of one.
    """

    paths = PATHS

    @pytest.fixture(scope="class")
    def environment(self, request, tmp_path_factory):
        place = tmp_path_factory.mktemp(request.cls.layout)
        data = write_layout(request.cls.layout, place / "my set", COUNT)
        settings = {"LUNGSEG_DATA": data, "LUNGSEG_HOME": place / "home", "LUNGSEG_SCALE": "ci"}
        return os.environ | {name: str(value) for name, value in settings.items()}

    def test_runs(self, path, environment):
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(path.parent)}},
        )
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            pytest.fail(f"{path.name}: {error}", pytrace=False)


class TestBare(OnSet):
    """No spacing, no readings, no labels, no table."""

    layout = "bare"


class TestOneMask(OnSet):
    """One mask for both lungs, which touch in one image; in another one of them is missing."""

    layout = "one-mask"


class TestJpeg(OnSet):
    """JPEG files, whose masks have greys along the edges."""

    layout = "jpeg"
    paths = PATHS[:5]


class TestJpegToo(TestJpeg):
    """The same, for the notebooks after the training."""

    paths = PATHS[5:]

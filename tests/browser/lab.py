"""A real JupyterLab on loopback, rooted at a copy of the notebooks."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "browser-test"
SETTINGS = {
    # no news from the network, and so no question whether to fetch it
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
# for each kernel: the names as they were when a cell had made a widget of the course
KEEP = """\
_given = {}

def _keep(result):
    if type(result.result).__module__ == "lungseg_utils.teaching.widgets":
        _given[type(result.result).__name__] = dict(get_ipython().user_ns)

get_ipython().events.register("post_run_cell", _keep)
"""


class Lab:
    """JupyterLab with folders of its own, rooted at a copy of the notebooks and their pictures."""

    def __init__(self, folder: Path):
        self.folder, self.runtime = folder, folder / "runtime"
        for part in ("notebooks", "images"):
            shutil.copytree(ROOT / part, folder / "tree" / part)
        for name, values in SETTINGS.items():
            file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        startup = folder / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "keep.py").write_text(KEEP, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.log = (folder / "log.txt").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *self._options()],
            env=self._environment(),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def _options(self) -> list[str]:
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={urlsplit(self.address).port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.folder / 'tree'}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
        ]
        return options + ["--allow-root"] * (hasattr(os, "geteuid") and os.geteuid() == 0)

    def _environment(self) -> dict[str, str]:
        own = {
            "JUPYTER_CONFIG_DIR": self.folder / "config",
            "JUPYTER_DATA_DIR": self.folder / "data",
            "JUPYTER_RUNTIME_DIR": self.runtime,
            "JUPYTERLAB_SETTINGS_DIR": self.folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.folder / "workspaces",
            "IPYTHONDIR": self.folder / "ipython",
        }
        env = {**os.environ, **{name: str(path) for name, path in own.items()}}
        env["LUNGSEG_SCALE"] = "ci"
        env.pop("LUNGSEG_DATA", None)
        return env

    def call(self, path: str, method: str = "GET"):
        """The answer of the server's own interface, as Python."""
        request = urllib.request.Request(
            f"{self.address}/api/{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def wait(self, seconds: float = 60) -> None:
        """Return once the server answers; raises RuntimeError, with its log, if it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.call("status")
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(
            "JupyterLab did not start:\n" + (self.folder / "log.txt").read_text(encoding="utf-8")
        )

    def stop(self) -> None:
        """End the kernels, then the server."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

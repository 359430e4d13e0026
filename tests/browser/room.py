"""One notebook open in JupyterLab in a real browser, beside its kernel."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_client import BlockingKernelClient
from lab import TOKEN, Lab
from plays import Play

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
STAND_IN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="117" height="20">'
    '<rect width="117" height="20" fill="#555"/></svg>'
)
WIDE, NARROW = {"width": 1280, "height": 2000}, {"width": 700, "height": 2000}
NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"
# the code cells as JupyterLab holds them
CELLS = f"""() => {NOTEBOOK}.widgets.map(cell => cell.model)
  .filter(model => model.type === "code").map(model => ({{
    source: model.sharedModel.source,
    count: model.executionCount,
    errors: model.outputs.toJSON().filter(output => output.output_type === "error")
      .map(({{ename, evalue}}) => `${{ename}}: ${{evalue}}`),
  }}))"""
# the addresses of pictures that did not load
BROKEN = f"""() => [...{NOTEBOOK}.node.querySelectorAll("img")]
  .filter(image => !image.complete || !image.naturalWidth).map(image => image.src.slice(0, 99))"""
# the node of the cell that makes a widget
CELL = f"""name => {NOTEBOOK}.widgets.find(cell => cell.model.type === "code" &&
  cell.model.sharedModel.source.split(/\\W+/).includes(name) &&
  cell.node.querySelector(".widget-inline-hbox")).node"""
PICTURE = """node => ({
  image: node.querySelector("figure img").src,
  alt: node.querySelector("figure img").alt,
  caption: node.querySelector("figcaption").textContent,
})"""
# the title of the control that has the focus, with that of its button or handle if it has several,
# or null outside of the cell's controls
FOCUSED = """cell => {
  const focused = document.activeElement;
  const control = focused.closest(".widget-inline-hbox, .widget-toggle-buttons, .widget-checkbox");
  if (!cell.contains(control)) return null;
  if (focused.matches(".widget-checkbox input")) return control.innerText.trim();
  const title = control.querySelector("label").innerText.trim();
  if (focused.matches("button")) return `${title}: ${focused.innerText.trim()}`;
  return focused.matches(".noUi-handle-upper") ? `${title}: upper` : title;
}"""


class Room:
    """A notebook's page and kernel; `faults` and `outside` fill as the browser meets them."""

    def __init__(self, lab: Lab, browser, name: str):
        self.lab, self.name = lab, name
        self.faults: list[str] = []  # errors on the console, exceptions, answers of 400 and above
        self.outside: set[str] = set()  # addresses asked for that are not on this machine
        self.context = browser.new_context(viewport=WIDE, service_workers="block")
        self.context.route("**/*", self._route)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))
        self.page.on("response", self._response)
        self.page.on("websocket", lambda socket: self._is_outside(socket.url))
        self.page.goto(f"{lab.address}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
        self.command("application:toggle-left-area")
        (session,) = lab.call("sessions")
        self.session = session["id"]
        file = lab.runtime / f"kernel-{session['kernel']['id']}.json"
        self.kernel = BlockingKernelClient(connection_file=str(file))
        self.kernel.load_connection_file()
        self.kernel.start_channels(iopub=False, stdin=False, hb=False)

    def _is_outside(self, address: str) -> bool:
        away = urlsplit(address).hostname not in ("127.0.0.1", None)  # data: has no host
        if away:
            self.outside.add(address)
        return away

    def _route(self, route) -> None:
        if not self._is_outside(route.request.url):
            route.continue_()
        elif route.request.url == BADGE:  # blocked, it would be an error on the console
            route.fulfill(content_type="image/svg+xml", body=STAND_IN)
        else:
            route.abort()

    def _console(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")

    def command(self, name: str, seconds: float = 60, **options) -> None:
        """Carry out one of JupyterLab's commands to its end."""
        self.page.evaluate(
            "([name, options]) => { window.done = false; "
            "window.jupyterapp.commands.execute(name, options).then(() => window.done = true) }",
            [name, options],
        )
        self.page.wait_for_function("window.done", timeout=1000 * seconds, polling=100)

    def run(self) -> None:
        """Run All, to the end or to the first error."""
        self.command("notebook:run-all-cells", seconds=400)

    def cells(self) -> list[dict]:
        """Source, execution count and errors of the code cells."""
        return self.page.evaluate(CELLS)

    def broken_pictures(self) -> list[str]:
        """Addresses of the pictures that did not load."""
        return self.page.evaluate(BROKEN)

    def plain(self, play: Play, state: dict) -> dict[str, str]:
        """The picture that the plain function gives for a state, computed in the kernel."""
        code = (
            "__import__('lungseg_utils.plots').plots.picture(*eval("
            f"{play.call!r}, {{**_rooms[{play.widget!r}], **{state!r}, "
            "'scenes': __import__('lungseg_utils.scenes').scenes})).html"
        )
        number = self.kernel.execute("", silent=True, user_expressions={"html": code})
        reply = {"parent_header": {}}
        while reply["parent_header"].get("msg_id") != number:
            reply = self.kernel.get_shell_msg(timeout=60)
        found = reply["content"]["user_expressions"]["html"]
        assert found["status"] == "ok", found
        return self.page.evaluate(
            f"html => ({PICTURE})(new DOMParser().parseFromString(html, 'text/html'))",
            ast.literal_eval(found["data"]["text/plain"]),
        )

    def photograph(self, folder: Path, look: str) -> None:
        """Screenshots of the whole notebook, from its top to its end, in pieces."""
        scroller = self.page.locator(".jp-WindowedPanel-outer").first
        for number, top in enumerate(self._tops()):
            scroller.evaluate("(node, top) => { node.scrollTop = top }", top)
            scroller.screenshot(path=folder / f"{self.name}.{look}.{number}.jpg", type="jpeg")

    def _tops(self) -> Iterator[int]:
        height = self.page.evaluate(f"() => {NOTEBOOK}.node.clientHeight")
        top = 0
        # heights of what was not yet in view are guesses: ask anew each time
        while top < self.page.evaluate(f"() => {NOTEBOOK}.outerNode.scrollHeight") - height:
            yield top
            top += height - 50

    def close(self) -> None:
        """Close the page and end the kernel."""
        self.kernel.stop_channels()
        self.context.close()
        self.lab.call(f"sessions/{self.session}", "DELETE")


class Controls:
    """A widget in its cell, moved by the keyboard alone."""

    def __init__(self, room: Room, widget: str):
        self.keyboard = room.page.keyboard
        self.cell = room.page.evaluate_handle(CELL, widget).as_element()
        self.cell.scroll_into_view_if_needed()
        self.cell.focus()

    def reach(self, title: str) -> None:
        """Press Tab until a control of this title has the focus."""
        passed = [self.cell.evaluate(FOCUSED)]
        while passed[-1] != title and len(passed) < 30:
            self.keyboard.press("Tab")
            passed.append(self.cell.evaluate(FOCUSED))
        if passed[-1] != title:
            raise AssertionError(f"Tab does not reach {title!r}, but {passed}")

    def shown(self) -> dict[str, str]:
        """The picture below the controls, its alt text and its caption."""
        return self.cell.evaluate(PICTURE)

    def settled(self, expected: dict[str, str], seconds: float = 30) -> dict[str, str]:
        """What is shown once it is as expected, or else when the time is over."""
        end = time.monotonic() + seconds
        while (shown := self.shown()) != expected and time.monotonic() < end:
            time.sleep(0.05)
        return shown

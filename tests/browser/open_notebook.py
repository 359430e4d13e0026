"""One notebook open in JupyterLab in a real browser, beside its kernel."""

import ast
import contextlib
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
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
MOST_PIECES = 60  # screenshots of one notebook
# one screen down; whether that moved anything
SCROLL = """node => {
  const before = node.scrollTop;
  node.scrollTop += node.clientHeight - 50;
  return node.scrollTop > before;
}"""
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
# what reaches beyond the notebook's edge; a table or a text may, where it can be scrolled
CUT_OFF = f"""() => {{
  const edge = {NOTEBOOK}.viewportNode.getBoundingClientRect().right + 1;
  const scrolls = node => node.closest(".jp-Cell") && (
    /auto|scroll/.test(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
  return [...{NOTEBOOK}.node.querySelectorAll(".jp-OutputArea-output *, .jp-MarkdownOutput *")]
    .filter(node => node.checkVisibility() && node.getBoundingClientRect().right > edge)
    .filter(node => !(node.closest("table, pre") && scrolls(node)))
    .map(node => `${{node.tagName}} ${{node.textContent.slice(0, 60)}}`);
}}"""
# texts of outputs whose contrast with what is behind them is below 4.5, the least that WCAG 2.1
# (https://www.w3.org/TR/WCAG21/#contrast-minimum) asks for
PALE = f"""() => {{
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const ancestors = node => node ? [node, ...ancestors(node.parentElement)] : [];
  const light = colour => {{
    const [red, green, blue] = colour.map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  }};
  const contrast = node => {{
    const styles = ancestors(node).map(one => getComputedStyle(one));
    const behind = styles.map(style => numbers(style.backgroundColor))
      .find(([, , , alpha = 1]) => alpha > 0) ?? [255, 255, 255];
    const [red, green, blue, alpha = 1] = numbers(styles[0].color);
    const share = styles.reduce((rest, style) => rest * style.opacity, alpha);
    const seen = [red, green, blue].map((value, i) => share * value + (1 - share) * behind[i]);
    const [low, high] = [light(seen), light(behind.slice(0, 3))].sort((a, b) => a - b);
    return high / low;
  }};
  const texts = "figcaption, td, th, pre, label:not(:has(:disabled)), .widget-readout, button";
  // the colours of what went to stderr are JupyterLab's
  const outputs = ".jp-OutputArea-output:not([data-mime-type$=stderr])";
  return [...{NOTEBOOK}.node.querySelectorAll(outputs)]
    .flatMap(output => [...output.querySelectorAll(texts)])
    .filter(node => node.textContent.trim() && contrast(node) < 4.5)
    .map(node => `${{contrast(node).toFixed(1)}} ${{node.textContent.trim().slice(0, 60)}}`);
}}"""
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


class OpenNotebook:
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

    def cut_off(self) -> list[str]:
        """What reaches beyond the notebook's edge."""
        return self.page.evaluate(CUT_OFF)

    def pale(self) -> list[str]:
        """Texts of outputs that can hardly be told from what is behind them."""
        return self.page.evaluate(PALE)

    @contextlib.contextmanager
    def looking(self, size: dict = WIDE, theme: str = LIGHT) -> Iterator[None]:
        """A while in another size or another theme."""
        self.page.set_viewport_size(size)
        self.command("apputils:change-theme", theme=theme)
        try:
            yield
        finally:
            self.page.set_viewport_size(WIDE)
            self.command("apputils:change-theme", theme=LIGHT)

    def plain(self, play: Play, state: dict) -> dict[str, str]:
        """The picture that the plain function gives for a state, computed in the kernel."""
        code = (
            "__import__('lungseg_utils.teaching.plots').teaching.plots.picture(*eval("
            f"{play.call!r}, {{**_given[{play.widget!r}], **{state!r}, "
            "'scenes': __import__('lungseg_utils.teaching.scenes').teaching.scenes})).html"
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
        scroller.evaluate("node => { node.scrollTop = 0 }")
        for number in range(MOST_PIECES):
            scroller.screenshot(path=folder / f"{self.name}.{look}.{number}.jpg", type="jpeg")
            if not scroller.evaluate(SCROLL):
                return
        raise AssertionError(f"{self.name} has no end after {MOST_PIECES} screenshots")

    def close(self) -> None:
        """Close the page and end the kernel."""
        self.kernel.stop_channels()
        self.context.unroute_all(behavior="ignoreErrors")  # what is on its way would fail elsewhere
        self.context.close()
        self.lab.call(f"sessions/{self.session}", "DELETE")


class Controls:
    """A widget in its cell, moved by the keyboard alone."""

    def __init__(self, notebook: OpenNotebook, widget: str):
        self.keyboard = notebook.page.keyboard
        self.cell = notebook.page.evaluate_handle(CELL, widget).as_element()
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

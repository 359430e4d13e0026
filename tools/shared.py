"""What the lung finder in the browser shares with the package: its constants and its sentences.

`site/finder` is the same course in JavaScript, a module there for a module here. Whatever a module
here calls by a name in capitals, and every sentence it can say, is written to one JSON file, so
that neither stands twice.
"""

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungseg_utils.app.networks import name_networks
from lungseg_utils.pretrained import SHIPPED, pretrained_file
from tools.examples import EXAMPLES

MODULES = (
    "types", "grey", "images", "squares", "masks", "predict", "overlay",
    "dicom", "dicom.header", "dicom.pixels", "dicom.greys", "app.table",
)  # fmt: skip
LEAST_WORDS = 2  # of what can be a sentence


def write_shared(path: Path) -> None:
    """Write {module: {NAME: value}, "sentences": [...], "networks": ..., "examples": ...}."""
    modules = {name: importlib.import_module(f"lungseg_utils.{name}") for name in MODULES}
    found = {name.split(".")[-1]: constants(module) for name, module in modules.items()}
    course = (module for name, module in modules.items() if not name.startswith("app."))
    found["sentences"] = list(dict.fromkeys(one for module in course for one in sentences(module)))
    files = [pretrained_file(name).name for name in SHIPPED]
    found["networks"] = {"name": name_networks(), "files": files}
    found["examples"] = [
        {"name": one.name, "says": one.says, "file": one.file, "spacing_mm": one.xray().spacing_mm}
        for one in EXAMPLES
    ]
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")


def constants(module) -> dict:
    """The values of a module's own names in capitals that JSON can hold."""
    tree = ast.parse(inspect.getsource(module))
    targets = (
        target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    )
    names = (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
    kept = {}
    for name in names:
        if name.isupper():
            try:
                kept[name] = json.loads(json.dumps(getattr(module, name), default=_plain))
            except TypeError:
                continue
    return kept


def _plain(value: object) -> object:
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError


def sentences(module) -> Iterator[str]:
    """Every text of several words in a module that is no docstring, {} where a value is put in,
    or {:g} where it is put in so.
    """
    tree = ast.parse(inspect.getsource(module))
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inner = {part for node in joined for part in node.values}
    inner |= {part.format_spec for part in inner if isinstance(part, ast.FormattedValue)}
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in documented or node in inner:
            continue
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(map(_slot, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if len(text.split()) >= LEAST_WORDS:
            yield text


def _slot(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return part.value
    spec = "".join(one.value for one in part.format_spec.values) if part.format_spec else ""
    return f"{{:{spec}}}" if spec else "{}"

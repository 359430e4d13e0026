"""From a file of 20 megapixels to a mask of its size: where the time goes, in three engines.

    python benchmarks/inference.py NATIVE_FOLDER

NATIVE_FOLDER has radiographs at native size in the Montgomery layout. Writes
benchmarks/inference.json: the median over the files of each stage, once warm; the first file of a
fresh process, imports included; and how far the engines' masks are from each other. LiteRT is
timed where it is installed (the extra `benchmark`). For a machine with nothing else to do.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from facts import FOLDER, facts

ROUNDS = 3
COLD = """
import sys, time
began = time.perf_counter()
from lungseg_utils.start import load_tensorflow
load_tensorflow()
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.images import read_image
from lungseg_utils.predict import predict_mask
predict_mask(load_pretrained(), read_image(sys.argv[1]))
print(time.perf_counter() - began)
"""
Engine = Callable[[np.ndarray], np.ndarray]  # (size, size) to (size, size)


def keras_engine(precision: str) -> Engine:
    """The network as the course calls it."""
    from lungseg_utils.pretrained import load_pretrained

    model = load_pretrained(precision=precision)
    return lambda square: np.asarray(model(square[None, :, :, None], training=False))[0, :, :, 0]


def onnx_engine() -> Engine:
    """The network as the command calls it."""
    from lungseg_utils.app.networks import load_networks

    network = load_networks()[0]
    return lambda square: network.predict_on_batch(square[None, :, :, None])[0, :, :, 0]


def litert_engine(folder: Path) -> Engine:
    """LiteRT, on the network exported by Keras."""
    from ai_edge_litert.interpreter import Interpreter

    from lungseg_utils.pretrained import load_pretrained

    path = str(folder / "unet.tflite")
    load_pretrained().export(path, format="litert", verbose=False)
    interpreter = Interpreter(path, num_threads=2)
    run = interpreter.get_signature_runner()
    name = next(iter(run.get_input_details()))
    return lambda square: next(iter(run(**{name: square[None, :, :, None]}).values()))[0, :, :, 0]


def stages(engine: Engine, path: Path, size: int) -> tuple[dict[str, float], np.ndarray]:
    """Seconds of each stage from the file to the mask, and the mask."""
    from lungseg_utils.images import read_image
    from lungseg_utils.predict import mask_from_square
    from lungseg_utils.squares import to_square

    times = [time.perf_counter()]
    image = read_image(path)
    times.append(time.perf_counter())
    square = to_square(image, size)
    times.append(time.perf_counter())
    probability = engine(square)
    times.append(time.perf_counter())
    mask = mask_from_square(probability, image.shape)
    times.append(time.perf_counter())
    names = ("read", "resize", "network", "resize_back")
    return dict(zip(names, np.diff(times).tolist(), strict=True)), mask


def measure(engine: Engine, paths: list[Path], size: int) -> tuple[dict[str, float], list]:
    """Medians over files and rounds, after one file that is not counted; and the masks."""
    stages(engine, paths[0], size)
    rows = [stages(engine, path, size) for _ in range(ROUNDS) for path in paths]
    seconds = pd.DataFrame([row for row, _ in rows])
    medians = seconds.median().to_dict() | {"whole": float(seconds.sum(axis=1).median())}
    return medians, [mask for _, mask in rows[: len(paths)]]


def main(folder: str) -> None:
    """Measure, and write the file."""
    from lungseg_utils.metrics import dice
    from lungseg_utils.pretrained import MONTGOMERY, pretrained_facts
    from lungseg_utils.start import load_tensorflow, pick_precision

    load_tensorflow()
    paths = sorted((Path(folder) / "CXR_png").glob("*.png"))
    size = pretrained_facts(MONTGOMERY)["recipe"]["size"]
    cold = subprocess.run([sys.executable, "-c", COLD, str(paths[0])],
                          capture_output=True, text=True, check=True)  # fmt: skip
    engines, masks = {}, {}
    with tempfile.TemporaryDirectory() as home:
        makers = {"keras float32": lambda: keras_engine("float32")}
        if pick_precision() != "float32":
            makers[f"keras {pick_precision()}"] = lambda: keras_engine(pick_precision())
        makers["onnxruntime"] = onnx_engine
        if find_spec("ai_edge_litert"):
            makers["litert"] = lambda: litert_engine(Path(home))
        for name, make in makers.items():
            engines[name], masks[name] = measure(make(), paths, size)
            engines[name]["least_dice_with_keras"] = min(
                map(dice, masks[name], masks["keras float32"])
            )
            print(name, engines[name])
    content = {
        "files": len(paths),
        "size": size,
        "warm": engines,
        "cold_seconds": float(cold.stdout.split()[-1]),
        **facts(),
    }
    (FOLDER / "inference.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/inference.py NATIVE_FOLDER")
    main(sys.argv[1])

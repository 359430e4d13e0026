"""The exercises, one module for each notebook, named like it without the number."""

from importlib import import_module

import pandas as pd

from lungseg_utils.teaching.exercises.core import Exercise, passed

NOTEBOOKS = (
    "start_here",
    "reading_the_data",
    "merging_the_masks",
    "building_the_unet",
    "training_on_a_gpu",
    "measuring_with_metrics",
    "reading_the_results",
    "when_it_goes_wrong",
    "using_the_model",
    "outgrowing_one_computer",
)


def exercises_of(notebook: str) -> tuple[Exercise, ...]:
    """The exercises of one notebook ("start_here"), in their order there."""
    module = import_module(f"{__name__}.{notebook}")
    return tuple(value for value in vars(module).values() if isinstance(value, Exercise))


def progress() -> pd.DataFrame:
    """How far you are: one row for each notebook, with what is passed and what is still open."""
    done, rows = passed(), {}
    for number, notebook in enumerate(NOTEBOOKS):
        names = [one.name for one in exercises_of(notebook)]
        open_ones = [name for name in names if f"{notebook}.{name}" not in done]
        rows[f"{number:02d}"] = {
            "notebook": notebook.replace("_", " "),
            "passed": f"{len(names) - len(open_ones)} of {len(names)}",
            "still open": ", ".join(open_ones),
        }
    return pd.DataFrame.from_dict(rows, orient="index")

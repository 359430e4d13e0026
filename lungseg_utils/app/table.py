"""The rows of OUT, one for each file: read back, kept on disk while they are many, and tabled."""

import contextlib
import csv
import heapq
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lungseg_utils.types import written_whole

MASKS, OVERLAYS, SHARDS = "masks", "overlays", "shards"
ROWS, TABLE, PARQUET = "scores.jsonl", "scores.csv", "scores.parquet"
LUNG_COLUMNS = {"left": "image_left_patient_right", "right": "image_right_patient_left"}
TABLE_COLUMNS = (
    "file", "error", "warnings", "quality",
    *(f"{lung}_{unit}" for lung in LUNG_COLUMNS.values() for unit in ("px", "cm2")),
    "height", "width", "row_mm", "column_mm", "threshold", "network", "target",
)  # fmt: skip
TEXTS = {"file", "error", "warnings", "network", "target", "rle"}  # the rest are numbers
FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes what begins so
NOT_UTF8 = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the rest stands for a byte of a name
GROUP = 1000  # rows of a Parquet file that are in memory together


class Settings(NamedTuple):
    """What every mask of a run depends on: the threshold, and the networks by name and version."""

    threshold: float
    network: str


class Rows:
    """The last whole row of each file in `out`, in the order in which the files first came.

    They lie in a temporary file, so that a million of them take no memory.
    """

    def __init__(self, out: Path | None = None) -> None:
        self._disk = sqlite3.connect("")  # of its own, and deleted with it
        self._disk.execute("CREATE TABLE rows (file TEXT PRIMARY KEY, target TEXT, row TEXT)")
        self._disk.execute("CREATE INDEX targets ON rows (target)")
        for row in _written(out) if out else ():
            self.put(row)

    def put(self, row: dict) -> None:
        """Keep a row, in the place of an earlier one of the same file."""
        self._disk.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (file) DO UPDATE"
            " SET target = excluded.target, row = excluded.row",
            (json.dumps(row["file"]), json.dumps(row["target"].lower()), json.dumps(row)),
        )

    def get(self, file: str) -> dict | None:
        """The row of a file, if there is one."""
        asked = self._disk.execute("SELECT row FROM rows WHERE file = ?", (json.dumps(file),))
        found = asked.fetchone()
        return found and json.loads(found[0])

    def drop(self, file: str) -> None:
        """Forget the row of a file."""
        self._disk.execute("DELETE FROM rows WHERE file = ?", (json.dumps(file),))

    def has_target(self, target: str) -> bool:
        """Whether a mask bears this name, upper and lower case aside."""
        asked = "SELECT 1 FROM rows WHERE target = ?", (json.dumps(target.lower()),)
        return self._disk.execute(*asked).fetchone() is not None

    def __iter__(self) -> Iterator[dict]:
        for (row,) in self._disk.execute("SELECT row FROM rows ORDER BY rowid"):
            yield json.loads(row)

    def write(self, out: Path) -> None:
        """Make them all there is in `out`: scores.jsonl, and no ledger of a shard."""
        with written_whole(out / ROWS) as part, part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in self)
        shutil.rmtree(out / SHARDS, ignore_errors=True)

    def worst(self, count: int) -> list[dict]:
        """The rows of the masks from which least is expected, none found first of all."""
        masks = (row for row in self if row["target"])
        return heapq.nsmallest(count, masks, key=lambda row: row["quality"] or 0)


def close_table(out: Path) -> None:
    """Write scores.csv from what the rows say, the areas of each lung in columns."""
    rows = Rows(out)
    rows.write(out)
    how = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}  # of odd names
    with written_whole(out / TABLE) as part, part.open("w", **how) as file:
        table = csv.DictWriter(file, TABLE_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(_flat(row) for row in rows if "left_out" not in row)


def write_parquet(out: Path) -> None:
    """Write the same table with the masks' run lengths as scores.parquet."""
    import pyarrow
    from pyarrow import parquet

    names = (*TABLE_COLUMNS, "rle")
    kinds = [pyarrow.string() if name in TEXTS else pyarrow.float64() for name in names]
    schema = pyarrow.schema(list(zip(names, kinds, strict=True)))
    with written_whole(out / PARQUET) as part, parquet.ParquetWriter(part, schema) as writer:
        group = []
        for row in Rows(out):
            if "left_out" not in row:
                flat = _flat(row) | {"rle": row.get("rle")}
                group.append({name: _cell(value) for name, value in flat.items() if value != ""})
            if len(group) == GROUP:
                writer.write_table(pyarrow.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pyarrow.Table.from_pylist(group, schema))


def _cell(value: object) -> object:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _written(out: Path) -> Iterator[dict]:
    """Rows of scores.jsonl and of the shards' ledgers; one that was damaged is left out."""
    for path in (out / ROWS, *sorted((out / SHARDS).glob("*.jsonl"))):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
                    row = json.loads(line)
                    _flat(row)
                    if Path(row["file"]) and not {"..", os.sep} & set(Path(row["target"]).parts):
                        yield row


def _flat(row: dict) -> dict:
    """A row of scores.jsonl as one of scores.csv.

    Raises: an error of any kind where the row is not whole.
    """
    given = "file", "error", "target", *Settings._fields
    flat = dict.fromkeys(TABLE_COLUMNS, "") | {key: row[key] for key in given}
    if not row["error"] and "left_out" not in row:
        flat |= {key: row[key] for key in ("quality", "height", "width")}
        flat["warnings"] = "; ".join(row["warnings"])
        flat["row_mm"], flat["column_mm"] = row["spacing_mm"] or ("", "")
        for lung in row["lungs"]:
            for unit in ("px", "cm2"):
                flat[f"{LUNG_COLUMNS[lung['image_side']]}_{unit}"] = lung[unit]
    return {
        key: without_formula(NOT_UTF8.sub("?", value)) if isinstance(value, str) else value
        for key, value in flat.items()
    }


def without_formula(cell: object) -> object:
    """A cell of a table in a form that no spreadsheet computes; texts begin with a file's name."""
    return f"./{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell

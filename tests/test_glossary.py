"""GLOSSARY.md: sorted, complete, and each term is really used where the entry points."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
ENTRY = re.compile(r"- \*\*(.+?)\*\*\. (.+) \[(\d\d)\]\((notebooks/\3_\w+\.ipynb)\)")
ENTRIES = [match.groups() for line in LINES if (match := ENTRY.fullmatch(line))]
TERMS = [entry[0] for entry in ENTRIES]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def source(path: Path) -> str:
    """What is written in a notebook, on one line, without outputs and single asterisks."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = " ".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"(?<!\*)\*(?!\*)", "", " ".join(text.split()))


def test_every_entry_has_its_form():
    listed = [line for line in LINES if line.startswith("- ")]
    assert len(ENTRIES) == len(listed) >= 75


def test_entries_are_sorted_and_unique():
    keys = [term.casefold() for term in TERMS]
    assert keys == sorted(set(keys))


def test_entries_are_short():
    for term, text, *_ in ENTRIES:
        plain = re.sub(r"\$.*?\$|\(.*?\)\.?|^Elsewhere called .*?\. ", "", text)
        assert len(re.findall(r"[.!?](?= |$)", plain)) <= 2, term


@pytest.mark.parametrize("term, text, number, path", ENTRIES, ids=TERMS)
def test_the_term_is_used_in_its_notebook(term, text, number, path):
    found = re.search(rf"(?<![A-Za-z]){re.escape(term)}", source(ROOT / path), re.IGNORECASE)
    assert found, f"{path} does not use {term}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_terms_that_have_other_names_are_in_the_glossary(path):
    bold = re.findall(r"\*\*([^*]+)\*\* \(elsewhere called", source(path))
    known = {term.casefold() for term in TERMS}
    for term in map(str.casefold, bold):
        assert {term, term.removesuffix("s"), term.removesuffix("es")} & known, term

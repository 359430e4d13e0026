"""Phrases that sound translated or cryptic stay out of pages, notebooks and the package."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# regular expressions, one a line, and the words to use instead
BANNED = dict(
    line.strip().split(" -> ")
    for line in r"""
    held against -> compared with
    hold the \w+ against -> compare with
    who had stopped -> anyone who stopped
    whoever -> anyone who
    stands? in for -> replaces
    is what stands between -> lies between
    (scores|numbers|results) stand in -> are in
    stands in (notebook|the file|the table) -> is in
    below stands? -> is shown below
    how much weakened -> how much the rays are weakened
    look up a GPU -> find the GPU in the chart
    says less than all -> does not tell everything
    takes over the one pixel -> copies the pixel
    pixel that lies next -> nearest pixel
    but for (?!our\b|the worse\b)\w+ -> except
    lose with its skips -> lose without its skips
    so many images is so wide -> an interval of so many images has this width
    without leave -> without permission
    make of one chest -> do with one chest
    the part is gone that -> without the part that
    that cost most -> with the largest cost
    pupils? -> learner
    guests? -> visitor, or the word for what it is
    exams? -> test
    fair game -> a fair test
    went to the same school -> were trained on the same data
    no blush -> no warning
    into the world -> for use on other X-rays
    taught to doubt -> taught to say how sure it is
    old acquaintance -> a patient that it has seen
    in earnest -> for real
    all that is wrong -> everything that is
    taken at its word -> read as 16 bits
    whom no (network|weight) -> that no network has seen
    patients whom it has met -> patients that it has seen
    minds both -> handles both
    may be asked -> can be used
    should not have been asked -> is not a chest X-ray
    (?<!each )of which -> rewrite the sentence
    by its maker|from its maker -> from the program that made it
    lungs alone|mark one lung alone -> only one lung
    promises? little -> says little
    tells? of it -> says so
    sureness -> confidence
    for as long as -> as long as
    afresh -> again
    anew -> again
    all round -> all the way round
    belongs on nobody -> must not be uploaded
    gives? back (detectors|rays) -> gives
    gives rays back -> lets more rays through
    must not be lent|lend one file -> do not reuse
    do(es)? not come as ours -> are not like ours
    have the whole folder looked through -> check the whole folder
    Taken by itself -> on its own
    (?<!there )is no (network|DICOM|folder|port)\b -> is not a
    are no border -> are not a border
    since of no known kind -> because their type is unknown
    before and have percentiles still -> earlier and still have percentiles
    cannot be looked at -> cannot be processed
    looked at after the other -> processed one after the other
    goes on where (it|that) (was|stopped) -> continues where it stopped
    deserves? a look -> needs a look
    name another folder -> choose another folder
    are wanted -> are needed
    here are \d+ -> there are only
    is called as -> has the name of
    capitals do not count -> upper and lower case do not matter
    named otherwise -> misnamed
    pictures that come twice -> duplicate pictures
    brought to its image's -> resized to the size of its image
    hand of the annotator|reader's hand -> habits of the annotator
    exhibit's (hall|room|door) -> exhibit
    museum's (hall|room|door)s? -> museum
    """.strip().splitlines()
)
FENCE = re.compile(r"```.*?```", re.S)


def strings(code: str) -> str:
    """All strings of Python code, docstrings and parts of f-strings included."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:  # an exercise's cell, or a magic within a block
        return ""
    nodes = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n\n".join(value for value in nodes if isinstance(value, str))


def text(path: Path) -> str:
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        content = strings(content)
    if path.suffix == ".ipynb":
        cells = [(one["cell_type"], "".join(one["source"])) for one in json.loads(content)["cells"]]
        content = "\n\n".join(said if kind == "markdown" else strings(said) for kind, said in cells)
    return " ".join(FENCE.sub("", content).replace("*", "").split())


def banned(said: str) -> list[str]:
    return [
        f"...{said[max(0, found.start() - 30) : found.end() + 30]}...: {better}"
        for phrase, better in BANNED.items()
        for found in re.finditer(rf"(?<!\w)(?:{phrase})(?!\w)", said, re.IGNORECASE)
    ]


FILES = [
    path
    for pattern in ("*.md", "notebooks/*.ipynb", "lungseg_utils/**/*.py")
    for path in sorted(ROOT.glob(pattern))
]


def test_there_are_phrases_and_files():
    assert len(BANNED) >= 60 and len(FILES) > 60


def test_a_banned_phrase_is_found():
    assert banned("One number is held against another, whoever\nmeasured it.")
    assert banned(strings('plots.show(figure, caption="Compared without leave")'))
    assert not banned("For example, there is no network in this room for improvement.")
    assert not banned("This pixel is part of the lung, so the mask is True there.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_english_is_plain(path):
    assert banned(text(path)) == []

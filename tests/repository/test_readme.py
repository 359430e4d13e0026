"""Numbers in prose come from files that a command wrote."""

import csv
import json
import re
from pathlib import Path

import nbformat
import pytest

from lungseg_utils.phantom import ranges
from lungseg_utils.predict import WEIGHTS
from lungseg_utils.pretrained import FOLDER
from tools import tables, timings

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
README, RESULTS, CARD, TEACHING, USING = (
    ROOT / f"{name}.md" for name in ("README", "RESULTS", "MODEL_CARD", "TEACHING", "USING")
)
LESSONS = {path.name[:2]: path for path in (ROOT / "notebooks").glob("*.ipynb")}
# a benchmark's file: its rows, and the documents that show them
SHOWN = {
    "laptop_simulated": (lambda content: [tables.benchmark_row(content)], [RESULTS]),
    "laptop_montgomery": (lambda content: [tables.benchmark_row(content)], [RESULTS]),
    "transfer": (tables.transfer_rows, [RESULTS, LESSONS["06"], LESSONS["08"]]),
    "transfer_trials": (tables.trial_rows, [LESSONS["06"]]),
    "mixing": (tables.mixing_rows, [LESSONS["06"]]),
    "crossvalidate_course_random": (
        lambda content: [tables.crossvalidation_row(content)], [README, RESULTS, LESSONS["06"]]),
    "crossvalidate_course_simulated": (
        lambda content: [tables.crossvalidation_row(content)], [README, RESULTS, LESSONS["06"]]),
    "crossvalidate_best_simulated": (
        lambda content: [tables.crossvalidation_row(content)],
        [README, RESULTS, CARD, LESSONS["06"]]),
    "crossvalidate_shipped_simulated": (
        lambda content: [tables.crossvalidation_row(content)],
        [README, RESULTS, CARD, LESSONS["06"]]),
    "article": (tables.article_rows, [RESULTS, LESSONS["06"]]),
    "external": (tables.external_rows, [RESULTS, CARD, LESSONS["08"]]),
    "across": (tables.across_rows, [RESULTS]),
    "time_to_dice": (tables.time_rows, [RESULTS]),
    "inference": (tables.inference_rows, [RESULTS]),
    "cluster": (tables.cluster_rows, [LESSONS["09"]]),
    "machines": (tables.machine_rows, [LESSONS["09"]]),
    "notebooks": (
        lambda content: tables.timing_rows(content["notebooks"], timings.slower()["notebooks"]),
        [TEACHING]),
}  # fmt: skip
MEASURED = [name for name in SHOWN if (BENCHMARKS / f"{name}.json").exists()]


def test_there_are_benchmarks():
    assert len(MEASURED) >= 5


@pytest.mark.parametrize("name", MEASURED)
def test_numbers_come_from_the_benchmark_files(name):
    rows, shown = SHOWN[name]
    content = json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))
    expected = set(rows(content))
    texts = documents()
    for path in shown:
        assert expected and expected <= set(texts[path].splitlines()), path.name


def test_subgroups_of_the_model_card_come_from_the_benchmark():
    name = "shipped" if "crossvalidate_shipped_simulated" in MEASURED else "course"
    path = BENCHMARKS / f"crossvalidate_{name}_simulated.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    expected = set(tables.subgroup_rows(content))
    assert len(expected) >= 6 and expected <= set(documents()[CARD].splitlines())


def test_the_held_out_score_and_the_failures_of_the_card_come_from_the_benchmarks():
    content = read_json(BENCHMARKS / "crossvalidate_shipped_simulated.json")
    held_out = read_json(FOLDER / "montgomery.json")["held_out"]
    assert {row["name"] for row in content["rows"] if row["fold"] == 0} == set(held_out)
    text = " ".join(documents()[CARD].split())
    assert "at native size: " + tables.held_out_sentence(content) in text
    low = {row["name"]: row["dice"] for row in content["rows"] if row["dice"] < 0.94}
    listed = re.findall(r"^\| Montgomery \| (MCUCXR_\d+_\d) \| (0\.\d+) ", documents()[CARD], re.M)
    assert dict(listed) == {name: f"{dice:.3f}" for name, dice in low.items()}
    jsrt = read_json(BENCHMARKS / "external.json")["weights"]["montgomery"]["jsrt"]
    listed = re.findall(r"^\| JSRT \| (\w+) \| (0\.\d+) ", documents()[CARD], re.M)
    assert dict(listed) == {name: f"{dice:.3f}" for name, dice in jsrt["worst"].items()}
    precision, recall = (jsrt["scores"][name]["mean"] for name in ("precision", "recall"))
    assert f"a precision of {precision:.3f} and a recall of {recall:.3f}" in text


def test_prose_on_the_seeds_comes_from_the_benchmark():
    path = BENCHMARKS / "crossvalidate_course_simulated.json"
    means = json.loads(path.read_text(encoding="utf-8"))["dice_by_seed"].values()
    one, two, three = (f"{mean:.4f}".removeprefix("0") for mean in means)
    assert f"{one}, {two} and {three}." in documents()[RESULTS]


def test_prose_on_time_and_precision_comes_from_the_benchmarks():
    time, profile, parity, pipeline, inference, terminal = (
        json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("time_to_dice", "profile_step", "parity", "pipeline", "inference", "terminal")
    )
    dice = {row["trained_in"]: row["dice"] for row in parity["rows"]
            if row["trained_in"] == row["scored_in"]}  # fmt: skip
    text = " ".join(documents()[RESULTS].split())
    step, spent = time["step"]["float32"], profile["milliseconds"]
    with_it, without = profile["step_seconds"].values()
    for said in (
        "On the Xeon a step of the article's recipe takes "
        f"{time['article']['step_seconds']:.1f} s.",
        f"{1000 * step['keras']:.0f} ms in float32; the same network in PyTorch, "
        f"{1000 * step['pytorch']:.0f} ms (`time_to_dice.json`). "
        f"{spent['convolutions'] / sum(spent.values()):.0%} of the step".replace("%", " %"),
        f"without it a step takes {without['keras'] / with_it['keras']:.2f} of the time",
        f"Dice of {dice['mixed_bfloat16']:.4f}, in float32 {dice['float32']:.4f}",
        f"waits {100 * pipeline['feeding']['waiting_share']:.1f} % of its time",
        f"fresh process takes {inference['cold_seconds']:.0f} s",
        f"starts in {terminal['native']['start_seconds']:.1f} s",
    ):
        assert said in text


def test_times_are_those_of_two_processors():
    quick, slow = json.loads(timings.FILE.read_text(encoding="utf-8")), timings.slower()
    assert "EPYC" in quick["processor"] and "2.50GHz, 2 cores, avx512_vnni" in slow["processor"]
    seconds = sum(one["run_seconds"] for one in quick["notebooks"].values())
    more = slow["wall_seconds"]
    missing = sorted(name[:2] for name in quick["notebooks"].keys() - slow["notebooks"].keys())
    said = (f"{seconds / 60:.0f} min on an AMD EPYC with bfloat16, "
            f"{more / 60:.0f} min on an Intel Xeon at 2.50 GHz without"
            + f" (and without {', '.join(missing)})" * bool(missing))  # fmt: skip
    texts = documents()
    assert said in " ".join(texts[README].split())
    about = " ".join((ROOT / "course.py").read_text(encoding="utf-8").split())
    assert said.replace(" min ", " minutes ") in about


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_prose_on_how_soon_counts_the_training_on_simulated_images():
    time = read_json(BENCHMARKS / "time_to_dice.json")
    before = sum(read_json(FOLDER / "simulated.json")["seconds"].values())
    sooner = [time["article"]["seconds_to"][mark] / (seconds + before)
              for mark, seconds in time["course"]["simulated"]["seconds_to"].items()
              if time["article"]["seconds_to"][mark]]  # fmt: skip
    text = " ".join(documents()[RESULTS].split())
    assert f"own training, {before / 60:.0f} minutes once" in text
    assert "{:.0f} and {:.0f} times sooner than by the article's recipe".format(*sooner) in text


def test_prose_on_what_was_measured_on_patients_counts_the_ranges():
    measured = sum(one.source == "masks" for table in ranges.RANGES.values()
                   for one in table.values())  # fmt: skip
    texts = {path: " ".join(text.split()) for path, text in documents().items()}
    for path in (RESULTS, LESSONS["06"]):
        assert f"{measured} of its ranges were measured on" in texts[path]
    assert f"| {measured} ranges of the simulation" in texts[CARD]


def test_prose_on_intervals_says_how_often_they_hold():
    found = read_json(BENCHMARKS / "coverage.json")["scores"]["Dice"]
    held, common = ([100 * found[size][method]["coverage"] for size in ("138", "28", "13")]
                    for method in ("package", "percentile"))  # fmt: skip
    said = (
        "in {:.0f} % of studies with 138 patients, {:.0f} % with 28 and {:.0f} % with 13; "
        "percentiles of resampled means, which are common, in {:.0f}, {:.0f} and {:.0f} %"
    )
    for path in (RESULTS, CARD):
        assert said.format(*held, *common) in " ".join(documents()[path].split())


def test_prose_on_children_comes_from_the_benchmark():
    content = read_json(BENCHMARKS / "crossvalidate_shipped_simulated.json")
    children = content["dice_by"]["under_18"]["True"]["n"]
    texts = {path: " ".join(text.split()) for path, text in documents().items()}
    assert (f"{children} of the {content['images']} Montgomery images, the youngest patient "
            f"{content['youngest']} years old") in texts[CARD]  # fmt: skip
    assert f"{children} images of children" in texts[LESSONS["08"]]


def test_prose_on_the_terminal_comes_from_the_benchmark():
    native, (few, many) = (
        json.loads((BENCHMARKS / "terminal.json").read_text(encoding="utf-8"))[name]
        for name in ("native", "thousands")
    )
    text = " ".join(documents()[USING].split())
    for said in (
        f"{native['start_seconds']:.1f} s to start and {native['seconds_a_file']:.2f} s a file",
        f"{many['files']} of 512 x 512, {many['errors']} of them broken, "
        f"{many['seconds'] / 60:.0f} minutes and {many['most_memory_mb']:.0f} MB of memory",
        f"{few['files']} of them {few['most_memory_mb']:.0f} MB",
    ):
        assert said in text


def test_objectives_in_teaching_are_those_of_the_exercises():
    text = documents()[TEACHING]
    assert tables.replace_rows(text, tables.OBJECTIVES, tables.objective_rows()) == text


def test_the_readme_is_short():
    text = re.sub(r"\]\([^)]*\)", "]", documents()[README])  # without addresses
    assert len(re.findall(r"[A-Za-z0-9][\w'./-]*", text)) <= 1500


def test_prose_on_quality_comes_from_the_benchmark():
    content = read_json(BENCHMARKS / "quality.json")
    assert content["weights"] == content["weights_in_use"] == WEIGHTS.tolist()
    sentences = tables.quality_sentences(content)
    for path, said in {CARD: ("warning", "turned"), LESSONS["08"]: sentences}.items():
        text = " ".join(documents()[path].split())
        assert [name for name in said if sentences[name] not in text] == []


def test_prose_on_the_cluster_comes_from_the_benchmark():
    text = " ".join(documents()[USING].split())
    said = tables.cluster_sentences(read_json(BENCHMARKS / "cluster.json"))
    assert [one for one in said if one not in text] == []


def test_the_search_in_the_results_is_that_of_the_table():
    with (BENCHMARKS / "trials.csv").open(encoding="utf-8") as file:
        expected = tables.search_rows(list(csv.DictReader(file)))
    lines = [line for line in documents()[RESULTS].splitlines() if line.startswith("| *")]
    assert expected and lines == expected


@pytest.mark.parametrize("lesson", ["03", "04"])
def test_trials_in_the_notebooks_are_those_of_the_table(lesson):
    with (BENCHMARKS / "trials.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {*map(tables.recipe_trial_row, rows), *tables.search_rows(rows)}
    lines = [line for line in documents()[LESSONS[lesson]].splitlines() if line.startswith("| *")]
    assert len(lines) >= 4 and set(lines) <= found


def documents() -> dict[Path, str]:
    texts = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
    for path in LESSONS.values():
        cells = nbformat.read(path, as_version=4).cells
        texts[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return texts

"""What runs elsewhere calls the same commands as here, with no more rights than it needs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
             for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}  # fmt: skip
JOBS = {f"{name}: {job}": content for name, workflow in WORKFLOWS.items()
        for job, content in workflow["jobs"].items()}  # fmt: skip
OURS = ("bash .ci/run", "python course.py ", "python -m pip wheel ", "gh release create ")
each_job = pytest.mark.parametrize("job", JOBS)


def test_there_are_workflows():
    assert {"tests", "weekly", "release"} <= WORKFLOWS.keys()


@each_job
def test_actions_are_pinned_by_hash_and_keep_no_password(job):
    for step in JOBS[job]["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@each_job
def test_only_a_release_may_write(job):
    assert WORKFLOWS[job.split(":")[0]]["permissions"] == {}
    writes = "write" in JOBS[job]["permissions"].values()
    assert writes == (job == "release: wheel")
    assert JOBS[job]["timeout-minutes"] <= 90


@each_job
def test_jobs_call_the_commands_of_the_course(job):
    runs = [step["run"] for step in JOBS[job]["steps"] if "run" in step]
    assert runs and all(run.startswith(OURS) for run in runs)
    call = [sys.executable, "course.py", "--help"]
    known = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for run in runs:
        if run.startswith("python course.py "):
            words = set(run.split()[2:])
            assert words <= set(re.findall(r"[\w-]+", known)), words


def test_every_python_that_is_promised_is_tested():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    promised = SpecifierSet(re.search(r'^requires-python = "(.+)"', text, re.M)[1])
    rows = WORKFLOWS["tests"]["jobs"]["elsewhere"]["strategy"]["matrix"]["include"]
    steps = WORKFLOWS["tests"]["jobs"]["everything"]["steps"]
    tested = {row["python"] for row in rows}
    tested |= {step["with"]["python-version"] for step in steps
               if "python-version" in step.get("with", {})}  # fmt: skip
    assert tested == {f"3.{minor}" for minor in range(30) if f"3.{minor}" in promised}
    assert {row["system"].split("-")[0] for row in rows} == {"ubuntu", "macos", "windows"}


@pytest.mark.parametrize("path", [".zenodo.json", ".devcontainer/devcontainer.json"])
def test_what_others_read_can_be_read(path):
    assert json.loads((ROOT / path).read_text(encoding="utf-8"))


def test_forms_for_issues_have_what_the_forge_asks_for():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem != "config":
            assert form["name"] and form["description"] and form["body"]

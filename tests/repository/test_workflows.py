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
TEXTS = [path.read_text(encoding="utf-8")
         for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]  # fmt: skip
OURS = ("bash .ci/run", "python course.py ", "python -m pip wheel ", "gh release create ", "cp ")
WRITERS = {"release: publish": {"contents": "write"},
           "pages: deploy": {"pages": "write", "id-token": "write"}}  # fmt: skip
SITE = "outputs/site"
each_job = pytest.mark.parametrize("job", JOBS)


def test_there_are_workflows():
    assert {"tests", "weekly", "release", "pages"} <= WORKFLOWS.keys()


@each_job
def test_actions_are_pinned_by_hash_and_keep_no_password(job):
    for step in JOBS[job]["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_an_action_has_one_hash_and_tells_its_version():
    lines = [line for text in TEXTS for line in text.splitlines() if "uses:" in line]
    pins = {}
    for line in lines:
        action, pin = re.fullmatch(
            r" +- uses: (\S+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line
        ).groups()
        assert pins.setdefault(action, pin) == pin


@each_job
def test_only_what_publishes_may_write_and_it_runs_no_code_of_others(job):
    assert WORKFLOWS[job.split(":")[0]]["permissions"] == {}
    assert JOBS[job]["permissions"] == WRITERS.get(job, {"contents": "read"})
    assert JOBS[job]["timeout-minutes"] <= 90
    if job in WRITERS:
        steps = [step.get("uses", step.get("run", "")) for step in JOBS[job]["steps"]]
        assert all(re.match(r"actions/(download-artifact|deploy-pages)@|gh release ", step)
                   for step in steps)  # fmt: skip


@each_job
def test_jobs_call_the_commands_of_the_course(job):
    runs = [step["run"] for step in JOBS[job]["steps"] if "run" in step]
    assert all(run.startswith(OURS) for run in runs) and (runs or job == "pages: deploy")
    call = [sys.executable, "course.py", "--help"]
    known = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for run in runs:
        if run.startswith("python course.py "):
            words = set(run.split()[2:])
            assert words <= set(re.findall(r"[\w-]+", known)), words


def steps_of(job: str, action: str) -> list[dict]:
    """What the steps of a job that use an action give it."""
    return [step["with"] for step in JOBS[job]["steps"]
            if step.get("uses", "").startswith(f"actions/{action}@")]  # fmt: skip


def test_the_site_is_built_tested_published_and_attached():
    package = json.loads((ROOT / "site" / "package.json").read_text(encoding="utf-8"))
    oldest = int(re.fullmatch(r">=(\d+)", package["engines"]["node"])[1])
    for job in ("tests: everything", "pages: build", "release: build"):
        (node,) = steps_of(job, "setup-node")
        assert int(node["node-version"]) >= oldest
    (ran,) = (step for step in JOBS["tests: everything"]["steps"] if "run" in step)
    assert ran["env"]["LUNGSEG_CHROMIUM"]
    assert [one["path"] for one in steps_of("pages: build", "upload-pages-artifact")] == [SITE]
    assert JOBS["pages: deploy"]["needs"] == "build" == JOBS["release: publish"]["needs"]
    runs = [step.get("run", "") for step in JOBS["release: build"]["steps"]]
    assert f"cp {SITE}/lungseg.html CHANGELOG.md outputs/release" in runs
    assert "./*.whl lungseg.html " in JOBS["release: publish"]["steps"][-1]["run"]
    (sent,), (taken,) = (steps_of("release: build", "upload-artifact"),
                         steps_of("release: publish", "download-artifact"))  # fmt: skip
    assert sent["path"] == "outputs/release" and sent["name"] == taken["name"]


def test_what_installs_the_course_installs_the_same():
    """All of them name the extras, because pip alone reads groups, and only since 2025."""
    places = ("tools/installation.py", "tools/versions.py", "environment.yml", "README.md",
              ".devcontainer/devcontainer.json", "pyproject.toml")  # fmt: skip
    texts = {place: (ROOT / place).read_text(encoding="utf-8") for place in places}
    found = {place: set(re.findall(r"\[(\w+(?:,\w+)+)\]", text)) for place, text in texts.items()}
    ((extras,),) = {tuple(each) for each in found.values()}
    known = re.search(r"^\[project.optional-dependencies\]\n(.+?)^\[", texts["pyproject.toml"],
                      re.M | re.S)[1]  # fmt: skip
    assert set(extras.split(",")) <= set(re.findall(r"^(\w+) = \[", known, re.M))


def test_whatever_is_fetched_is_kept_new():
    text = (ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    rows = {row["package-ecosystem"]: row["directory"] for row in yaml.safe_load(text)["updates"]}
    assert rows == {"github-actions": "/", "npm": "/site"}
    assert (ROOT / "site" / "package-lock.json").exists()


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

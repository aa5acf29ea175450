"""What a release is made of agrees: versions, lock file, recipe, workflows, forms. Each check sees a planted fault."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hessbench

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = [path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]
KINDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}  # of fields, in GitHub's forms


def named(text):
    """The name of a distribution, as all spellings of it compare."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", text)[0]).lower()


def versions(changelog, citation):
    """The versions that the latest entry of a changelog and a citation give."""
    return re.search(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)[1], yaml.safe_load(citation)["version"]


def test_there_is_one_version():
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    found = versions((ROOT / "CHANGELOG.md").read_text(), (ROOT / "CITATION.cff").read_text())
    assert set(found) == {hessbench.__version__}
    assert versions("# Changes\n\n## 9.9.9\n\n## 0.1.0\n", "version: 8.8.8\n") == ("9.9.9", "8.8.8")


def test_the_command_says_its_version():
    done = subprocess.run([sys.executable, "-m", "hessbench", "--version"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (f"hessbench {hessbench.__version__}\n", 0), done.stderr


def locked(text):
    """Versions with their hashes, by name, of a lock file; raises for a line that is neither."""
    out, name = {}, ""
    for line in (line.removesuffix(" \\") for line in text.splitlines() if not line.startswith("#")):
        if found := re.fullmatch(r"([\w.-]+)==([\w.]+)", line):
            name = named(found[1])
            out[name] = (found[2], [])
        else:
            out[name][1].append(re.fullmatch(r" +--hash=sha256:([0-9a-f]{64})", line)[1])
    return out


def unlocked(constraints, lock):
    """What a lock file has otherwise than the constraints, or without a hash."""
    lines = [line for line in constraints.splitlines() if line and not line.startswith("#")]
    wanted = {named(line): line.partition("==")[2] for line in lines if named(line) != "torch"}
    found = {name: version for name, (version, hashes) in locked(lock).items() if hashes}
    return {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)}


def test_the_lock_file_holds_the_constraints_with_hashes_and_nothing_else():
    assert unlocked((ROOT / "constraints.txt").read_text(), (ROOT / "requirements.lock").read_text()) == set()


HASH = " \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.mark.parametrize("lock", ["", f"numpy==2.0.0{HASH}", "numpy==2.4.6\n", f"numpy==2.4.6{HASH}other==1{HASH}"])
def test_another_lock_file_would_be_seen(lock):
    constraints = "numpy==2.4.6\ntorch==2.13.0\n"
    assert unlocked(constraints, f"numpy==2.4.6{HASH}") == set() and unlocked(constraints, lock)


def test_no_place_to_install_from_is_named():
    for name in ("constraints.txt", "requirements.lock", "pyproject.toml"):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|find-links|trusted-host|^ *(https?|file):", text, re.MULTILINE), name


def test_the_recipe_asks_for_what_the_package_asks_for():
    text = (ROOT / "conda/meta.yaml").read_text()
    version = re.search(r"regex_pattern='(.*?)'\)", text)[1]
    assert re.search(version, (ROOT / "src/hessbench/__init__.py").read_text())[1] == hessbench.__version__
    rendered = re.sub(r"\{\{ *version *\}\}", hessbench.__version__, re.sub(r"\{%.*?%\}", "", text))
    recipe = yaml.safe_load(rendered.replace("{{ PYTHON }}", "python"))
    run = {item.split()[0]: item.split()[1] for item in recipe["requirements"]["run"]}
    assert run.pop("python") == PROJECT["requires-python"]
    assert run == {named(item): item[len(named(item)) :] for item in PROJECT["dependencies"]}
    assert recipe["build"]["entry_points"] == [f"hessbench = {PROJECT['scripts']['hessbench']}"]


def targets():
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def unknown_commands(workflow, known):
    """The commands of a workflow that are neither a target of the Makefile nor a program in the repository."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    text = "\n".join(re.sub(r"\$\{\{.*?\}\}", "", step["run"]) for step in steps if "run" in step)
    out = []
    for program, *words in map(str.split, text.splitlines()):
        if program == "make":
            out += [word for word in words if "=" not in word and word not in known]
        elif not os.access(ROOT / program, os.X_OK):
            out.append(program)
    return out


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_is_there(path):
    workflow = yaml.safe_load(path.read_text())
    assert unknown_commands(workflow, targets()) == []
    assert workflow["permissions"] == {"contents": "read"} and True in workflow  # `on`, in YAML 1.1
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"] and all(("run" in s) != ("uses" in s) for s in job["steps"])


def test_a_workflow_that_runs_what_is_not_there_would_be_seen():
    steps = [{"run": "make test"}, {"run": "make tset\n.ci/rnu"}]
    assert unknown_commands({"jobs": {"a": {"steps": steps}}}, {"test"}) == ["tset", ".ci/rnu"]


def test_workflows_take_every_python_that_is_declared():
    text = "".join(path.read_text() for path in WORKFLOWS)
    declared = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert len(declared) == 3 and all(f'"{version}"' in text for version in declared)


def faults_of_form(form):
    """What GitHub would not take of an issue form."""
    out = [key for key in ("name", "description", "body") if not form.get(key)]
    ids = [field["id"] for field in form.get("body", []) if "id" in field]
    out += [name for name in ids if ids.count(name) > 1]
    for field in form.get("body", []):
        label = "value" if field["type"] == "markdown" else "label"
        if field["type"] not in KINDS or not field.get("attributes", {}).get(label):
            out.append(str(field))
    return out


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one(path):
    form = yaml.safe_load(path.read_text())
    assert faults_of_form(form) == [] and any(field.get("validations", {}).get("required") for field in form["body"])


FIELD = {"type": "input", "id": "a", "attributes": {"label": "a"}}


@pytest.mark.parametrize("body", [[], [{**FIELD, "type": "textaera"}], [{**FIELD, "attributes": {}}], [FIELD, FIELD]])
def test_a_form_that_is_none_would_be_seen(body):
    form = {"name": "a", "description": "b"}
    assert faults_of_form({**form, "body": [FIELD]}) == [] and faults_of_form({**form, "body": body})


def test_hooks_before_a_commit_are_tools_of_the_environment():
    tools = {named(item) for item in PROJECT["optional-dependencies"]["test"]}
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"].split()[0] for repo in config["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in config["repos"]} == {"local"} and len(entries) == 3
    assert {Path(entry).name for entry in entries} <= tools and {Path(e).parent for e in entries} == {Path(".venv/bin")}


def test_the_container_sets_itself_up():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    make, *words = container["postCreateCommand"].split()
    assert make == "make" and set(words) <= targets() and "/" not in container["image"]


def folders_of_packages():
    """Folders with Python or C, by the name of the package that they are."""
    src = ROOT / "src"
    found = {path.parent.relative_to(src) for kind in ("*.py", "*.c") for path in src.rglob(kind)}
    return {".".join(path.parts) for path in found}


def test_every_package_is_in_the_wheel():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    mapped = set(setup["package-dir"]) - {"hessbench", "hessbench_pytest"}
    assert folders_of_packages() | mapped == set(setup["packages"])
    assert all((ROOT / folder).is_dir() for folder in setup["package-dir"].values())


def test_the_script_that_tries_the_wheel_sees_a_wrong_strategy_and_one_that_was_not_seen(tmp_path):
    def judged(spoiled, good):
        statuses = {"spoiled.py": spoiled, "hand-adjoint": good}
        records = [{"strategy": name, "status": status, "message": "why"} for name, status in statuses.items()]
        (tmp_path / "found.json").write_text(json.dumps(records))
        script = [sys.executable, ROOT / ".ci/tried/judge.py", "found.json", "hand-adjoint"]
        return subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)

    assert judged("wrong", "ok").returncode == 0
    assert "spoiled.py is ok, expected wrong" in judged("ok", "ok").stderr
    assert "hand-adjoint is failed, expected ok: why" in judged("wrong", "failed").stderr


def test_what_the_wheel_is_tried_with_is_as_it_says(tmp_path):
    from hessbench._plugins.registry import load_file

    assert list(load_file(ROOT / ".ci/tried/spoiled.py")[0]) == ["spoiled"]
    assert list(load_file(ROOT / ".ci/tried/pendulum.py")[1]) == ["pendulum"]

"""The page on errors knows every status, diagnosis, error and warning of the code."""

import ast
import re
from pathlib import Path

import pytest

from hessbench._judging.diagnosis import WORDS
from hessbench._measuring.statuses import TABLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "what-do-the-errors-mean.md").read_text()
SOURCES = [path.read_text() for path in sorted((ROOT / "src").rglob("*.py"))]
INTERNAL = {"CannotTrace", "NotCompiled", "Unreadable"}  # messages between parts of the package, no `HessbenchError`
CLASSES = [
    (node.name, [base.id for base in node.bases if isinstance(base, ast.Name)])
    for text in SOURCES
    for node in ast.walk(ast.parse(text))
    if isinstance(node, ast.ClassDef)
]


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], flags=re.M)[0]


def rows(title: str) -> list[str]:
    """The first cells of a section's table."""
    return [line.split("|")[1].strip() for line in section(title).splitlines() if re.match(r"\| (?!---)", line)][1:]


def derived(classes: list[tuple[str, list[str]]]) -> set[str]:
    """Names of the classes that derive from Python's errors or warnings, by way of each other."""
    found = {"Exception", "UserWarning"}
    while True:
        more = {name for name, bases in classes if found & set(bases)} - found
        if not more:
            return found - {"Exception", "UserWarning"}
        found |= more


def kinds(text: str) -> set[str]:
    return {word for word in re.findall(r"`(\w+)`", text) if word[0].isupper()}


def test_statuses_are_those_of_the_table():
    assert {row.strip("`") for row in rows("Statuses")} == {row.name for row in TABLE}


def test_diagnoses_are_those_of_references():
    assert {row.strip("`") for row in rows("Why there is no reference")} == set(WORDS)


def test_every_error_and_warning_class_is_explained():
    own = {name for name in derived(CLASSES) if not name.startswith("_")}
    assert own - INTERNAL <= kinds(section("Errors") + section("Warnings"))


def test_a_class_that_is_not_explained_is_seen():
    planted = [*CLASSES, ("Surprise", ["IntegrationError"])]
    assert "Surprise" in derived(planted) - kinds(PAGE)


def pieces(quoted: str) -> list[str]:
    return [part.strip(" ;:,") for part in quoted.split("...") if part.strip(" ;:,")]


TEXT = re.sub(r'"\s*\n\s*f?"', "", "\n".join(SOURCES))  # sentences that are written over several lines


@pytest.mark.parametrize("quoted", rows("Warnings"))
def test_a_warning_that_the_page_quotes_stands_in_the_code(quoted):
    assert pieces(quoted) and all(part in TEXT for part in pieces(quoted))


def test_words_that_no_warning_has_are_seen():
    assert not all(part in TEXT for part in pieces("the problem is stiff: take ... a walk"))

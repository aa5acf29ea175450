"""Every block of Python in README and docs runs as it stands; those of a page share their names, as for a reader."""

import runpy

import pytest

from .pages import Block, blocks

ELSEWHERE = {  # by the page, or the page and a mark in the block
    "docs/adapters.md": "tests/adapters/test_docs.py",
    "docs/adding-a-strategy.md": "tests/harness/test_adding_a_strategy.py",
    "docs/architecture.md": "tests/backends/test_new_backend.py",
    "docs/gate.md": "minutes: every problem by four strategies",
    "docs/start.md class Rows": "tests/harness/test_readme.py",
}
PRINTS = {
    "docs/index.md": ["(12,) (12, 12)"],
    "docs/strategies.md": ["auto: implicit, because the problem is stiff"],
    "docs/performance.md": ["derivatives as loops in C"],
    "docs/switches.md": ["(4, 4)", "(1, 1)"],
    "docs/orbits.md": ["14.89390142067", "closed to"],
    "docs/how-to/is-it-stiff.md": [
        "robertson - Radau",
        "lotka-volterra - compiled form",
        "because the problem is not stiff",
    ],
    "docs/how-to/is-my-hessian-right.md": ["confirm the Hessian", "is wrong"],
    "docs/how-to/many-parameters.md": ["42 (42,) (42, 3)"],
    "docs/start.md": ["[[", "()"],
    "README.md": ["(12,) (12, 12)"],
}
PAGES = sorted({block.page for block in blocks("python")} - set(ELSEWHERE))


def ours(page: str) -> list[Block]:
    marks = [key.removeprefix(page).strip() for key in ELSEWHERE if key.startswith(f"{page} ")]
    return [block for block in blocks("python") if block.page == page and not any(m in block.text for m in marks)]


def run(texts: list[str], folder) -> None:
    names: dict = {}
    for place, text in enumerate(texts):
        path = folder / f"block_{place}.py"
        path.write_text(text)
        names = {k: v for k, v in runpy.run_path(str(path), names).items() if not k.startswith("__")}


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_and_print_what_it_says(page, tmp_path, capsys):
    run([block.text for block in ours(page)], tmp_path)
    printed = capsys.readouterr().out
    assert [text for text in PRINTS.get(page, []) if text not in printed] == [], printed


def test_no_page_is_passed_over():
    assert set(PRINTS) <= set(PAGES)
    assert {key.split()[0] for key in ELSEWHERE} <= {block.page for block in blocks("python")}


def test_a_block_that_fails_is_seen(tmp_path):
    with pytest.raises(NameError):
        run(["import hessbench", "hessbench.products(proplem, None, 1)"], tmp_path)

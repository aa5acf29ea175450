"""Links of README and docs lead somewhere on a code host; `make docs` looks after those of the site."""

import re

import pytest

from .pages import FENCE, PAGES, ROOT


def anchors(text: str) -> set[str]:
    """Those that a code host makes of headings, and Sphinx in the same way."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: str, text: str) -> list[str]:
    """Targets of relative links in `text`, as it stands in `page`, that are not there."""
    out = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        there = path.exists() and path.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(path.read_text())):
            out.append(target)
    return out


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    assert broken(page, PAGES[page]) == []


def test_a_link_that_leads_nowhere_is_seen():
    text = "[a](gone.md) [b](docs/gate.md#gone) [c](docs/gate.md#where-and-when) [d](docs) [e](https://example.org)"
    assert broken("README.md", text) == ["gone.md", "docs/gate.md#gone"]


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 110

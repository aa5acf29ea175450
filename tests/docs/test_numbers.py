"""Numbers of the docs are those that the commands print: exactly where they are counts, within a range where they may vary."""

import re

import pytest

import hessbench

from .pages import FENCE, PAGES
from .test_commands import HERE, long, output


def page(name: str) -> str:
    return PAGES[f"docs/{name}.md"]


def number(pattern: str, text: str) -> float:
    """The one number in brackets of `pattern`."""
    (found,) = re.findall(pattern, text)
    return float(found)


@pytest.fixture(scope="module")
def bounds() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")  # the page's width
        return output("hessbench bounds --no-times")


def table(text: str, title: str) -> list[str]:
    """The lines from `title` to the next empty line but one of a table and its remarks."""
    rest = text[text.index(title) :]
    end = re.search(r"\n\n(?=not counted|Dense|ODE solves|$)|\n*\Z", rest)
    return rest[: end.start()].splitlines()


TITLES = ("Operations of one evaluation", "Dense quadratic system: operations", "ODE solves per Hessian")


def shown(title: str) -> list[str]:
    (block,) = [text for _, text in FENCE.findall(page("bounds")) if text.startswith(title)]
    return block.rstrip().splitlines()


@pytest.mark.parametrize("title", TITLES)
def test_tables_of_bounds_are_those_that_the_command_prints(bounds, title):
    assert table(bounds, title) == shown(title)


def test_another_count_in_a_table_of_bounds_is_seen(bounds):
    assert table(bounds.replace("5.26", "5.27"), TITLES[0]) != shown(TITLES[0])


@pytest.fixture(scope="module")
def simo() -> str:
    return output("hessbench orbit simo")


def test_the_walk_to_simo_takes_as_many_gradients_as_the_page_says(simo):
    low, high = re.findall(r"gradients by BFGS \((\d+) to (\d+)", page("orbits"))[0]
    assert int(low) <= number(r"(\d+) gradients", simo) <= int(high)


FORM = r"a = (\S+), b = (\S+), T = (\d\.\d+)"


def test_the_walk_arrives_where_the_page_says(simo):
    assert [text for text in HERE["hessbench orbit simo"] if text not in simo] == []
    ends = [[float(digits) for digits in re.findall(FORM, text)[0]] for text in (simo, page("orbits"))]
    assert ends[0] == pytest.approx(ends[1], rel=1e-13)
    assert number(r"from the reference (\S+)", simo) < number(r"less than (\S+) from the reference", page("orbits"))
    for digits in re.findall(r"multipliers\s+(\S+) and (\S+)\.\n", page("orbits"))[0]:
        assert digits in simo


@long
def test_steps_along_the_soft_direction_take_as_many_gradients_as_the_page_says():
    printed = output("hessbench orbit simo --scan")
    taken = {float(step): int(n) for step, n in re.findall(r"walked (\S+) along v5, .*: (\d+) gradients", printed)}
    most = number(r"less than (\d+) gradients up to \+0.06", page("orbits"))
    assert all(n < most for step, n in taken.items() if 0 < step <= 0.06)
    low, high = re.findall(r"in (\d+) to (\d+) at \+0.1", page("orbits"))[0]
    assert int(low) <= taken[0.1] <= int(high)
    arrived = re.findall(r"arrived at: (Simó|back)", printed)
    assert [word == "Simó" for word in arrived] == [step > 0 for step in taken]


def test_the_soft_eigenvalues_are_those_of_the_figure(simo):
    soft = [float(text) for text in re.findall(r"v[45] (\d\.\d+)", simo)]
    assert soft == pytest.approx([0.000591924, 0.00909854], rel=1e-5)


def test_the_figure_8_takes_as_many_steps_as_the_page_says():
    counters = hessbench.hessian(hessbench.problem("three-body"), rtol=1e-10).counters
    assert counters.steps == number(r"Figure-8, (\d+) steps at 1e-10", page("performance"))


STIFF = {
    "Robertson, t = 40": ("robertson", {}),
    "Robertson, t = 1e4": ("robertson", {"t1": 1e4}),
    "van der Pol, mu = 1000, t = 300": ("van-der-pol", {"t1": 300.0}),
}


@pytest.mark.parametrize("row", STIFF)
def test_stiff_problems_take_as_many_steps_as_the_table_says(row):
    (line,) = [text for text in page("performance").splitlines() if text.startswith(f"| {row} | ") and "(" in text]
    said = [int(count) for count in re.findall(r"\((\d+)\)", line)]
    name, arguments = STIFF[row]
    problem = hessbench.problem(name, **arguments)
    steps = [
        hessbench.prepare(problem, "implicit-adjoint", rtol=rtol).quiet()().counters.steps
        for rtol in (1e-4, 1e-6, 1e-8, 1e-10)
    ]
    assert steps == pytest.approx(said, rel=0.02, abs=1)


def test_determinants_are_as_many_and_as_right_as_the_page_says():
    printed, count = output("hessbench orbit determinants"), number(r"(\d+) numbers, largest", page("orbits"))
    assert printed.count(" error ") == count + 1  # and the largest
    assert number(r"largest relative error (\S+)", printed) < 3 * number(
        r"largest relative error (\S+)\.", page("orbits")
    )

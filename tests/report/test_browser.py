"""The page in a real browser: headless Chromium, offline. Skipped with the reason where there is none."""

import re
import shutil
import subprocess

import pytest

from hessbench.report import build

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
OFFLINE = ("--proxy-server=127.0.0.1:9", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"),
    pytest.mark.xdist_group("browser"),
]


class Seen:
    """What the browser made of a page: its document as HTML, and what it wrote to the console."""

    def __init__(self, page, folder, fragment=""):
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *OFFLINE]
        command += ["--enable-logging=stderr", f"--user-data-dir={folder}", "--window-size=1280,20000"]
        command += ["--virtual-time-budget=20000", "--dump-dom", page.as_uri() + fragment]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        self.html = done.stdout
        self.console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    @property
    def plots(self):
        """Groups of the figures that plotly has drawn."""
        return re.findall(
            r'<figure class="chart" data-group="(\w+)">(?:(?!</figure>).)*?main-svg', self.html, re.DOTALL
        )

    def legend(self, group):
        """The names in the legend of one figure."""
        (figure,) = re.findall(rf'data-group="{group}">(.*?)</figure>', self.html, re.DOTALL)
        return re.findall(r'class="legendtext"[^>]*>([^<]*)<', figure)

    def rows(self):
        """`(contender, hidden)` of all rows of the ranking."""
        found = re.findall(r'<tr class="row [^"]*" data-contender="([^"]+)" data-status="[^"]+"( hidden)?', self.html)
        return [(name, bool(hidden)) for name, hidden in found]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder and what the browser made of the page there, by the fragment of its address: a start takes seconds."""
    return tmp_path_factory.mktemp("page"), {}


@pytest.fixture
def page(kept, store, sizes, record, refused):
    """The path of a page with every kind of figure, built once."""
    path = kept[0] / "report.html"
    if not path.exists():
        planted = {"hand-adjoint@numpy": lambda n: 1e-7 * n**3, "hand-adjoint-rows@numpy": lambda n: 1e-8 * n**4}
        records = [
            *sizes(planted, method="RK45", rtol=1e-5),
            *(record(rtol=10.0**-k, steps=10 * k, peak_mib=float(k), error_hess=10.0**-k) for k in (4, 6, 8)),
            record(strategy="unrolled", backend="jax", rtol=1e-6, median_s=1.0, error_hess=1e-2),
            refused("wrong", "error 0.7", strategy="torchdiffeq-adjoint", backend="torch", error_hess=0.7),
        ]
        build([store(records)], path, bounds=False)
    return path


@pytest.fixture
def seen(kept, page):
    """What the browser makes of the page under a fragment."""

    def look(fragment):
        folder, known = kept
        if fragment not in known:
            known[fragment] = Seen(page, folder / f"profile-{len(known)}", fragment)
        return known[fragment]

    return look


FIGURE_8 = "#problem=three-body(start%3Dfigure-8)"
FILTERED = FIGURE_8 + "&find=unrolled&framework=jax&cost=rhs"


def test_the_page_renders_offline_with_every_plot(seen):
    assert seen(FIGURE_8).plots == ["work", "scaling", "memory", "paper"]


def test_the_console_stays_empty(seen):
    assert seen(FIGURE_8).console == []


def test_what_is_on_the_front_is_in_the_legend_and_the_rest_is_grey(seen):
    assert seen(FIGURE_8).legend("work") == ["1 others", "Pareto front", "hand-adjoint@numpy"]


def test_a_filter_hides_the_other_rows(seen):
    assert {name for name, hidden in seen(FILTERED).rows() if not hidden} == {"unrolled@jax"}
    assert re.search(r'id="filter-count">1 of \d+ results<', seen(FILTERED).html)


def test_a_filter_colours_what_it_names(seen):
    assert seen(FILTERED).legend("work") == ["1 others", "Pareto front", "unrolled@jax"]


def test_the_switch_changes_the_axis(seen):
    assert "evaluations of the right-hand side" in re.findall(r'class="xtitle"[^>]*>([^<]*)<', seen(FILTERED).html)


def test_an_error_in_the_page_is_seen(page, tmp_path):
    """The check itself: a page that is broken, or that asks the network, does not pass."""
    broken = tmp_path / "broken.html"
    text = page.read_text(encoding="utf-8").replace("start();", "start(); fetch('http://192.0.2.1/x'); undefined.x;")
    broken.write_text(text, encoding="utf-8")
    console = Seen(broken, tmp_path / "profile").console
    assert any("TypeError" in line for line in console)
    assert any("Content Security Policy" in line for line in console)

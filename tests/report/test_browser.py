"""The page in a real browser: headless Chromium, offline. Skipped with the reason where there is none."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pypdfium2
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

    def __init__(self, page, folder, fragment="", width=1280):
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *OFFLINE]
        command += ["--enable-logging=stderr", f"--user-data-dir={folder}", f"--window-size={width},20000"]
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

    def labels(self, group):
        """The names beside the curves of one figure, from above to below."""
        (figure,) = re.findall(rf'data-group="{group}">(.*?)</figure>', self.html, re.DOTALL)
        return re.findall(r'class="annotation-text"[^>]*>([^<]*)<', figure)

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
    assert seen(FIGURE_8).plots == ["asked", "work", "scaling", "paper", "memory"]


def test_the_console_stays_empty(seen):
    assert seen(FIGURE_8).console == []


def test_what_is_on_the_front_is_named_beside_its_curve_without_a_legend(seen):
    assert seen(FIGURE_8).labels("work") == ["hand-adjoint@numpy"] and seen(FIGURE_8).legend("work") == []


def test_a_filter_hides_the_other_rows(seen):
    assert {name for name, hidden in seen(FILTERED).rows() if not hidden} == {"unrolled@jax"}
    assert re.search(r'id="filter-count">1 of \d+ results<', seen(FILTERED).html)


def test_a_filter_colours_what_it_names(seen):
    assert seen(FILTERED).labels("work") == ["unrolled@jax"]


def test_the_switch_changes_the_axis(seen):
    assert "evaluations of the right-hand side" in re.findall(r'class="xtitle"[^>]*>([^<]*)<', seen(FILTERED).html)


LOOK = """<script>addEventListener("load", () => setTimeout(async () => {
  const box = (one) => one.getBoundingClientRect(), all = (selector) => [...document.querySelectorAll(selector)];
  const inside = (one) => box(one).right <= innerWidth + 1 || one.closest(".scroll, pre, svg, .hoverlayer");
  const wide = all("main *, header *").filter((one) => !inside(one))
    .map((one) => one.outerHTML.slice(0, 80));
  const outside = (inner, outer) => inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
  const cut = all(".plot svg text").filter((one) => outside(box(one), box(one.closest(".plot")))).map((one) => one.textContent);
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "best-practice"] });
  const said = found.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 90))]);
  const told = { id: "looked", textContent: JSON.stringify({ wide, cut, said }) };
  document.body.append(Object.assign(document.createElement("pre"), told));
}, 3000))</script>"""


def looked(page, folder, width, planted=""):
    """What a narrow or wide window shows: elements wider than it, texts cut in charts, and what axe-core finds."""
    import axe_core_python

    code = (
        (Path(axe_core_python.__file__).parent / "axe.min.js")
        .read_text(encoding="utf-8")
        .replace("</script", "<\\/script")
    )
    copy = folder / f"looked-{width}-{len(planted)}.html"
    text = page.read_text(encoding="utf-8").replace("</main>", planted + "</main>")
    copy.write_text(text.replace("</body>", f"<script>{code}</script>{LOOK}</body>"), encoding="utf-8")
    html = Seen(copy, folder / f"profile-{copy.stem}", width=width).html
    return json.loads(unescape(re.findall(r'<pre id="looked">(.*?)</pre>', html, re.DOTALL)[0]))


def test_nothing_is_cut_or_hard_to_read_on_a_small_screen(page, tmp_path):
    assert looked(page, tmp_path, 600) == {"wide": [], "cut": [], "said": []}


def test_what_is_too_wide_or_too_pale_is_seen(page, tmp_path):
    planted = '<p id="broad" style="width: 900px; max-width: none">broad</p><p style="color: #bbb">pale</p>'
    found = looked(page, tmp_path, 600, planted)
    assert any("broad" in one for one in found["wide"]) and "color-contrast" in dict(found["said"])


def test_a_printed_page_has_every_chart(page, tmp_path):
    """Axis titles are text of the PDF where a chart was drawn; charts below the window are not drawn until they are seen."""
    out = tmp_path / "page.pdf"
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *OFFLINE]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", f"--print-to-pdf={out}"]
    subprocess.run([*command, page.as_uri()], capture_output=True, timeout=120, check=True)
    with pypdfium2.PdfDocument(out) as pdf:
        text = " ".join(pdf[i].get_textpage().get_text_bounded() for i in range(len(pdf)))
    titles = (
        "relative error of the Hessian",
        "number of states N",
        "accepted steps of the integrator",
        "row by row / time",
    )
    assert [title for title in titles if title not in text] == []


def test_an_error_in_the_page_is_seen(page, tmp_path):
    """The check itself: a page that is broken, or that asks the network, does not pass."""
    broken = tmp_path / "broken.html"
    text = page.read_text(encoding="utf-8").replace("start();", "start(); fetch('http://192.0.2.1/x'); undefined.x;")
    broken.write_text(text, encoding="utf-8")
    console = Seen(broken, tmp_path / "profile").console
    assert any("TypeError" in line for line in console)
    assert any("Content Security Policy" in line for line in console)

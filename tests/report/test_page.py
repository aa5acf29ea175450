"""The page, the exports and the static figures."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from hessbench import InvalidInput
from hessbench.report import build, export, load, readme_figure, write_figures


class Reader(HTMLParser):
    """Attributes that make a browser load something, and the text outside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.words, self.quiet = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.quiet += tag in ("script", "style")
        self.loads += [
            v for k, v in attrs if k in ("src", "srcset", "poster", "data", "action") or (k == "href" and tag == "link")
        ]

    def handle_endtag(self, tag):
        self.quiet -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.quiet:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page(tmp_path):
    """Build the page of a folder of results, without counting operations, and return its text."""

    def make(folder, **options):
        return build([folder], tmp_path / "report.html", **{"bounds": False, **options}).path.read_text(
            encoding="utf-8"
        )

    return make


@pytest.fixture
def html(results, page):
    return page(results)


def test_the_page_loads_nothing(html):
    assert [v for v in Reader(html).loads if not v.startswith("data:")] == []


def test_the_style_loads_nothing(html):
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style and "@import" not in style


def test_the_page_forbids_the_browser_to_load_anything(html):
    assert "Content-Security-Policy\" content=\"default-src 'none'" in html


def test_the_page_stays_under_six_megabytes(store, record, page):
    """With 45 contenders on 36 questions: more than the suites hold."""
    note = "118 steps of DOP853, each of 2003 instructions, derivatives generated, loss blocks written by hand"
    records = [
        record(strategy=f"a-strategy-of-some-length/{i}", arguments=f'{{"n": {n}}}', rtol=10.0**-k, note=note)
        for i in range(45)
        for n in range(12)
        for k in (6, 8, 10)
    ]
    assert len(page(store(records)).encode()) < 6e6


def test_every_contender_stands_on_the_page_with_its_status(html, results):
    rows = set(re.findall(r'data-contender="([^"]+)" data-status="([^"]+)"', html))
    table = load([results]).table
    assert set(zip(table["contender"], table["status"], strict=True)) <= rows


def test_a_reason_is_shown_and_escaped(html):
    assert "It is limited to 40 states &amp; no more." in html


def test_a_contender_that_is_wrong_shows_its_error_and_no_time(html):
    found = re.findall(r'<tr class="row wrong" data-contender="hand-adjoint/backward@numpy".*?</tr>', html, re.DOTALL)
    assert found and all("7.0 × 10⁻¹" in row and " ms" not in row and " s</td>" not in row for row in found)


def test_a_missing_cell_is_shown_as_missing(html):
    assert '<td class="number missing" title="not measured">–</td>' in html


def test_provenance_names_machine_commit_and_command(html):
    text = Reader(html).text
    assert all(word in text for word in ("A Processor", "01234567", "asv run --bench smoke", "2026-01-01"))


def test_a_note_cannot_end_the_script_that_holds_the_figure(store, record, page):
    assert "</script><b>" not in page(store([record(note="</script><b>")]))


def test_warnings_stand_on_the_page_and_come_back(results, tmp_path):
    (results / "cut.json").write_text('{"commit_hash":')
    page = build([results], tmp_path / "report.html", bounds=False)
    assert "cut.json" in page.warnings[0] and "cut.json" in Reader(page.path.read_text(encoding="utf-8")).text


def test_results_without_any_right_answer_still_make_a_page(store, refused, page):
    assert "No contender gave a right Hessian here." in page(store([refused("failed", "boom")]))


def test_rows_that_asv_alone_knows_make_a_page(asv_file, page):
    row = [[0, 5], [["'sir'"], ["'a@numpy'", "'b@jax'"], ["1e-06"]], "1", 1767225600000, 0.5]
    assert 'data-contender="a@numpy" data-status="ok"' in page(asv_file({"hessian.Grid.track_status": row}))


def test_the_operations_are_counted_on_the_page(results, page):
    assert "bound by operation rules" in Reader(page(results, bounds=True)).text


def test_overhead_is_shown_and_what_is_missing_has_its_reason(results, store_rows, page):
    row = {"table": "overhead", "operation": "rhs", "n": 3}
    split = {"call_s": 2e-5, "conversion_s": 5e-6, "dispatch_s": 1e-5, "work_s": 5e-6}
    store_rows([{**row, "package": "jax", **split}, {**row, "package": "numba", "call_s": None, "message": "no numba"}])
    text = page(results)
    assert 'title="conversion 25 %, dispatch 50 %, work 25 %"' in text and 'title="no numba"' in text


def test_the_exponents_stand_on_the_page(store, sizes, page):
    assert "3.00 [3.00, 3.00]" in Reader(page(store(sizes({"a@numpy": lambda n: 1e-9 * n**3})))).text


def test_no_results_are_an_error_that_says_what_to_run(tmp_path):
    with pytest.raises(InvalidInput, match="make compare"):
        build([tmp_path], tmp_path / "report.html")


@pytest.mark.parametrize(("name", "read"), [("t.csv", pd.read_csv), ("t.parquet", pd.read_parquet)])
def test_an_export_has_every_row_and_keeps_cells_missing(results, tmp_path, name, read):
    table = load([results]).table
    back = read(export(table, tmp_path / name))
    assert back["peak_mib"].isna().sum() == table["peak_mib"].isna().sum() and len(back) == len(table)


def test_an_export_to_another_ending_is_refused(results, tmp_path):
    with pytest.raises(InvalidInput, match=r"expected .csv or .parquet"):
        export(load([results]).table, tmp_path / "t.xlsx")


def test_the_readme_figure_is_a_picture(results, tmp_path):
    assert readme_figure(load([results]).table, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_figure_refuses_a_problem_without_results(results, tmp_path):
    with pytest.raises(InvalidInput, match="no results for 'kepler'"):
        readme_figure(load([results]).table, tmp_path / "a.png", problem="kepler")


def test_static_figures_are_written_as_png_and_svg(results, tmp_path):
    assert {path.suffix for path in write_figures([results], tmp_path)} == {".png", ".svg"}

"""The site in a real browser, headless and offline, at the width of a telephone. Skipped where `make docs` has not built it."""

import re
import shutil
import subprocess

import pytest

from .pages import PAGES, ROOT

SITE = ROOT / "build" / "docs"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
OFFLINE = ("--proxy-server=127.0.0.1:9", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND")
LOOK = """<script>addEventListener("load", () => setTimeout(() => {
    const article = document.querySelector("article");
    const scrolls = e => e !== article && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const wide = [...article.querySelectorAll("*")].filter(
        e => e.getBoundingClientRect().right > innerWidth && !scrolls(e.parentElement)).length;
    const missing = [...document.images].filter(image => !image.naturalWidth).length;
    document.body.insertAdjacentHTML("beforeend", `<p id="looked">${wide} ${missing}</p>`);
}, 500));</script>"""
OF_THE_THEME = re.compile(r"pydata-sphinx-theme\.js")  # it tells which colours it chose
LOOKED_AT = (
    "index",
    "bounds",
    "strategies",
    "how-to/what-do-the-errors-mean",
    "gallery/index",
    "gallery/stiff_chemistry",
    "generated/hessbench.Problem",
)
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: `make docs`"),
    pytest.mark.xdist_group("site"),
]
browsed = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")


def seen(page: str, text: str, folder, width: int = 600) -> tuple[int, int, list[str], str]:
    """How many parts of a page stand out of it, how many pictures it lacks, what is on the console, and the document."""
    base = f'<base href="{(SITE / page).parent.as_uri()}/">'
    copy = folder / "page.html"
    copy.write_text(text.replace("<head>", f"<head>{base}{LOOK}", 1))
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *OFFLINE]
    command += ["--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", f"--window-size={width},3000"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    ((wide, missing),) = re.findall(r'<p id="looked">(\d+) (\d+)</p>', done.stdout)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and not OF_THE_THEME.search(line)]
    return int(wide), int(missing), said, done.stdout


@browsed
@pytest.mark.parametrize("page", LOOKED_AT)
def test_a_page_fits_shows_its_pictures_and_complains_of_nothing(page, tmp_path):
    wide, missing, console, html = seen(page, (SITE / f"{page}.html").read_text(), tmp_path)
    assert (wide, missing, console) == (0, 0, [])
    assert "<h1>" in html


@browsed
def test_code_can_be_copied(tmp_path):
    html = seen("index", (SITE / "index.html").read_text(), tmp_path)[-1]
    assert html.count('class="copybtn') >= html.count("<pre") == 2


@browsed
def test_faults_of_a_page_are_seen(tmp_path):
    fault = '<div style="width: 3000px">x</div><img src="nowhere.png"><script>undefined.x</script></article>'
    text = (SITE / "index.html").read_text().replace("</article>", fault, 1)
    wide, missing, console, _ = seen("index", text, tmp_path)
    assert wide > 0 and missing == 1 and any("TypeError" in line for line in console)


def wanted(text: str) -> list[str]:
    """What a page loads from elsewhere when it is opened."""
    return re.findall(r'<(?:script|img|link rel="(?:stylesheet|preload)")[^>]*(?:src|href)="(https?:[^"]+)"', text)


def test_no_page_loads_anything_from_the_network():
    assert [path.name for path in SITE.rglob("*.html") if wanted(path.read_text())] == []
    assert wanted('<script defer src="https://cdn.example/x.js"></script>')


def test_every_page_of_the_docs_is_in_the_site():
    pages = [page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page.startswith("docs/")]
    assert [page for page in pages if not (SITE / f"{page}.html").exists()] == []
    assert len(pages) >= 20


def test_every_example_is_in_the_site_with_a_picture():
    examples = sorted(path.stem for path in (ROOT / "examples" / "gallery").glob("*.py"))
    assert len(examples) == 8
    for name in examples:
        assert "_images/sphx_glr_" in (SITE / "gallery" / f"{name}.html").read_text(), name

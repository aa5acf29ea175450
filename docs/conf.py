"""How Sphinx builds the site: `make docs`. Nothing here needs the network."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from pygments.lexer import RegexLexer
from pygments.token import Comment, Name, Number, Operator, Text
from sphinx.addnodes import pending_xref

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # as the tests and all measurements
sys.path.insert(0, str(Path(__file__).parent))

from data_words import WORDS  # noqa: E402

import hessbench  # noqa: E402
from hessbench import backends, plugins  # noqa: E402

project = "hessbench"
author = "The hessbench developers"
copyright = author
release = version = version_of("hessbench")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery/sg_execution_times.rst", "sg_execution_times.rst"]
templates_path = ["_templates"]
highlight_language = "none"
nitpicky = True
nitpick_ignore = [("py:class", "abc.ABC"), ("py:class", "numpy.ndarray")]  # bases, of which no inventory is at hand

# Pages: the Markdown that a code host shows, too
myst_heading_anchors = 3  # `performance.md#stiff-problems` works in both places
suppress_warnings = ["config.cache"]  # of sphinx-gallery's configuration, which cannot be pickled

# Reference: one page for each name in `reference.md`. Docstrings are prose with indented formulas; what sections there are, are
# numpydoc's.
autosummary_generate = True
autodoc_typehints = "none"  # shapes stand in the docstrings; annotations say `Array`
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False
default_role = "public"

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.Given",
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "reference_url": {"hessbench": None},
    "backreferences_dir": None,
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 1000,
    "matplotlib_animations": False,
    "remove_config_comments": True,
}

copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = "hessbench"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "hessbench"},
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

PUBLIC = {
    **{name: f"hessbench.backends.{name}" for name in backends.__all__},
    **{name: f"hessbench.plugins.{name}" for name in plugins.__all__},
    **{name: f"hessbench.{name}" for name in hessbench.__all__},
}


def public(kind, rawtext, text, lineno, inliner, options=None, content=None):
    """What stands in single backticks: a link where it is a public name, else code. `problem` alone is an argument."""
    code = nodes.literal(rawtext, text)
    name = text.removeprefix("hessbench.").removesuffix("()")
    if name not in PUBLIC or (name == text and name.islower() and "_" not in name):
        return [code], []
    return [pending_xref("", code, refdomain="py", reftype="obj", reftarget=PUBLIC[name], refexplicit=True)], []


def formulas(app, kind, name, thing, options, lines):
    """Indented lines of a docstring are formulas: shown as they are. Data have the words of `data_words`."""
    if name in WORDS:
        lines[:] = [WORDS[name], ""]
    at = 0
    while at + 1 < len(lines):
        head, at = lines[at], at + 1
        if (
            head
            and not head.startswith(" ")
            and not lines[at]
            and lines[at + 1 : at + 2][0:1]
            and lines[at + 1][:4] == "    "
        ):
            lines[at:at] = ["", "::"]
            at += 2


def examples(app, name, source):
    """A link to an example's source, as a code host wants it, leads to its page here."""
    source[0] = re.sub(r"\]\((?:\.\./)+examples/gallery/(\w+)\.py\)", r"](/gallery/\1.rst)", source[0])
    source[0] = re.sub(r"\]\((?:\.\./)+examples/gallery\)", "](/gallery/index.rst)", source[0])


class Tcd(RegexLexer):
    """The language of `hessbench.tcd`: comments, functions, numbers, names."""

    name, aliases = "tcd", ("tcd",)
    tokens = {  # noqa: RUF012
        "root": [
            (r"#.*?$", Comment),
            (r"&\w+|\b(ODE|OBP)\b", Name.Builtin),
            (r"\d+(\.\d*)?(e[+-]?\d+)?", Number),
            (r"[A-Za-z]\w*", Name),
            (r"[-+*/@^=>]", Operator),
            (r"\s+|.", Text),
        ]
    }


def setup(app):
    app.add_role("public", public)
    app.add_lexer("tcd", Tcd)
    app.connect("source-read", examples)
    app.connect("autodoc-process-docstring", formulas, priority=400)  # before numpydoc

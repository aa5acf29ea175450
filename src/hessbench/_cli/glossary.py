"""`hessbench compare --explain`: what the words of the table mean."""

from __future__ import annotations

from .._hybrid.asis import NAME as AS_IS
from .._measuring.statuses import TABLE
from .._plugins.plugin import Plugin
from .._plugins.registry import strategies
from .output import console, say_within
from .table import LEGEND

COLUMNS = {
    "error": "largest error of the Hessian against the reference, relative to its largest entry",
    "time": "median of repeated calls at the problem's own point, nothing but the computation",
    "first call": "preparation (tracing, compiling) and the first call; importing the framework is not in it, what a strategy "
    "imports besides is",
    "memory": "what one call needs on top of what the process holds",
    "rhs": "evaluations of the right-hand side in one Hessian",
    "*": LEGEND.partition(";")[0].removeprefix("* "),
}
AS_IS_MEANS = (
    "as the framework differentiates switches of the right-hand side; other than the plain one only where there are"
)


def explain() -> None:
    """Print the statuses, the columns and the strategies with their variants."""
    _section("statuses", {row.name: row.meaning for row in TABLE})
    _section("columns", COLUMNS)
    _section("strategies (NAME@BACKEND; -s NAME takes part, on all its backends)", strategy_words())


def _section(title: str, words: dict[str, str]) -> None:
    print(title)
    for name, meaning in words.items():
        say_within(f"  {name}: {meaning}", console())
    print()


def strategy_words() -> dict[str, str]:
    """Each strategy in its first sentence, each variant by the options in which it differs."""
    words: dict[str, str] = {}
    for name, plugin in strategies().items():
        base, _, variant = name.partition("/")
        if plugin.error is not None:
            words[name] = f"cannot be used: {plugin.error}"
        elif variant and base in words:
            words[f"  {name}"] = variant_words(plugin, variant)
        else:
            words[name] = f"{plugin.summary} ({', '.join(plugin.backends)})"
    return words


def variant_words(plugin: Plugin, variant: str) -> str:
    """The options of a variant; its strategy's sentence for one that is not of this package."""
    if variant == AS_IS:
        return AS_IS_MEANS
    options = type(plugin.made).variants.get(variant, {}) if plugin.trusted else {}
    return ", ".join(f"{key} = {value}" for key, value in options.items()) or plugin.summary

"""What unknown plugins say of themselves, learnt in a process that they may end, crash or block, and kept by their content.

A file that was described is loaded where it is needed, which is where it is measured.

    python -m hessbench._plugins.describe DESCRIPTOR       (started by `describe`)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import signal
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from .. import backends
from .._processes.contain import Ended, contained
from .._storage.cache import keep, private_folder, user_folder, whole
from .plugin import About, Plugin, Source, digest, in_words, plugins_in

IMPORT_LIMIT = 30.0  # seconds; `HESSBENCH_IMPORT_LIMIT` names others
MEMORY_MIB = 8192
DESCRIBING = "HESSBENCH_DESCRIBING"
_found: dict[str, list[dict[str, Any]]] = {}  # by key; what this process knows


def describe(sources: Sequence[Source]) -> list[Plugin]:
    """Plugins of `sources`, each with its error or with what it says of itself; none of them is loaded.

    New ones are loaded in a process of their own, which is started again behind each that ends it.
    """
    keys = {source: key(source) for source in sources}
    todo = [source for source in sources if not _look_up(keys[source])]
    if os.environ.get(DESCRIBING):  # a plugin that lists plugins while it is described
        sources, todo = [source for source in sources if source not in todo], []
    alone = False
    while todo:
        batch = todo[:1] if alone else todo
        ended = _run(batch)
        for number, plugins in _told(ended, len(batch)).items():
            _remember(keys[batch[number]], plugins, kept=all(plugin["error"] is None for plugin in plugins))
        todo = [source for source in todo if keys[source] not in _found]
        if todo and todo[0] is batch[0] and alone:
            plugin = Plugin(todo[0].name, todo[0].origin, error=_fault(ended), kind=todo[0].kind)
            _remember(keys[todo.pop(0)], [_to_json(plugin)], kept=True)
        alone = bool(todo) and not alone  # the first that was not described may only have had too little time
    return [_plugin(source, data) for source in sources for data in _found[keys[source]]]


def known() -> dict[str, list[dict[str, Any]]]:
    """All descriptions of this process, for a child of it."""
    return dict(_found)


def seed(descriptions: dict[str, list[dict[str, Any]]]) -> None:
    """Take over the descriptions of another process."""
    _found.update(descriptions)


@cache
def _surroundings() -> str:
    """What a description depends on beside the file: Python, what is installed, backends, and how plugins are read."""
    installed = Path(sysconfig.get_path("purelib"))
    stamp = installed.stat().st_mtime_ns if installed.is_dir() else 0
    reading = [Path(__file__), Path(__file__).with_name("plugin.py")]
    parts = [platform.python_version(), str(installed), str(stamp), *backends.known()]
    parts += [p.read_text(encoding="utf-8") for p in reading]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def key(source: Source) -> str:
    """A hash of all that the description of `source` depends on."""
    parts = (_surroundings(), source.kind, source.name, source.value, digest(source))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def folder() -> Path:
    """Where descriptions are kept."""
    return private_folder(user_folder() / "plugins")


def _look_up(name: str) -> bool:
    if name not in _found:
        data = whole(folder() / f"{name}.json")
        if data is None:
            return False
        _found[name] = json.loads(data)
    return True


def _remember(name: str, plugins: list[dict[str, Any]], *, kept: bool) -> None:
    """`kept`: also for later processes; not what may have another reason than the file, such as a missing package."""
    _found[name] = plugins
    if kept:
        with contextlib.suppress(OSError):  # a full disk: it is described again next time
            keep(folder() / f"{name}.json", json.dumps(plugins).encode())


def import_limit() -> float:
    """Seconds that loading a plugin may take."""
    try:
        return max(0.1, float(os.environ.get("HESSBENCH_IMPORT_LIMIT", "")))
    except ValueError:
        return IMPORT_LIMIT


def _run(batch: Sequence[Source]) -> Ended:
    request = {"sources": [asdict(source) for source in batch], "known": known()}
    environment = {**os.environ, DESCRIBING: "1"}
    return contained([sys.executable, "-m", "hessbench._plugins.describe"], request, import_limit(), environment)


def _told(ended: Ended, number: int) -> dict[int, list[dict[str, Any]]]:
    """Plugins by the number of their source in the batch, from the lines of the process."""
    out: dict[int, list[dict[str, Any]]] = {}
    for line in ended.lines:
        try:
            data = json.loads(line)
            plugins = data["plugins"]
            [_plugin(Source("", "", ""), plugin) for plugin in plugins]
            if data["number"] in range(number):
                out[data["number"]] = plugins
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # not ours
    return out


def _fault(ended: Ended) -> str:
    """How loading a plugin ended the process, in words."""
    if ended.why == "limit":
        return f"loading it did not end within {import_limit():g} s (`HESSBENCH_IMPORT_LIMIT` sets another limit)"
    if ended.status < 0 and ended.why == "exit":
        return f"loading it ended the process by {signal.Signals(-ended.status).name}"
    if ended.why == "exit":
        return f"loading it ended the process with exit status {ended.status}"
    return "loading it ended the process that watches over it"


def _to_json(plugin: Plugin) -> dict[str, Any]:
    return {"name": plugin.name, "kind": plugin.kind, "error": plugin.error, "about": asdict(plugin.about)}


def _plugin(source: Source, data: dict[str, Any]) -> Plugin:
    said = data["about"]
    about = About(said["summary"], *(tuple(said[name]) for name in ("backends", "packages", "arguments")))
    return Plugin(data["name"], source.origin, None, data["error"], about, data["kind"], source)


def main() -> None:
    """Describe the sources of the request, one line each."""
    from .._processes.within import limit_memory, report_line

    out, request = int(sys.argv[1]), json.loads(Path(os.environ["TMPDIR"], "request").read_bytes())
    seed(request["known"])
    limit_memory(MEMORY_MIB)
    for number, data in enumerate(request["sources"]):
        source = Source(**data)
        try:
            plugins = plugins_in(source)
        except BaseException as error:
            plugins = [Plugin(source.name, source.origin, error=in_words(error), kind=source.kind)]
        told = [_to_json(replace(plugin, made=None)) for plugin in plugins]
        report_line(out, {"stage": "described", "number": number, "plugins": told})
    report_line(out, {"stage": "done"})


if __name__ == "__main__":
    main()

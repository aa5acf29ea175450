"""What a function can reach, as bytes: its code, defaults, closure, the globals it names, and whatever these hold in turn.

`digest` is the same in every process that holds the same content: for keys of files. `reached` is for keys within one
process: it remembers the places that were read, and as long as each still holds the same object, and each array the same
numbers, nothing is walked again.

- code: byte code, names and constants, not the file or the line; so also for functions without source
- globals, and attributes of the project's own modules, by the names that occur in the code that was reached
- arrays by their numbers; instances by class and state; what pickles in its own way by what it would pickle
- functions, classes and modules of installed packages and of Python itself by name and version

Not seen: names that are put together at run time, files, the environment, the state inside C code. What cannot be read (a
lock, an open file, a C object that cannot be pickled, more than `MOST` objects) makes the answer `None`.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from .apart import (
    DESCRIPTORS,
    PLAIN,
    SKIPPED,
    SMALL,
    Memo,
    Unreadable,
    built_in,
    cell_of,
    content,
    imports_in,
    is_plain,
    names_in,
    numbers,
)
from .modules import file_of, of_library, release_of, top_of
from .places import ABSENT, Places

MOST = 20_000  # objects; past that, walking takes longer than preparing anew
REMEMBERED = 64  # walks that `reached` keeps


def digest(functions: Iterable[Any]) -> bytes | None:
    """32 bytes that change with what `functions` (or any other objects) reach; `None` if part of that cannot be read.

    Independent of addresses, of the order in which a module defines its names, and of the process.
    """
    try:
        return _Walk().of(tuple(functions))
    except Unreadable:
        return None


def reached(functions: Iterable[Any]) -> tuple[bytes, ...] | None:
    """`(digest(functions),)`, or `None`. Fast when called again with the same objects."""
    functions = tuple(functions)
    at = tuple(map(id, functions))
    known = _walks.get(at)
    if known is not None and known.places.hold():
        return known.key
    try:
        known = _Walk()
        known.key = (known.of(functions),)
    except Unreadable:
        _walks.pop(at, None)
        return None
    if len(_walks) >= REMEMBERED:
        _walks.clear()
    _walks[at] = known
    return known.key


class _Walk:
    """One walk: the bytes of everything that was met, in order, and the places where it was found.

    Within an `opaque` object, or if not `guarded`, places are not kept.
    """

    def __init__(self, guarded: bool = True) -> None:
        self.hash = hashlib.blake2b(digest_size=32)
        self.met: dict[int, int] = {}  # id -> how many came before
        self.kept: list[Any] = []  # so that no id is used twice
        self.around: set[int] = set()  # immutable containers that the present object is in
        self.own: set[str | None] = set()  # packages of the functions
        self.names: set[str] = set()
        self.modules: list[types.ModuleType] = []
        self.places = Places()
        self.inside = 0 if guarded else 1
        self.key: tuple[bytes, ...] = ()

    def of(self, objects: tuple[Any, ...]) -> bytes:
        """The digest of `objects`. Raises `Unreadable`."""
        self.kept.append(objects)
        self.own = {top_of(each) for each in objects} - {None}
        try:
            for each in objects:
                self.walk(each)
            self.attributes()
        except RecursionError:
            raise Unreadable from None
        return self.hash.digest()

    def say(self, *words: Any) -> None:
        self.hash.update("".join(f"{len(str(w))}:{w}" for w in words).encode("utf-8", "surrogatepass"))

    def place(self, where: Mapping[Any, Any], name: Any, value: Any) -> None:
        if not self.inside:
            self.places.names.append((where, name, value))
        if value is not ABSENT:
            self.walk(value)

    def check(self, read: Callable[[Any], Any], what: Any) -> None:
        if not self.inside:
            self.places.others.append((read, what, read(what)))

    def walk(self, obj: Any) -> None:
        kind = type(obj)
        if kind in PLAIN:
            return self.say(kind.__name__, repr(obj))
        if kind in (tuple, frozenset, types.CodeType):  # equal ones may be one object or several
            if id(obj) in self.around:
                return self.say("around", kind.__name__)
            self.around.add(id(obj))
            self.code(obj) if kind is types.CodeType else self.sequence(obj)
            return self.around.discard(id(obj))
        if id(obj) in self.met:
            return self.say("again", self.met[id(obj)])
        if len(self.met) > MOST:
            raise Unreadable
        self.met[id(obj)] = len(self.met)
        self.kept.append(obj)
        if kind is np.ndarray or isinstance(obj, np.generic):
            self.array(obj)
        elif kind is list:
            if not self.inside:
                self.places.lists.append((obj, tuple(obj)))
            self.sequence(obj)
        elif kind in (dict, types.MappingProxyType):
            self.size(obj)
            self.say("dict", len(obj))
            for key, value in obj.items():
                self.walk(key)
                self.place(obj, key, value)
        elif kind is set:
            self.check(_piece, obj)
            self.sequence(frozenset(obj))
        elif kind is types.FunctionType:
            self.function(obj)
        elif kind is types.CellType:
            self.cell(obj)
        elif kind is types.ModuleType or isinstance(obj, types.ModuleType):
            self.say("module", obj.__name__, release_of(obj.__name__))
            if not self.foreign(obj.__name__, getattr(obj, "__file__", None)):
                self.modules.append(obj)
        elif isinstance(obj, type):
            self.klass(obj)
        else:
            self.say("instance")
            self.walk(kind)
            self.instance(obj, kind)

    def foreign(self, module: str, file: str | None) -> bool:
        """Whether a module is to be known by name and version alone."""
        return module.partition(".")[0] not in self.own and of_library(module, file)

    def function(self, f: types.FunctionType) -> None:
        module, where = str(f.__globals__.get("__name__")), f.__globals__
        if not self.inside:
            self.places.functions.append((f, f.__code__, f.__defaults__, f.__kwdefaults__))
        if self.foreign(module, where.get("__file__")) and not f.__code__.co_filename.startswith("<"):
            self.say("function", module, f.__qualname__, release_of(module))
        else:
            self.say("function")
            self.walk(f.__code__)
            for name in names_in(f.__code__):
                self.say("name", name)
                self.place(where, name, where.get(name, ABSENT))
            for module in imports_in(f.__code__, where.get("__package__")):
                self.walk(module)
        for part in (f.__defaults__, f.__kwdefaults__, *(f.__closure__ or ())):
            self.walk(part)
        self.state(f.__dict__)

    def code(self, code: types.CodeType) -> None:
        self.names.update(code.co_names)
        self.names.update(
            c for c in code.co_consts if isinstance(c, str) and c.isidentifier()
        )  # getattr(module, "name")
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self.say("code", *counts, code.co_code.hex(), code.co_exceptiontable.hex())
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self.say(len(names), *names)
        self.walk(code.co_consts)

    def klass(self, cls: type) -> None:
        self.say("class", cls.__module__, cls.__qualname__, release_of(cls.__module__))
        if self.foreign(cls.__module__, file_of(cls.__module__)) or cls.__module__ == "builtins":
            return
        self.sequence(cls.__bases__)
        self.state(vars(cls))

    def state(self, attributes: Mapping[str, Any]) -> None:
        self.size(attributes)
        for name in sorted(attributes):
            if not name.startswith(SKIPPED):
                self.say("attribute", name)
                self.place(attributes, name, attributes[name])

    def size(self, where: Mapping[Any, Any]) -> None:
        if not self.inside:
            self.places.sizes.append((where, len(where)))

    def cell(self, cell: types.CellType) -> None:
        if not cell_of(cell):
            self.check(cell_of, cell)
        elif not self.inside:
            self.places.cells.append((cell, cell.cell_contents))
        self.sequence(cell_of(cell))

    def array(self, a: Any) -> None:
        if a.dtype.hasobject:
            self.say("objects", a.shape)
            if not self.inside:
                self.places.elements.append((a, tuple(a.ravel().tolist())))
            return self.sequence(tuple(a.ravel().tolist()))
        if self.inside or isinstance(a, np.generic):
            pass
        elif a.nbytes <= SMALL:
            self.places.arrays.append((a, a.dtype, a.shape, a.tobytes()))
        else:
            self.check(numbers, a)
        self.say("array", *numbers(a))

    def instance(self, obj: Any, kind: type) -> None:
        parts: tuple[Any, ...] | None = None
        if kind is Memo:
            return
        if isinstance(obj, types.MethodType):
            parts = (obj.__func__, obj.__self__)
        elif isinstance(obj, staticmethod | classmethod):
            parts = (obj.__func__,)
        elif isinstance(obj, property):
            parts = (obj.fget, obj.fset)
        elif isinstance(obj, cached_property):
            parts = (obj.func,)
        elif kind is partial:
            parts = (obj.func, obj.args, obj.keywords)
        elif isinstance(obj, tuple) and not hasattr(obj, "__dict__"):
            parts = tuple(obj)
        elif isinstance(obj, DESCRIPTORS):
            parts = (obj.__name__,)
        elif isinstance(obj, types.BuiltinFunctionType | np.ufunc):
            parts = built_in(obj)
        elif callable(obj) and (inner := getattr(obj, "__wrapped__", None)) is not None:
            parts = (inner,)  # cached, jitted
        elif is_plain(obj, kind):
            return self.state(vars(obj))
        if parts is not None:
            return self.sequence(parts)
        self.check(_piece, obj)
        self.inside += 1
        self.walk(content(obj))
        self.inside -= 1

    def sequence(self, items: Any) -> None:
        self.say(type(items).__name__, len(items))
        if isinstance(items, frozenset):
            if not all(type(item) in PLAIN for item in items):
                self.check(_piece, items)
            self.say(*sorted(_Walk(guarded=False).of((item,)).hex() for item in items))
        else:
            for item in items:
                self.walk(item)

    def attributes(self) -> None:
        """Of the project's modules, those whose names occur in code that was reached, until nothing new comes."""
        done: set[tuple[str, str]] = set()
        while True:
            every = [(m, name) for m in self.modules for name in sorted(self.names) if name in vars(m)]
            new = [(m, name) for m, name in every if (m.__name__, name) not in done]
            if not new:
                return
            for module, name in new:
                done.add((module.__name__, name))
                self.say("of module", module.__name__, name)
                self.place(vars(module), name, vars(module)[name])


_walks: dict[tuple[int, ...], _Walk] = {}


def _piece(obj: Any) -> bytes:
    return _Walk(guarded=False).of((obj,))

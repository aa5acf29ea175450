"""Random and mutated program texts, and what must hold of each: a result, or a TCD error with a position, soon."""

from __future__ import annotations

import random
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from hessbench import tcd

SEEDS = [
    "ydot: ^(y[:]) => [:]\nf{} = ^(x[:], g{}) -> &es(g(u[:]=x) @ a; x @ a -> )\nf(g{}=^(u[:]) -> u * u, x[:]=y_start)",
    "^(y_start[:], a[]=y_start[0], b[:]=&exp(y_start) * a[+]) -> &es(b @ i; b @ i ->) + T(y0[:]=b, y1[:]=y_start)",
    "M[:, :] = y_start[:, +] * y_start[+, :]  # outer\n&es(M @ a, b; y_start @ b -> a)[0:2 dim - 2:1]",
    "^(y_start[:]) -> (^(x[:], k[]) -> k * x[0] * x[1])[d x[:], d x[:]](x[:]=y_start, k[]=2)[0, j]",
    "&concat(0, y_start, &zeros(dim), &onehot(j, dim))[dim:2*dim] + &stack(1, y_start, y_start)[:, 0]",
    "&pow(&log(2[+] + y_start * y_start), 3) / &reshape(&reshape(y_start, 1, dim), dim)",
    "p{} = ^(x[:], c[]) -> c[+] * x\nq{} = p(c[]=0.5)\n^(y_start[:]) -> &es(q(x[:]=y_start) @ i; y_start @ i ->)",
    "OBP(ydot{}=OBP(ydot{}=ydot))(y[:]=&concat(0, y_start, y_start, y_start, y_start))[3 * dim:]",
    "^(x[:], f{}=^(y[:]) -> ^(z[:]) -> y + z) -> f(y[:]=x)(z[:]=x)",
    "&eigvals(y_start[:, +] * y_start[+, :]) - &eigvecs(y_start[:, +] * y_start[+, :])[0]",
    "ODE(ydot{}=ydot, y[:]=y_start, t0[]=t_start, t1[]=t_end)",
    "λ(y_start[:], y_end[:]=ODE(ydot{}=ydot, y[:]=y_start, t0[]=0, t1[]=0.1)) -> T(y0[:]=y_start, y1[:]=y_end)",
]

WORDS = """
x y_start dim j d T T0 T01 ydot ODE OBP f{} x[:] M[:,:] t[] ^( -> => ( ) [ ] { } , ; : @ = + - * / # 0 1 2 3.5 1e400
99999999999999999999 &es( &concat( &stack( &reshape( &onehot( &zeros( &exp( &log( &pow( &eigvals( &foo( λ é
"""
TOKENS = [*WORDS.split(), "\n", "\t"]


def texts(count: int, seed: int) -> Iterator[str]:
    """Mutated programs, nine in ten, and token soup."""
    rng = random.Random(seed)
    for k in range(count):
        if k % 10 == 0:
            yield " ".join(rng.choice(TOKENS) for _ in range(rng.randint(1, 40)))
            continue
        text = rng.choice(SEEDS)
        for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
            text = _mutated(text, rng)
        yield text


def _mutated(text: str, rng: random.Random) -> str:
    a = rng.randint(0, len(text))
    b = min(len(text), a + rng.choice([1, 1, 2, 5, 20]))
    kind = rng.randrange(9)
    if kind >= 6:
        return _renamed(text, rng)
    if kind == 0:
        return text[:a] + text[b:]
    if kind == 1:
        return text[:a] + rng.choice(TOKENS) + text[a:]
    if kind == 2:
        return text[:a] + rng.choice(TOKENS) + text[b:]
    if kind == 3:
        other = rng.choice(SEEDS)
        c = rng.randint(0, len(other))
        return text[:a] + other[c : c + rng.randint(1, 30)] + text[b:]
    if kind == 4:
        return text[:a] + text[a:b] * rng.choice([2, 3, 50]) + text[b:]
    return text[:a] + chr(rng.choice([rng.randint(32, 126), rng.randint(0, 0x3000)])) + text[b:]


def _renamed(text: str, rng: random.Random) -> str:
    """One word replaced by a word of its kind: such programs often still parse, and sometimes still make sense."""
    word = rng.choice(list(re.finditer(r"[A-Za-z]\w*|\d+|[-+*/]|\[:\]", text)) or [None])
    if word is None:
        return text
    kinds = (
        ["y_start", "x", "y", "dim", "j", "a", "b", "T", "ydot"],
        ["0", "1", "2", "3", "0.5"],
        ["+", "-", "*", "/"],
    )
    pool = kinds[0] if word.group()[0].isalpha() else kinds[1] if word.group().isdigit() else kinds[2]
    pool = ["[]", "[:, :]", "[0]", "[+]", "[:1]", ""] if word.group() == "[:]" else pool
    return text[: word.start()] + rng.choice(pool) + text[word.end() :]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeoutError` inside the block when it takes longer."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def environment() -> dict:
    """Two states, a linear field, a quadratic loss."""
    a = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return {
        "ydot": tcd.python_function(lambda y: a @ y, "y[:]"),
        "T": tcd.python_function(lambda y0, y1: ((y1 - y0) ** 2).sum(), "y0[:]", "y1[:]"),
        "T0": tcd.python_function(lambda y0, y1: 2 * (y0 - y1), "y0[:]", "y1[:]"),
        "T01": tcd.python_function(lambda y0, y1: -2 * np.eye(2), "y0[:]", "y1[:]"),
        "y_start": np.array([0.3, -0.8]),
        "t_start": 0.0,
        "t_end": 0.2,
        "dim": 2,
        "j": 1,
    }


LIMITS = tcd.Options(rtol=1e-3, atol=1e-3, max_steps=50, max_size=20_000, max_evaluations=3_000)


def outcome(text: str, values: dict, *, solve: bool) -> str:
    """What became of one text; raises whatever is no TCD error. Programs with an `ODE` run only if `solve`."""
    found = tcd.check(text)
    for diagnostic in found:
        assert diagnostic.pos.line >= 1 and diagnostic.pos.column >= 1
        assert diagnostic.render()
    if any(d.severity == "error" for d in found):
        return "error"
    tree = tcd.parse(text)
    assert tcd.parse(tcd.show(tree)) == tree
    try:
        tcd.show(tcd.derive(tree, "y_start", order="hessian"))
        kind = "derived"
    except tcd.TcdError as error:
        assert error.pos.line >= 1
        kind = "refused"
    if "ODE" in text and not solve:
        return kind
    try:
        tcd.run(tree, settings=values, options=LIMITS)
        return f"{kind}, ran"
    except tcd.TcdError as error:
        assert error.pos.line >= 1
        return f"{kind}, did not run"


def fuzz(count: int, seed: int, seconds: float = 20.0) -> Counter[str]:
    """Outcomes of many texts; every hundredth program with an `ODE` is run."""
    values = environment()
    outcomes: Counter[str] = Counter()
    for k, text in enumerate(texts(count, seed)):
        try:
            with time_limit(seconds):
                outcomes[outcome(text, values, solve=k % 100 == 1)] += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} on {text!r}") from error
    return outcomes

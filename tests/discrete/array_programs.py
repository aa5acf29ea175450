"""Random programs over arrays: texts over `xp`, `y` (12,), `t` and the parameters `p`, whatever is drawn, of small shapes."""

import numpy as np

from hessbench.discrete.arrays._table import Linear

N = 12
PARAMS = {
    "m": np.linspace(-1.0, 1.0, 12).reshape(4, 3), "v": np.array([0.5, -0.25, 0.0, 1.5]), "k": np.array(0.7),
    "w": np.linspace(0.2, 0.9, 16).reshape(4, 4), "at": np.array([2, 0, 3, 0]), "mask": np.array([True, False, True, True]),
}  # fmt: skip
LEAVES = [
    ("y.reshape(4, 3)", (4, 3)), ("y[:4]", (4,)), ("y[4:8]", (4,)), ("y[::3]", (4,)), ("y[8]", ()), ("p['m']", (4, 3)),
    ("p['v']", (4,)), ("p['k']", ()), ("t", ()), ("y[p['at']]", (4,)), ("xp.roll(y, 2)[:4]", (4,)), ("1.5", ()),
]  # fmt: skip
ONE = [
    "xp.sin({})", "xp.tanh({})", "xp.exp(0.1 * {})", "xp.sqrt(1.0 + ({}) ** 2)", "({}) ** 3", "-({})", "xp.arctan({})",
    "(2.0 + ({}) ** 2) ** -1.5", "xp.clip({}, -0.4, 0.6)", "xp.abs({})", "({}) / 3.0", "xp.log1p(({}) ** 2)", "({}) * 1.0",
]  # fmt: skip
TWO = [
    "({} + {})", "({} - {})", "({} * {})", "({} / (1.0 + ({}) ** 2))", "xp.maximum({}, {})", "xp.minimum({}, {})",
    "xp.arctan2({}, 2.0 + {})", "xp.where({} > 0.1, {}, 0.3)",
]  # fmt: skip
MOVES = {  # by the number of axes
    1: [
        ("({})[::-1]", lambda s: s), ("xp.sum({})", lambda s: ()), ("xp.mean({}, keepdims=True)", lambda s: (1,)),
        ("xp.roll({}, 1)", lambda s: s), ("xp.outer({0}, {0})", lambda s: (*s, *s)),
        ("xp.stack([{0}, 2.0 * {0}])", lambda s: (2, *s)),
        ("xp.concatenate([{0}, {0}])[: {0}.shape[0]]", lambda s: s), ("({})[:, None]", lambda s: (*s, 1)),
        ("xp.repeat({}, 2)[::2]", lambda s: s), ("xp.prod({})", lambda s: ()), ("xp.max({})", lambda s: ()),
        ("xp.cumsum({})", lambda s: s), ("xp.linalg.norm(1.5 + {})", lambda s: ()),
    ],
    2: [
        ("({}).T", lambda s: s[::-1]), ("xp.sum({}, axis=0)", lambda s: s[1:]), ("xp.sum({}, axis=1)", lambda s: s[:1]),
        ("xp.reshape({}, (-1,))", lambda s: (s[0] * s[1],)), ("({})[0]", lambda s: s[1:]), ("xp.flip({}, 1)", lambda s: s),
        ("xp.einsum('ij,ij->i', {0}, {0})", lambda s: s[:1]), ("xp.einsum('ij,kj->ik', {0}, {0})", lambda s: (s[0], s[0])),
        ("xp.mean({}, axis=1, keepdims=True)", lambda s: (s[0], 1)), ("xp.broadcast_to({}[:, :1], {}.shape)", lambda s: s),
    ],
}  # fmt: skip


def drawn(below, depth):
    """A text and the shape of its value; `below(n)` draws a number from 0 to n - 1."""
    if depth == 0:
        return LEAVES[below(len(LEAVES))]
    kind, (a, shape) = below(4), drawn(below, depth - 1)
    if kind == 0:
        return ONE[below(len(ONE))].format(a), shape
    if kind == 1 and len(shape) in MOVES:
        text, to = MOVES[len(shape)][below(len(MOVES[len(shape)]))]
        return text.format(a, a), to(shape)
    if kind == 2 and shape == (4,):
        return [f"(p['w'] @ ({a}))", f"xp.where(p['mask'], {a}, 0.0)", f"({a})[p['at']]"][below(3)], shape
    b, other = drawn(below, below(depth))
    try:
        joined = np.broadcast_shapes(shape, other)
    except ValueError:
        return f"xp.sin({a})", shape
    return TWO[below(len(TWO))].format(a, b), joined


def program(texts):
    """A function `(xp, t, y)` of all, one behind the other."""

    def function(xp, t, y):
        scope = {"xp": xp, "t": t, "y": y, "p": PARAMS}
        return xp.concatenate([xp.reshape(1.0 * y[0] * 0.0 + eval(text, scope), (-1,)) for text in texts])

    return function


def values(table, ids, t, y):
    """What a table says the numbers `ids` are, by NumPy."""
    out = np.zeros(table.count)
    out[: table.n], out[table.n] = y, t

    def of(ids):
        fixed = table.values(np.where(ids < 0, ids, -1)) if (ids < 0).any() else 0.0
        return np.where(ids < 0, fixed, out[np.maximum(ids, 0)])

    for block in table.blocks:
        given = of(block.arguments)
        if isinstance(block, Linear):
            found = (given * block.coefficients).sum(axis=1)
        elif block.name == "where":
            found = np.where(given[:, 0] != 0, given[:, 1], given[:, 2])
        else:
            found = getattr(np, block.name)(*given.T)
        out[block.start : block.start + len(given)] = found
    return of(ids)

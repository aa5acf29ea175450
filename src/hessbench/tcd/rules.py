"""Reverse-mode rules: how the sensitivity of an expression becomes sensitivities of the names in it.

`Rules.pull(expr, s)` adds to each name the product of `s`, which has the shape of `expr`, with the derivative of
`expr` by that name. Shapes come from the checker; a rule that needs a length that nobody stated refuses. Reference for
the rules: Giles, "Collected matrix derivative results" (2008), sections 2 and 3, for the eigenvalue problems.
"""

from __future__ import annotations

from hessbench.tcd.build import ONE_EXPR, add, es, index, letters, mul, neg, ones, times
from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import TcdDeriveError
from hessbench.tcd.rules_index import scatter, slice_axis
from hessbench.tcd.rules_lengths import Lengths
from hessbench.tcd.scope import Scope
from hessbench.tcd.sizes import ONE, Size, size_expr
from hessbench.tcd.syntax import (
    At,
    Call,
    Einsum,
    Expr,
    Factor,
    Index,
    Name,
    NewAxis,
    Number,
    Product,
    Range,
    Special,
    Sum,
    free_names,
)


class Rules(Lengths):
    """Pulls sensitivities back through expressions.

    `active` are the names whose sensitivities are wanted, `give(name, s)` receives them; `delta(n)` is the name of an
    identity matrix; `pull_call` does the calls.
    """

    def __init__(self, checker: Checker, scope: Scope, active: set[str]) -> None:
        super().__init__(checker, scope)
        self.active = active

    def give(self, name: str, sensitivity: Expr) -> None:
        """Receives a contribution to a name's sensitivity."""
        raise NotImplementedError

    def pull_call(self, node: Call, s: Expr) -> None:
        """The rule of a call."""
        raise NotImplementedError

    def depends(self, expr: Expr) -> bool:
        """Whether an expression uses a name whose sensitivity is wanted."""
        return not self.active.isdisjoint(free_names(expr))

    def pull(self, expr: Expr, s: Expr) -> None:
        """Adds what `s`, the sensitivity of `expr`, contributes to the names in it."""
        if not self.depends(expr):
            return
        match expr:
            case Name():
                self.give(expr.id, s)
            case Number():
                return
            case Sum():
                shape = self.type_of(expr).shape
                for term in expr.terms:
                    if self.depends(term.expr):
                        signed = neg(s) if term.sign == "-" else s
                        self.pull(term.expr, self.narrow(signed, shape, term.expr))
            case Product():
                self._pull_product(expr, s)
            case Index():
                self._pull_index(expr, s)
            case Call():
                self.pull_call(expr, s)
            case Special():
                getattr(self, f"_pull_{expr.op}")(expr, s)
            case Einsum():
                self._pull_einsum(expr, s)
            case _:
                raise TcdDeriveError("cannot derive through a function here", expr.pos)

    def narrow(self, s: Expr, shape: tuple[Size | None, ...], target: Expr) -> Expr:
        """`s`, of the broadcast `shape`, summed to the shape of `target`, an operand that was broadcast."""
        own = self.type_of(target).shape
        if own == shape and None not in own:
            return s
        summed = []
        for k, (m, n) in enumerate(zip(own, shape, strict=True)):
            if m != n and m == ONE:
                summed.append(k)
            elif m != n or m is None:
                raise TcdDeriveError(
                    f"cannot tell whether axis {k} is broadcast: its lengths are {m or '?'} and {n or '?'}",
                    target.pos,
                    suggestion="state the slots' lengths: `--size x=dim`, or `sizes={'x': 'dim'}`",
                )
        if not summed:
            return s
        names = letters(len(shape))
        kept = tuple(n for k, n in enumerate(names) if k not in summed)
        return index(es([(s, names)], kept), [NewAxis() if k in summed else Range() for k in range(len(shape))])

    def _pull_product(self, node: Product, s: Expr) -> None:
        shape = self.type_of(node).shape
        for k, factor in enumerate(node.factors):
            if not self.depends(factor.expr):
                continue
            others = [f for m, f in enumerate(node.factors) if m != k]
            again = [*node.factors, Factor("/", factor.expr)]
            local = neg(mul(s, again)) if factor.op == "/" else mul(s, others)
            self.pull(factor.expr, self.narrow(local, shape, factor.expr))

    def _pull_index(self, node: Index, s: Expr) -> None:
        if not all(isinstance(i, At | Range | NewAxis) for i in node.items):
            raise TcdDeriveError("cannot derive through this index", node.pos)
        self.pull(node.base, scatter(self, node, s) if node.items else s)

    def _pull_concat(self, node: Special, s: Expr) -> None:
        axis = int(node.args[0].value) if isinstance(node.args[0], Number) else 0
        total = self.shape(node)
        offset = Size()
        for part in node.args[1:]:
            length = self.shape(part)[axis]
            if self.depends(part):
                self.pull(part, slice_axis(self, s, axis, offset, offset + length, total))
            offset = offset + length

    def _pull_stack(self, node: Special, s: Expr) -> None:
        axis = int(node.args[0].value) if isinstance(node.args[0], Number) else 0
        rank = len(self.type_of(node).shape)
        for k, part in enumerate(node.args[1:]):
            items = [At(Number(str(k))) if m == axis else Range() for m in range(rank)]
            self.pull(part, index(s, items))

    def _pull_reshape(self, node: Special, s: Expr) -> None:
        shape = self.type_of(node.args[0]).shape
        if not shape:
            self.pull(node.args[0], Index(s, tuple(At(Number("0")) for _ in node.args[1:])))
            return
        lengths = tuple(size_expr(n) for n in self.shape(node.args[0]))
        self.pull(node.args[0], Special("reshape", (s, *lengths)))

    def _pull_exp(self, node: Special, s: Expr) -> None:
        self.pull(node.args[0], times(s, node))

    def _pull_log(self, node: Special, s: Expr) -> None:
        self.pull(node.args[0], mul(s, [Factor("/", node.args[0])]))

    def _pull_pow(self, node: Special, s: Expr) -> None:
        base, exponent = node.args
        shape = self.type_of(node).shape
        names = letters(len(shape))
        scalar = not self.type_of(exponent).shape
        mine = () if scalar else names
        if self.depends(base):
            lowered = self._lowered_power(base, exponent)
            self.pull(base, self.narrow(es([(s, names), (exponent, mine), (lowered, names)], names), shape, base))
        if self.depends(exponent):
            logarithm = Special("log", (base,))
            if scalar:
                self.pull(exponent, es([(s, names), (node, names), (logarithm, names)], ()))
            else:
                self.pull(exponent, self.narrow(times(times(s, node), logarithm), shape, exponent))

    def _lowered_power(self, base: Expr, exponent: Expr) -> Expr:
        """`base` to the exponent less one."""
        if isinstance(exponent, Number) and isinstance(exponent.value, int) and exponent.value >= 1:
            if exponent.value == 2:
                return base
            return Special("pow", (base, Number(str(exponent.value - 1))))
        one = index(ONE_EXPR, [NewAxis()] * len(self.type_of(exponent).shape))
        return Special("pow", (base, add([exponent, neg(one)])))

    def _pull_eigvals(self, node: Special, s: Expr) -> None:
        vectors = Special("eigvecs", node.args)
        self.pull(node.args[0], es([(vectors, ("i", "k")), (s, ("k",)), (vectors, ("j", "k"))], ("i", "j")))

    def _pull_eigvecs(self, node: Special, s: Expr) -> None:
        matrix = node.args[0]
        identity = self.delta(self.shape(matrix)[0])
        values = Special("eigvals", node.args)
        # 1 / (lambda_l - lambda_k) off the diagonal, 0 on it; the identities keep the quotient finite there.
        gaps = add([index(values, [NewAxis(), Range()]), neg(index(values, [Range(), NewAxis()])), identity])
        one = Index(ONE_EXPR, (NewAxis(), NewAxis()))
        weights = mul(add([one, neg(identity)]), [Factor("/", gaps)])
        half = Number("0.5")
        inner = [(node, ("a", "k")), (weights, ("k", "l")), (node, ("c", "k")), (s, ("c", "l")), (node, ("b", "l"))]
        for result in (("a", "b"), ("b", "a")):
            self.pull(matrix, es([(half, ()), *inner], result))

    def _pull_einsum(self, node: Einsum, s: Expr) -> None:
        for k, factor in enumerate(node.factors):
            if not self.depends(factor.expr):
                continue
            others = [(f.expr, f.indices) for m, f in enumerate(node.factors) if m != k]
            present = {n for _, names in others for n in names} | set(node.result)
            taken = [n for f in node.factors for n in f.indices]
            wanted: list[str] = []
            extra: list[tuple[Expr, tuple[str, ...]]] = []
            for axis, name in enumerate(factor.indices):
                if name in wanted:
                    # A diagonal: the repeated index gets a name of its own and an identity that ties the two.
                    (own,) = letters(1, [*taken, *wanted])
                    extra.append((self.delta(self.shape(factor.expr)[axis]), (name, own)))
                    wanted.append(own)
                    continue
                if name not in present:
                    extra.append((ones(self.shape(factor.expr)[axis]), (name,)))
                wanted.append(name)
            self.pull(factor.expr, es([(s, node.result), *others, *extra], tuple(wanted)))

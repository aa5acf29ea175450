"""Signatures: what they declare, and whether they agree with what they describe."""

from __future__ import annotations

from hessbench.tcd.scope import Inference, Scope
from hessbench.tcd.syntax import FUNCTION_RANK, Signature, Slot
from hessbench.tcd.types import UNKNOWN, FunctionType, TensorType, Type, Unknown, tensor_of_slot


def check_signature(check: Inference, node: Signature, scope: Scope) -> None:
    """Checks a signature against what has its name; declares the name if nothing has it."""
    check.duplicates(node.args)
    if node.slot is None:
        return
    stated, name = signature_type(node), node.slot.name
    have = scope.types.get(name)
    if have is None:
        scope.types[name] = stated
        return
    if isinstance(have, Unknown):
        return
    if isinstance(have, TensorType) or {s.name for s in have.slots} != {s.name for s in stated.slots}:
        check.error("signature", f"`{name}` is {have}, its signature says {stated}", node.pos)
        return
    args = {s.name: tensor_of_slot(s) for s in stated.slots}
    result, wanted = have.apply(args, node.pos), node.result
    if isinstance(wanted, Slot):
        check.fits(Slot(name, wanted.rank, pos=wanted.pos), result, wanted.pos)


def signature_type(node: Signature) -> FunctionType:
    """The type that a signature states; lengths of what is returned are not known."""
    slots = tuple(a.slot for a in node.args)
    result = node.result
    if isinstance(result, Signature):
        inner = signature_type(result)
        return FunctionType(slots, lambda args, pos: inner)
    rank = result.rank or 0
    value: Type = UNKNOWN if rank == FUNCTION_RANK else TensorType((None,) * rank)
    return FunctionType(slots, lambda args, pos: value)

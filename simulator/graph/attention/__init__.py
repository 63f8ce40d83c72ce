"""Attention kinds: one class each, found by the ``kind`` that a model names.

A new kind is a new class in a new file of this folder: it derives from ``AttentionBlock``, has a
``kind`` of its own, and is found without being listed anywhere.
"""

from simulator.graph.block import AttentionBlock
from simulator.graph.registry import import_all, kinds, resolve
from simulator.specs.model import Part

import_all(__name__, __path__)

__all__ = ["attention_block", "attention_kinds"]


def attention_block(part: Part) -> AttentionBlock:
    """The block that computes the attention described by ``part``.

    Raises:
        InputError: nobody defined its kind, or a field does not fit.
    """
    return resolve(part, AttentionBlock)


def attention_kinds() -> tuple[str, ...]:
    """Every kind of attention that a model file may name."""
    return tuple(sorted(kinds(AttentionBlock)))

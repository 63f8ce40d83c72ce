"""Attention kinds: one class each, found by the ``kind`` that a model names.

A new kind is a new class in a new file of this folder: it derives from ``AttentionBlock``, has a
``kind`` of its own, and is found without being listed anywhere.
"""

from importlib import import_module
from pkgutil import iter_modules

from simulator.graph.block import AttentionBlock
from simulator.specs.model import Part

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["attention_block", "attention_kinds"]


def attention_block(part: Part) -> AttentionBlock:
    """The block that computes the attention described by ``part``.

    Raises:
        InputError: nobody defined its kind, or a field does not fit.
    """
    return AttentionBlock.of(part)


def attention_kinds() -> tuple[str, ...]:
    """Every kind of attention that a model file may name."""
    return tuple(sorted(AttentionBlock.kinds()))

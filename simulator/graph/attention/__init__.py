"""Attention kinds: one class each, found by the ``kind`` of their specification."""

from simulator.graph.attention.grouped_query import GroupedQueryBlock
from simulator.graph.attention.latent import LatentBlock
from simulator.graph.block import AttentionBlock
from simulator.specs.model import Attention, GroupedQueryAttention

__all__ = ["GroupedQueryBlock", "LatentBlock", "attention_block"]


def attention_block(spec: Attention) -> AttentionBlock:
    """The block that computes the attention described by ``spec``."""
    if isinstance(spec, GroupedQueryAttention):
        return GroupedQueryBlock(spec)
    return LatentBlock(spec)

"""A layer without a mixer: a feed-forward that stands alone."""

from typing import Literal

from simulator.specs.kinds.kind import AttentionKind


class NoAttention(AttentionKind):
    """Nothing: the layer treats each token alone (Nemotron-H's MLP layers)."""

    kind: Literal["no-attention"] = "no-attention"

"""The residual stream: plain, several streams (hyper-connections, AltUp), attention over depth."""

from typing import Literal

from simulator.specs.kinds.kind import ResidualKind, Size

PARTS = 2
"""Residual additions of a layer: after attention and after the feed-forward."""


class PlainResidual(ResidualKind):
    """x + f(x): the stream is read and written once around each part."""

    kind: Literal["plain"] = "plain"


class HyperConnections(ResidualKind):
    """Manifold-constrained hyper-connections (mHC, arXiv:2512.24880) over ``streams`` streams.

    ``fused`` merges mixing, adding and writing back into one pass (section 4.3 of the paper).
    """

    kind: Literal["hyper-connections"] = "hyper-connections"
    streams: Size = 4
    fused: bool = True

    @property
    def weights(self) -> int:
        """Mixing weights of one part: n² between streams, n in, n out."""
        return self.streams**2 + 2 * self.streams

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: a bias for each weight and three scales, for each part."""
        return PARTS * (self.weights + 3)


class AttentionResidual(ResidualKind):
    """Softmax attention over the depth (AttnRes, arXiv:2603.15031), in blocks of layers.

    A learned query for each part weighs the finished blocks' outputs and the running sum.
    """

    kind: Literal["attention-residual"] = "attention-residual"
    layers_per_block: Size
    blocks: Size

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: a query and a norm for each part."""
        return 2 * PARTS * hidden


class AltUp(ResidualKind):
    """Alternating updates (arXiv:2301.13310) with a learned augmented residual (Gemma 3n).

    The layer computes on one of ``streams``, predicts the others before and corrects them after;
    a product of ``laurel_rank`` runs beside its attention. The first layer ``widens`` the
    embedding to all streams, the last ``narrows`` them to one.
    """

    kind: Literal["altup"] = "altup"
    streams: Size = 4
    laurel_rank: Size = 64
    widens: bool = False
    narrows: bool = False

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: coefficients of prediction and correction, two norms and a scale."""
        return self.streams**3 + self.streams**2 + 3 * hidden

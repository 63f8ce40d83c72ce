"""Block diffusion: every pass goes over a block of tokens, and some of them settle.

Arriola et al., arXiv:2503.09573. A block of n tokens that settles in p passes gives n/p a step;
tokens before the block are cached, those of the block are computed anew in each pass.
"""

from simulator.roofline.modes.drafting import Asked, Drafting


def diffusion(asked: Asked) -> Drafting:
    """See the module."""
    return Drafting((), asked.depth - 1)

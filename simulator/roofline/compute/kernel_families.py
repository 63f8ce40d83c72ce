"""Families of matrix kernels: which tiles and splits each one has to choose from.

A family is a fact about software (or, for a systolic array, about hardware) and holds no fitted
number. The time law takes the fastest entry of the menu, as the libraries' own heuristics try
to; where a library picks by the number of rows instead, its tiles carry that range.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Tile:
    """One output tile of ``m x n`` elements, used for products of above..up_to rows."""

    m: int
    n: int
    above_rows: float = 0.0
    up_to_rows: float = inf


@dataclass(frozen=True, slots=True)
class KernelFamily:
    """The menu of one library for one kind of datatype."""

    name: str
    tiles: tuple[Tile, ...]
    splits: tuple[int, ...] = (1,)
    """Into how many parts the reduction over k may be split."""
    block_bytes: int = 128
    """Bytes of one row of activations loaded at each step of the k loop."""
    accumulators: int = 128 * 256
    """Output elements that one unit holds at a time, over all its resident tiles."""
    max_resident: int = 4
    """Most tiles that one unit works on at a time to hide latency."""
    square_waves: bool = True
    """Whether tiles are ordered so that a wave covers a square (else along the short side)."""
    quantise: str | None = None
    """Scheme by which activations are quantised before the product, if any."""
    row_alignment: int = 1
    """Rows are padded to this multiple by a kernel of its own where they do not fit."""

    def tiles_per_unit(self, tile: Tile) -> int:
        """How many tiles of this size one unit keeps in flight (at least one)."""
        return max(1, min(self.max_resident, self.accumulators // (tile.m * tile.n)))


def _menu(*shapes: tuple[int, int]) -> tuple[Tile, ...]:
    return tuple(Tile(m, n) for m, n in shapes)


CUBLAS = KernelFamily(
    "cublas",
    _menu(
        (64, 32), (64, 64), (64, 128), (128, 64), (128, 128), (64, 256), (256, 64),
        (128, 192), (192, 128), (128, 256), (256, 128),
    ),  # fmt: skip
    splits=(1, 2, 4, 8, 16),
)
"""cuBLAS and cuBLASLt, 16-bit and per-tensor 8-bit: the widest menu, with split-k."""

"""Where labels go so that none covers another: along one line, and beside points of a plane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def spread(
    centres: Sequence[float], widths: Sequence[float], low: float, high: float, gap: float = 0.0
) -> FloatArray:
    """Centres of labels along a line: as near to the wanted ones as lets none overlap.

    The least sum of squared moves under the constraint that neighbours keep their order and
    ``gap`` apart, which is an isotonic regression; then shifted into [low, high] as far as that
    is wide enough.
    """
    wanted, width = np.asarray(centres, float), np.asarray(widths, float)
    if wanted.size == 0:
        return wanted
    order = np.argsort(wanted, kind="stable")
    offsets = np.concatenate(([0.0], np.cumsum((width[order][:-1] + width[order][1:]) / 2 + gap)))
    blocks: list[list[float]] = []
    for value in wanted[order] - offsets:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            before, size = blocks[-1]
            blocks[-1] = [(before * size + mean * count) / (size + count), size + count]
    level = np.concatenate([np.full(int(count), mean) for mean, count in blocks])
    most = high - width[order][-1] / 2 - offsets[-1]
    least = low + width[order][0] / 2
    placed = np.empty_like(wanted)
    placed[order] = np.maximum(np.minimum(level, most), least) + offsets
    return placed


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(wide, 0.0) * max(high, 0.0)


class Beside(NamedTuple):
    """Where a label stands, and the end of the line that leads to it, if it stands far off."""

    box: Box
    leader: tuple[float, float] | None


def beside_points(
    points: Sequence[tuple[float, float]],
    radii: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    taken: Sequence[tuple[Box, float]] = (),
) -> list[Beside]:
    """Places for labels beside points, all in pixels: greedy, the first points choose first.

    Of the places around its point, each label takes the one that covers least of points, of other
    labels, of what is ``taken`` (by its weight) and of the outside of ``frame``, and is nearest.
    """
    dots = [Box(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, radii, strict=True)]
    placed: list[Box] = []
    avoided = list(taken)
    found = []
    for (x, y), radius, size in zip(points, radii, sizes, strict=True):
        scored = []
        for distance in _DISTANCES:
            for direction in _DIRECTIONS:
                box = _box_at(x, y, radius + distance, direction, size)
                outside = size[0] * size[1] - box.overlap(frame)
                covered = sum(box.overlap(b) for b in (*dots, *placed))
                crossed = sum(weight * box.overlap(b) for b, weight in avoided)
                score = 2 * covered + crossed + 8 * outside + 7 * distance
                scored.append((score, distance, box))
        _, distance, box = min(scored)
        placed.append(box)
        end = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
        far = distance > _NEAR
        if far:
            track = np.linspace((x, y), end, 20)
            avoided += [(Box(a - 3, b - 3, a + 3, b + 3), 5.0) for a, b in track]
        found.append(Beside(box, end if far else None))
    return found


def _box_at(
    x: float, y: float, reach: float, direction: tuple[float, float], size: tuple[float, float]
) -> Box:
    """A box ``reach`` away from a point; a fraction in its direction slides it along its side."""
    (across, up), (width, height) = direction, size
    # At a corner both directions are whole, and the corner itself is as far off as a side is.
    reach *= 0.75 if abs(across) == abs(up) == 1 else 1
    middle_x = x + across * width / 2 + (across * reach if abs(across) == 1 else 0)
    middle_y = y + up * height / 2 + (up * reach if abs(up) == 1 else 0)
    return Box(
        middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2
    )


_NEAR = 8.0
_DISTANCES = (3.0, 8.0, 16.0, 28.0, 44.0, 64.0, 90.0)
_DIRECTIONS = (
    (1, 0), (1, -0.5), (1, 0.5), (-1, 0), (-1, 0.5), (-1, -0.5), (1, 1), (1, -1), (-1, 1), (-1, -1),
    (0, 1), (0, -1), (0.5, 1), (0.5, -1), (-0.5, 1), (-0.5, -1),
)  # fmt: skip

"""Speed-up of drafting against the batch, with what binds its steps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from simulator.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Curve(Protocol):
    """What is drawn; see ``planning.speed_up.SpeedUp``."""

    @property
    def title(self) -> str:
        """What drafts where."""

    @property
    def batch(self) -> np.ndarray:
        """Sequences."""

    @property
    def gain(self) -> np.ndarray:
        """Tokens a second over those of plain decoding."""

    @property
    def tokens(self) -> float:
        """Tokens of a step."""

    @property
    def shares(self) -> Mapping[str, np.ndarray]:
        """Parts of a drafted step by what binds them."""

    @property
    def crossing(self) -> int | None:
        """The batch from which on drafting loses."""


@style.styled
def speed_up(curve: Curve) -> "Figure":
    """The gain above, and below it what binds a drafted step."""
    figure = style.new_figure(5.4)
    if curve.crossing is None:
        finding = f"Drafting pays at every batch up to {curve.batch[-1]:,.0f}"
    else:
        finding = f"Drafting pays below batch {curve.crossing:,}"
    style.head(figure, f"{finding}: {curve.title}", f"{curve.tokens:.3g} tokens a step")
    left, bottom, width, height = style.place(figure, 0.72, 0.55, 0.3, 1.1)
    lower = 0.3 * height
    below = figure.add_axes((left, bottom, width, lower))
    above = figure.add_axes((left, bottom + lower + 0.07, width, height - lower - 0.07))
    _gain(above, curve)
    _bounds(below, curve)
    return figure


def _axis(axes: "Axes", curve: Curve) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(curve.batch[0], curve.batch[-1])
    ticks = [t for t in 2.0 ** np.arange(0, 15) if curve.batch[0] <= t <= curve.batch[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def _gain(axes: "Axes", curve: Curve) -> None:
    _axis(axes, curve)
    axes.set_xticklabels([])
    axes.set_title("tokens a second, plain decoding = 1", loc="left", fontsize=9.5, color=style.INK)
    axes.set_ylim(0, max(1.15, 1.12 * float(np.max(curve.gain))))
    axes.axhline(1.0, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(curve.batch, curve.gain, color=style.DECODE, zorder=3)
    pays = curve.gain >= 1
    axes.fill_between(
        curve.batch, 1, curve.gain, where=pays, color=style.DECODE_TINT, alpha=0.6, linewidth=0
    )
    axes.annotate(
        f"{curve.gain[0]:.2f}×", (curve.batch[0], curve.gain[0]), xytext=(6, 4),
        textcoords="offset points", color=style.DECODE, fontweight="bold", fontsize=9,
    )  # fmt: skip
    if curve.crossing is not None:
        axes.axvline(curve.crossing, color=style.PREFILL, linewidth=1)
        axes.annotate(
            f"batch {curve.crossing:,} ", (curve.crossing, 0.06), color=style.PREFILL,
            xycoords=("data", "axes fraction"), ha="right", fontsize=9,
        )  # fmt: skip


def _bounds(axes: "Axes", curve: Curve) -> None:
    from matplotlib.ticker import PercentFormatter

    _axis(axes, curve)
    axes.set_title("what binds the drafted step", loc="left", fontsize=9.5)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_yticks([0, 0.5, 1])
    shown = {kind: share for kind, share in curve.shares.items() if np.max(share) > _SEEN}
    base = np.zeros_like(curve.batch)
    for (kind, share), colour in zip(shown.items(), style.GROUPS, strict=False):
        axes.fill_between(curve.batch, base, base + share, color=colour, alpha=0.55, linewidth=0)
        widest = int(np.argmax(share))
        middle = float(base[widest] + share[widest] / 2)
        side = "left" if widest < curve.batch.size // 2 else "right"
        axes.text(
            curve.batch[widest], middle, f" {kind} ", ha=side, va="center", fontsize=9,
            color=style.INK,
        )  # fmt: skip
        base = base + share
    axes.set_xlabel("sequences decoding together")


_SEEN = 0.05
"""Parts that are nowhere larger are not drawn."""

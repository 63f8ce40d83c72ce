"""One look for every chart: colours that colour-blind readers tell apart, quiet grids, few inks."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

from simulator.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")

WIDTH_IN = 9.6
HEIGHT_IN = 5.4

INK = "#1a2028"
MUTED = "#5a6572"
FAINT = "#8b96a3"
GRID = "#e4e8ec"
BAND = "#d5dbe1"
SURFACE = "#fefefe"
PREFILL = "#c2571a"
DECODE = "#1b6ca8"
PREFILL_TINT = "#f3ddd0"
DECODE_TINT = "#d3e4f1"
POWER = "#1f7a5c"
BETTER = "#1b6caa"
WORSE = "#b24a10"
GROUPS = ("#1b6ca9", "#c2571b", "#1f7a5d", "#8a5aa8", "#b8860b", "#b23a6f", "#4c5a66", "#2a9dbb")

DARK = {
    INK: "#e8ecf1",
    MUTED: "#a3aebb",
    FAINT: "#758190",
    GRID: "#2b333d",
    BAND: "#3a4450",
    SURFACE: "#161b22",
    PREFILL: "#f08a4b",
    DECODE: "#5cb0ec",
    PREFILL_TINT: "#4a2f20",
    DECODE_TINT: "#1d3a52",
    POWER: "#52c09a",
    BETTER: "#5cb0ee",
    WORSE: "#f59a60",
    **dict(
        zip(
            GROUPS,
            (
                "#5cb0ed",
                "#f08a4c",
                "#52c09b",
                "#c39be0",
                "#e0b84a",
                "#ee82b0",
                "#a9b6c3",
                "#6ed0ea",
            ),
            strict=True,
        )
    ),
}
"""Each colour of a chart and what it becomes on a dark page."""

_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_SETTINGS: Any = {
    "figure.facecolor": SURFACE,
    "figure.dpi": 100,
    "savefig.facecolor": SURFACE,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.facecolor": SURFACE,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.width": 0.7,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "roofsim",
    "path.simplify": True,
    "text.parse_math": False,  # a dollar is a dollar
}


@contextmanager
def _look() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A title may be in any script; SVGs show it in the reader's own font.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def styled(draw: "Callable[Arguments, Figure]") -> "Callable[Arguments, Figure]":
    """Draw a figure in the common style, whatever the caller's own settings are."""
    from functools import wraps

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> "Figure":
        with _look():
            return draw(*args, **kwargs)

    return drawn


def new_figure(height_in: float = HEIGHT_IN, width_in: float = WIDTH_IN) -> "Figure":
    """An empty figure that belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def head(figure: "Figure", title: str, subtitle: str = "") -> None:
    """Title and subtitle at the top left, at the same distance from the edge in every chart."""
    height_in = figure.get_figheight()
    left = 0.26 / figure.get_figwidth()
    figure.text(left, 1 - 0.24 / height_in, title, fontsize=12.5, fontweight="bold", va="top")
    if subtitle:
        figure.text(left, 1 - 0.52 / height_in, subtitle, fontsize=9.5, color=MUTED, va="top")


def place(
    figure: "Figure", left: float, bottom: float, right: float, top: float = 1.0
) -> tuple[float, float, float, float]:
    """Margins in inches as a rectangle in figure coordinates (left, bottom, width, height)."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    return (
        left / width,
        bottom / height,
        (width - left - right) / width,
        (height - bottom - top) / height,
    )


def size_pt(axes: "Axes") -> tuple[float, float]:
    """Width and height of the axes in points."""
    scale = 72 / axes.figure.dpi
    return float(axes.bbox.width) * scale, float(axes.bbox.height) * scale


def plain_text_axes(axes: "Axes") -> None:
    """Leave nothing of the axes but what is drawn in them."""
    axes.set_axis_off()
    axes.grid(visible=False)


def svg(figure: "Figure", description: str = "") -> str:
    """The figure as SVG text; the same figure always gives the same bytes.

    ``description`` is what a screen reader says of it. Text stays text, in the reader's own font.
    """
    stream = io.StringIO()
    with _look():
        _mend_texts(figure)
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=no_metadata)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans'", _FONTS)
    text = re.sub(r"[ \t]+\n", "\n", text)
    if description:
        escaped = (
            printable(description).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        )
        text = text.replace("<svg", f'<svg role="img" aria-label="{escaped}"', 1)
    return text


def png(figure: "Figure") -> bytes:
    """The figure as PNG; the same figure always gives the same bytes."""
    stream = io.BytesIO()
    with _look():
        _mend_texts(figure)
        figure.savefig(stream, format="png", dpi=150, metadata={"Software": None})
    return stream.getvalue()


def _mend_texts(figure: "Figure") -> None:
    """Escape what no font draws and no SVG holds, of the titles that users give."""
    from matplotlib.text import Text

    for artist in figure.findobj(Text):
        assert isinstance(artist, Text)
        text = artist.get_text()
        if (mended := printable(text)) != text:
            artist.set_text(mended)


_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def inline_svg(text: str, name: str) -> str:
    """An SVG to stand inside a page: colours become the page's own, ids become ``name``'s.

    Every colour of the style becomes ``var(--c-rrggbb, #rrggbb)``, which a dark page redefines.
    """
    text = _REFERENCE.sub(lambda m: m.group(1) + name + "-", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    for colour in DARK:
        text = text.replace(f": {colour}", f": var(--c-{colour[1:]}, {colour})")
    for size in ("width", "height"):
        text = re.sub(rf'(<svg[^>]*?)\s{size}="[^"]*"', r"\1", text, count=1)
    return text


def colour_variables(dark: bool) -> str:
    """CSS declarations of every colour, for a light or a dark page."""
    return " ".join(f"--c-{c[1:]}: {DARK[c] if dark else c};" for c in DARK)

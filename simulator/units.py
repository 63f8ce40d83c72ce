"""SI inside, humane outside: reading ``3.35 TB/s`` and printing ``3.35 TB/s`` again."""

import math
import re
from typing import Literal

from simulator.errors import shown

Dimension = Literal[
    "count",
    "fraction",
    "bytes",
    "bytes/s",
    "flop/s",
    "ops/s",
    "seconds",
    "hertz",
    "watts",
    "joules",
    "joules/flop",
    "joules/byte",
    "usd",
    "usd/hour",
    "usd/kwh",
]

_DECIMAL = {
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_LARGE = {k: v for k, v in _DECIMAL.items() if v >= 1}
_SMALL = {k: v for k, v in _DECIMAL.items() if v <= 1}


def _scaled(prefixes: dict[str, float], *symbols: str) -> dict[str, float]:
    return {prefix + symbol: factor for prefix, factor in prefixes.items() for symbol in symbols}


_UNITS: dict[Dimension, dict[str, float]] = {
    "count": _LARGE,
    "fraction": {"": 1.0, "%": 0.01},
    "bytes": _scaled(_LARGE | _BINARY, "B"),
    "bytes/s": _scaled(_LARGE | _BINARY, "B/s"),
    "flop/s": _scaled(_LARGE, "FLOP/s", "FLOPS", "OP/s", "OPS"),
    "ops/s": _scaled(_LARGE, "/s", "rows/s"),
    "seconds": _scaled(_SMALL, "s")
    | {"min": 60.0, "h": 3600.0, "day": 86400.0, "year": 31557600.0},
    "hertz": _scaled(_LARGE, "Hz"),
    "watts": _scaled(_DECIMAL, "W"),
    "joules": _scaled(_DECIMAL, "J") | {"kWh": 3.6e6},
    "joules/flop": _scaled(_SMALL, "J/FLOP", "J/OP"),
    "joules/byte": _scaled(_SMALL, "J/B"),
    "usd": _scaled(_LARGE, "USD", "$"),
    "usd/hour": {"USD/h": 1.0, "$/h": 1.0},
    "usd/kwh": {"USD/kWh": 1.0, "$/kWh": 1.0},
}

SYMBOLS: dict[str, str] = {
    "bytes": "B",
    "bytes/s": "B/s",
    "flop/s": "FLOP/s",
    "ops/s": "/s",
    "seconds": "s",
    "hertz": "Hz",
    "watts": "W",
    "joules": "J",
    "joules/flop": "J/FLOP",
    "joules/byte": "J/B",
}
"""What follows a number of a dimension when it is printed; the others are printed plain."""

RANGES: dict[Dimension, tuple[float, float]] = {
    "count": (1e-9, 1e18),
    "fraction": (1e-9, 1e3),
    "bytes": (1e-3, 1e21),
    "bytes/s": (1.0, 1e21),
    "flop/s": (1.0, 1e24),
    "ops/s": (1e-9, 1e15),
    "seconds": (1e-15, 1e11),
    "hertz": (1.0, 1e13),
    "watts": (1e-6, 1e12),
    "joules": (1e-18, 1e18),
    "joules/flop": (1e-18, 1e-3),
    "joules/byte": (1e-18, 1e-3),
    "usd": (1e-9, 1e15),
    "usd/hour": (1e-9, 1e9),
    "usd/kwh": (1e-6, 1e6),
}
"""What any machine or bill may have, with orders of magnitude to spare on both sides.

Beyond it a number is a slip of units, and sums of many such numbers could overflow.
"""

_NUMBER = re.compile(r"^\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*)\s*$")


def parse(text: object, dimension: Dimension) -> float:
    """Read a number with an optional unit into SI; a bare number already is SI.

    >>> parse("3.35 TB/s", "bytes/s")
    3350000000000.0
    >>> parse("80 GiB", "bytes")
    85899345920.0

    Raises:
        ValueError: not a number, not finite, or a unit of another dimension.
    """
    if isinstance(text, bool):
        raise ValueError("expected a number, found a yes/no value")
    if isinstance(text, int | float):
        value = _as_float(text)
    elif not isinstance(text, str):
        raise ValueError(f"expected a number with a unit, found {shown(text)}")
    else:
        match = _NUMBER.match(text)
        if match is None:
            raise ValueError(f"cannot read {shown(text)} as a number with a unit")
        number, unit = match.groups()
        units = _UNITS[dimension]
        if unit and unit not in units:
            raise ValueError(f"unknown unit {shown(unit)} for {dimension}; {_examples(dimension)}")
        value = float(number) * (units[unit] if unit else 1.0)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {shown(text)}")
    return value


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def in_range(
    value: float, dimension: Dimension, low: float | None = None, high: float | None = None
) -> float:
    """``value`` as it is, where anything of ``dimension`` may have it; zero may stand anywhere.

    Args:
        value: in SI.
        dimension: what it is counted in.
        low: the smallest that is allowed, where that is more than any thing may have.
        high: the largest that is allowed, where that is less.

    Raises:
        ValueError: it is out of range; says which.
    """
    least, most = RANGES[dimension]
    least, most = (least if low is None else low), (most if high is None else high)
    if value and not least <= abs(value) <= most:
        symbol = SYMBOLS.get(dimension, "")
        limits = f"{humane(least, symbol)} and {humane(most, symbol)}"
        raise ValueError(f"must lie between {limits}, found {value:g} {symbol}".rstrip())
    return value


def _examples(dimension: Dimension) -> str:
    familiar = {
        "count": "write a plain number, or 8 k or 1.5 M",
        "fraction": "write 0.9 or 90 %",
        "bytes": "write for example 80 GB or 80 GiB",
        "bytes/s": "write for example 3.35 TB/s",
        "flop/s": "write for example 989 TFLOP/s",
        "ops/s": "write for example 40 M/s",
        "seconds": "write for example 20 us or 1.5 ms",
        "hertz": "write for example 1.98 GHz",
        "watts": "write for example 700 W",
        "joules": "write for example 0.3 J",
        "joules/flop": "write for example 0.7 pJ/FLOP",
        "joules/byte": "write for example 60 pJ/B",
        "usd": "write for example 25000 USD",
        "usd/hour": "write for example 2.49 USD/h",
        "usd/kwh": "write for example 0.08 USD/kWh",
    }
    return familiar[dimension]


_PREFIX_STEPS = (
    (1e18, "E"),
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def humane(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Print with an SI prefix and three significant digits: ``humane(3.35e12, 'B/s')``.

    >>> humane(0.004833, "s")
    '4.83 ms'
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value == 0:
        return f"0 {unit}".strip()
    rounded = float(f"{value:.{digits}g}")
    factor, prefix = next((s for s in _PREFIX_STEPS if abs(rounded) >= s[0]), _PREFIX_STEPS[-1])
    return f"{significant(rounded / factor, digits)} {prefix}{unit}".strip()


def significant(value: float | None, digits: int = 3) -> str:
    """Print with ``digits`` significant digits, without an exponent for everyday sizes.

    >>> significant(1834.4), significant(0.27), significant(27.04)
    ('1,834', '0.27', '27')
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude >= digits:
        return f"{value:,.0f}"
    if magnitude < -4:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - 1 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(ratio: float | None, digits: int = 3) -> str:
    """Print a ratio as a percentage: ``percent(0.0483)`` gives ``4.83 %``."""
    return "–" if ratio is None else f"{significant(100 * ratio, digits)} %"


def money(usd: float | None) -> str:
    """Dollars and cents, and three digits of what is less than a dollar.

    >>> money(0.1343), money(6.1), money(30000), money(-6.1)
    ('$0.134', '$6.10', '$30,000', '−$6.10')
    """
    if usd is None or not math.isfinite(usd):
        return "–"
    if usd < 0:
        return f"−{money(-usd)}"
    return f"${usd:,.2f}" if 1 <= abs(usd) < 1000 else f"${significant(usd)}"


def seconds(value: float | None) -> str:
    """Milliseconds and microseconds below a second, minutes and hours above.

    >>> seconds(0.0355), seconds(3138.0)
    ('35.5 ms', '52.3 min')
    """
    if value is None or not math.isfinite(value) or value < 300:
        return humane(value, "s")
    minutes = value / 60
    return f"{significant(minutes)} min" if minutes < 300 else f"{significant(minutes / 60)} h"


def between(low: str, high: str) -> str:
    """Two printed values as a range whose unit is written once.

    >>> between("31.2 ms", "40.3 ms"), between("800 ms", "1.2 s")
    ('31.2–40.3 ms', '800 ms – 1.2 s')
    """
    number, _, unit = low.partition(" ")
    if unit and high.endswith(f" {unit}"):
        low = number
    return f"{low}–{high}" if " " not in low else f"{low} – {high}"

"""What tokens cost where they are paid by the million: an API, or a price that is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simulator.specs.token_prices import TokenPrice

MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a request, or of many: input without what a cache spares, that, and output."""

    uncached: float
    cached: float
    output: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.uncached + self.cached + self.output

    def times(self, factor: float) -> "Tokens":
        """So many times as many.

        >>> Tokens(10, 20, 5).times(2).total
        70
        """
        return Tokens(self.uncached * factor, self.cached * factor, self.output * factor)


@dataclass(frozen=True, slots=True)
class TokenRates:
    """Dollars for a million tokens of each kind."""

    uncached: float
    cached: float
    output: float

    def usd(self, tokens: Tokens) -> float:
        """What tokens cost.

        >>> TokenRates(0.28, 0.028, 0.42).usd(Tokens(2e6, 1e6, 1e6))
        1.008
        """
        return (
            tokens.uncached * self.uncached
            + tokens.cached * self.cached
            + tokens.output * self.output
        ) / MILLION

    def times(self, factor: float) -> "TokenRates":
        """All of them so many times as high."""
        return TokenRates(self.uncached * factor, self.cached * factor, self.output * factor)


def rates_of(price: TokenPrice, batch_share: float = 0.0) -> TokenRates:
    """The rates of a row, with the batch discount on a share of the tokens.

    Cached tokens cost as any where the row says nothing of them.
    """
    cached = price.usd_per_million_cached_input_tokens
    full = TokenRates(
        price.usd_per_million_input_tokens,
        price.usd_per_million_input_tokens if cached is None else cached,
        price.usd_per_million_output_tokens,
    )
    return full.times(1.0 - batch_share * (price.batch_discount or 0.0))


def newest(prices: Iterable[TokenPrice]) -> list[TokenPrice]:
    """The newest rows of each provider and model: those that hold at other hours stand together."""
    found: dict[tuple[str, str], list[TokenPrice]] = {}
    for price in prices:
        rows = found.setdefault((price.provider, price.model), [])
        if rows and rows[0].earliest < price.earliest:
            rows.clear()
        if not rows or rows[0].earliest == price.earliest:
            rows.append(price)
    return [price for rows in found.values() for price in rows]


def dearest_hours(prices: Sequence[TokenPrice], tokens: Tokens) -> list[TokenPrice]:
    """One row a provider and model: that of its dearest hours for these tokens."""
    found: dict[tuple[str, str], TokenPrice] = {}
    for price in prices:
        key = (price.provider, price.model)
        if key not in found or rates_of(price).usd(tokens) > rates_of(found[key]).usd(tokens):
            found[key] = price
    return list(found.values())

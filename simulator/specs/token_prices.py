"""What tokens cost over an API: dated rows of a price book, each with its provider and source."""

from datetime import date
from typing import Annotated

from pydantic import model_validator

from simulator.specs.prices import Prices, first_day, names_day
from simulator.specs.quantity import AsOf, Confidence, Spec, Unit

UsdPerMillion = Annotated[float, Unit("usd")]
Discount = Annotated[float, Unit("fraction", high=1.0)]


class TokenPrice(Spec):
    """One dated row of an API's price list, in dollars for a million tokens.

    Args:
        provider: who asks this price.
        model: what the API calls the model.
        serves: the model of the catalogue that it is; absent where it is none of them.
        hours: when it holds, where the time of day counts: peak, off-peak.
        usd_per_million_input_tokens: of prompt tokens that no cache spares.
        usd_per_million_cached_input_tokens: of prompt tokens that the provider's cache spares;
            absent, nothing is known of a discount and they cost as any.
        usd_per_million_output_tokens: of answered tokens.
        batch_discount: what requests that may wait for hours cost less, as a share; absent, nothing
            is known of one.
        as_of: when the price held: a day; a month or a year counts as its first day.
        source: a citation, or a key of the file's ``sources``.
    """

    provider: str
    model: str
    serves: str | None = None
    hours: str | None = None
    usd_per_million_input_tokens: UsdPerMillion
    usd_per_million_cached_input_tokens: UsdPerMillion | None = None
    usd_per_million_output_tokens: UsdPerMillion
    batch_discount: Discount | None = None
    as_of: AsOf
    source: str
    confidence: Confidence | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _is_dated(self) -> "TokenPrice":
        first_day(self.as_of)
        return self

    @property
    def earliest(self) -> date:
        """The day that the price is surely of."""
        return first_day(self.as_of)

    @property
    def has_day(self) -> bool:
        """Whether the price is dated to the day."""
        return names_day(self.as_of)

    @property
    def about(self) -> str:
        """What is sold."""
        return f"{self.model} over its API"

    @property
    def names(self) -> tuple[str, ...]:
        """What the model is called, by the API and in the catalogue."""
        return (self.model,) if self.serves is None else (self.model, self.serves)


class PriceBook(Prices):
    """A file of prices that are not those of one device: offers of devices, prices of tokens.

    Args:
        tokens: what tokens cost over an API, in any order.
    """

    tokens: list[TokenPrice] = []

    def spelled(self) -> "PriceBook":
        """The same with every source spelled out."""

        def cited(source: str) -> str:
            return self.sources.get(source, source)

        offers = [o.model_copy(update={"source": cited(o.source)}) for o in self.offers]
        tokens = [t.model_copy(update={"source": cited(t.source)}) for t in self.tokens]
        return self.model_copy(update={"offers": offers, "tokens": tokens})

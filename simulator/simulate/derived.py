"""How figures follow from others that are known; numbers, or arrays of one shape."""

from collections.abc import Callable

from simulator.economics.cost import TokenCost, token_cost
from simulator.simulate.figure import Known, Value


def over(above: str, below: str) -> Callable[[Known], Value]:
    """The quotient of two known figures; None where either is missing, or there is nothing below.

    Both may be arrays.
    """

    def quotient(known: Known) -> Value:
        top, bottom = known.get(above), known.get(below)
        if top is None or bottom is None or (isinstance(bottom, int | float) and not bottom):
            return None
        return top / bottom

    return quotient


def total_tokens(known: Known) -> Value:
    outputs, inputs = known.get("output_tokens_per_s"), known["input_tokens_per_s"]
    return inputs if outputs is None else outputs + inputs


def cost_of(part: Callable[[TokenCost[Value]], Value]) -> Callable[[Known], Value]:
    """One part of what a million tokens cost; None without a price."""

    def usd(known: Known) -> Value:
        if known["usd_per_s"] is None:
            return None
        return part(token_cost(known["usd_per_s"], known["work"], known["shares"]))

    return usd


def device_hour(known: Known) -> Value:
    """Dollars for an hour of one device; None without a price."""
    usd = known["usd_per_s"]
    return None if usd is None else usd * 3600.0 / known["devices"]


def solved_task(known: Known) -> Value:
    """Dollars of a task over the share of tasks that are solved; None where that is not given."""
    turns, rate = known.get("conversations_per_s"), known.get("success_rate")
    tasks = known.get("requests_per_s") if turns is None else turns
    usd = known["usd_per_s"]
    return None if usd is None or rate is None or tasks is None else usd / tasks / rate


def share_of(part: str) -> Callable[[Known], Value]:
    """The share of the cost of one kind of token; None without a price."""

    def share(known: Known) -> Value:
        return None if known["usd_per_s"] is None else getattr(known["shares"], part)

    return share


def carbon(per_s: str) -> Callable[[Known], Value]:
    """Grams of CO2 for each of what comes ``per_s``; None without a grid's intensity."""

    def grams(known: Known) -> Value:
        intensity, rate = known.get("grid_g_per_kwh"), known.get(per_s)
        if intensity is None or rate is None:
            return None
        return known["site_power_w"] / 3.6e6 * intensity / rate

    return grams


def per_million(found: Callable[[Known], Value]) -> Callable[[Known], Value]:
    """The same for a million of them."""

    def million(known: Known) -> Value:
        each = found(known)
        return None if each is None else 1e6 * each

    return million

"""What looks wrong in prices that their schema allows: part of ``roofsim catalogue check``.

Prices age together, so a rule makes one finding of all that it has to say.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from simulator.specs.consistency import Finding
from simulator.specs.hardware import Hardware
from simulator.specs.prices import Offer
from simulator.specs.token_prices import TokenPrice

Priced = Offer | TokenPrice

OLDEST = timedelta(days=365.25)
"""Age after which a price no longer says much about today's."""


def check_prices(
    devices: Sequence[Hardware], today: date, tokens: Sequence[TokenPrice] = ()
) -> list[Finding]:
    """Findings on the prices of ``devices``, and of ``tokens``, as they look ``today``."""
    own = [(device, _own(device)) for device in devices]
    dated: list[Priced] = [*(o for _, offers in own for o in offers), *tokens]
    findings = [
        _undated(dated),
        _old(dated, today),
        _of_one_provider(own),
        _mixed(own),
    ]
    return [finding for finding in findings if finding is not None]


def _own(device: Hardware) -> list[Offer]:
    """Offers of the device itself, without those of one that it is the same as."""
    return [offer for offer in device.prices.offers if offer.device == device.name]


def _undated(offers: Iterable[Priced]) -> Finding | None:
    found = [offer for offer in offers if not offer.has_day]
    return _told(
        "as_of",
        found,
        "have no day and count as of the first one that they may be of",
        "find the day on which the source was read",
    )


def _old(offers: Iterable[Priced], today: date) -> Finding | None:
    found = [offer for offer in offers if offer.earliest < today - OLDEST]
    return _told("as_of", found, "are older than a year", "look for newer ones")


def _told(field: str, offers: Sequence[Priced], problem: str, remedy: str) -> Finding | None:
    if not offers:
        return None
    ranked = sorted(offers, key=_provider_and_date)
    groups = [
        f"{provider} {stated} ({', '.join(dict.fromkeys(o.about for o in group))})"
        for (provider, stated), group in groupby(ranked, key=_provider_and_date)
    ]
    number = f"{len(offers)} offer{'s' if len(offers) > 1 else ''}"
    return Finding("prices", field, f"{number} {problem}: {'; '.join(groups)}", remedy, "warning")


def _provider_and_date(offer: Priced) -> tuple[str, str]:
    return offer.provider, str(offer.as_of)


def _of_one_provider(devices: Iterable[tuple[Hardware, list[Offer]]]) -> Finding | None:
    """Rents that a median cannot be taken of; the only cloud of a chip's own maker is none."""
    found: dict[str, list[str]] = {}
    for device, offers in devices:
        for term, group in _by_term(offers):
            names = {offer.provider for offer in group}
            if term != "purchase" and len(names) == 1 and not _is_makers(device, *names):
                found.setdefault(term, []).append(device.name)
    if not found:
        return None
    told = "; ".join(f"{term}: {', '.join(names)}" for term, names in found.items())
    return Finding(
        "prices", "provider", f"medians of one provider: {told}", "look for other offers", "warning"
    )


def _is_makers(device: Hardware, provider: str) -> bool:
    return device.vendor.split()[0].casefold() in provider.casefold().split()


def _mixed(devices: Iterable[tuple[Hardware, list[Offer]]]) -> Finding | None:
    """Offers of one device and term that include different things, so that not all count."""
    found = [
        f"{term} of {device.name}"
        for device, offers in devices
        for term, group in _by_term(offers)
        if len({frozenset(offer.included) for offer in group}) > 1
        or len({offer.estimate for offer in group}) > 1
    ]
    if not found:
        return None
    return Finding(
        "prices",
        "includes",
        f"offers that include different things, or estimates beside offers: {', '.join(found)}",
        "only those of the most frequent kind count; keep one kind",
        "warning",
    )


def _by_term(offers: Iterable[Offer]) -> Iterator[tuple[str, list[Offer]]]:
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.term, []).append(offer)
    return iter(found.items())

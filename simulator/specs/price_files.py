"""What a device costs, from the file beside its own: ``prices/<device>.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.specs.folders import SOURCES, data_folder, names
from simulator.specs.kept import Reader
from simulator.specs.prices import Offer, Prices
from simulator.specs.reading import validate

PRICES = "prices"


def price_file(path: Path) -> Path:
    """Where the prices of the device in ``path`` are looked for."""
    return path.parent / PRICES / path.name


def with_device(content: dict[str, Any], device: str) -> dict[str, Any]:
    """Raw prices of one device, whose offers need not name it."""
    offers = content.get("offers")
    if not isinstance(offers, list):
        return content
    named = [{"device": device, **offer} if isinstance(offer, dict) else offer for offer in offers]
    return {**content, "offers": named}


def read_prices(path: Path, inline: Prices, shared: Mapping[str, str], reader: Reader) -> Prices:
    """The prices of the device in ``path``: ``inline``, as its own file has them, or those beside.

    ``shared`` are the citations that several devices share.

    Raises:
        InputError: both are there, or a price is wrong; names the file, the field and the remedy.
    """
    file = price_file(path)
    if not reader.exists(file):
        return _whole(inline, path, path, shared, reader)
    if inline != Prices():
        raise InputError(
            f"{file} has prices of the same",
            file=path,
            field="prices",
            remedy="keep one of the two",
        )
    return _whole(_read(file, reader), path, file, shared, reader)


def _read(file: Path, reader: Reader) -> Prices:
    return validate(Prices, with_device(reader.mapping(file), file.stem), file)


def _whole(
    own: Prices, path: Path, written_in: Path, shared: Mapping[str, str], reader: Reader
) -> Prices:
    """Own prices with those of the device that they are the same as, and all citations."""
    offers, sources = list(own.offers), own.sources
    if own.same_as is not None:
        other = _read_of(own.same_as, path, written_in, reader)
        if other.same_as is not None:
            raise InputError(
                f"{own.same_as} itself costs the same as {other.same_as}",
                file=written_in,
                field="same_as",
                remedy=f"write same_as: {other.same_as}",
            )
        offers, sources = [*offers, *other.offers], {**other.sources, **sources}
    cited = {key: text for key, text in {**shared, **sources}.items() if key in _named(offers)}
    found = own.model_copy(update={"sources": {**cited, **own.sources}})
    spelled = [o.model_copy(update={"source": found.citation(o)}) for o in offers]
    return found.model_copy(update={"offers": spelled})


def _named(offers: list[Offer]) -> set[str]:
    return {offer.source for offer in offers}


def _read_of(device: str, path: Path, written_in: Path, reader: Reader) -> Prices:
    known = {**names(data_folder("hardware_specs")), **names(path.parent)}
    if device not in known:
        raise InputError(
            f"unknown device {device!r}",
            file=written_in,
            field="same_as",
            remedy=nearest(device, known),
        )
    place = known[device]
    file = price_file(place)
    if reader.exists(file):
        return _read(file, reader)
    inline = reader.mapping(place).get("prices", {})
    return validate(Prices, with_device(inline, device), place)


def shared_sources(reader: Reader) -> dict[str, str]:
    """The citations that several devices of the catalogue share, by their key."""
    file = data_folder("hardware_specs") / SOURCES
    return {str(key): str(text) for key, text in reader.mapping(file).items()}

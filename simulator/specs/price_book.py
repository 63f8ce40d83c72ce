"""Price books: the catalogue's, and one of a user's own in its place, YAML or CSV."""

from pathlib import Path
from typing import Any

from simulator.errors import InputError, nearest
from simulator.specs import catalogue
from simulator.specs.folders import data_folder
from simulator.specs.hardware import Hardware
from simulator.specs.kept import Reader, kept
from simulator.specs.prices import Offer, Prices
from simulator.specs.reading import validate
from simulator.specs.token_prices import PriceBook, TokenPrice

COLUMNS = tuple(Offer.model_fields)
"""Columns of a book in CSV, of which a row may leave any empty that has a default."""


def offers_for(hardware: Hardware, book: Path | None) -> list[Offer]:
    """The offers of a device in a book, the catalogue's where none is given.

    Raises:
        InputError: the book cannot be read.
    """
    if book is None:
        return hardware.prices.offers
    names = {hardware.name, *hardware.aliases}
    return [offer for offer in read_book(book).offers if offer.device in names]


def providers(book: Path | None) -> list[str]:
    """Everybody who has an offer in a book."""
    return sorted({offer.provider for prices in _books(book) for offer in prices.offers})


def _books(book: Path | None) -> list[Prices]:
    if book is not None:
        return [read_book(book)]
    return [hardware.prices for hardware in catalogue.all_hardware()]


def token_prices(book: Path | None) -> list[TokenPrice]:
    """What a book says of tokens over an API; the catalogue's, where a book of one's own is silent.

    Raises:
        InputError: the book cannot be read.
    """
    own = [] if book is None else read_book(book).tokens
    return own or read_book(data_folder("models") / "prices" / "api.yaml").tokens


@kept
def read_book(path: Path, reader: Reader) -> PriceBook:
    """A price book: rows of offers, each with its device, and prices of tokens over an API.

    Raises:
        InputError: the file cannot be read, or a row does not fit; names the line or the field.
    """
    if path.suffix.lower() == ".csv":
        reader.exists(path)
        found = PriceBook(offers=_rows(path))
    else:
        found = validate(PriceBook, reader.mapping(path), path).spelled()
    if found.same_as or found.not_sold:
        raise InputError(
            "a book of many devices has rows of offers alone",
            file=path,
            field="same_as" if found.same_as else "not_sold",
            remedy="delete the field",
        )
    if not found.offers and not found.tokens:
        raise InputError("holds no offer", file=path, remedy=f"write rows of {', '.join(COLUMNS)}")
    return found


def _rows(path: Path) -> list[Offer]:
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, restkey="", strict=True)
            header = rows.fieldnames or []
            for name in header:
                if name not in COLUMNS:
                    raise InputError(
                        f"unknown column {name!r}", file=path, remedy=nearest(name, COLUMNS)
                    )
            return [_row(row, path, rows.line_num) for row in rows]
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None


def _row(row: dict[str, Any], path: Path, line: int) -> Offer:
    if "" in row:
        raise InputError(
            f"line {line} has more cells than the header", file=path, remedy="quote commas"
        )
    content = {name: value.strip() for name, value in row.items() if value and value.strip()}
    if "includes" in content:
        content["includes"] = content["includes"].split("+")
    try:
        return validate(Offer, content, path)
    except InputError as error:
        where = f"line {line}" + (f": {error.field}" if error.field else "")
        raise InputError(error.problem, file=path, field=where, remedy=error.remedy) from None

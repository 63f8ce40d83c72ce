"""Prices on the command line: the book, a book of one's own, and bases."""

import csv
import json

import pytest
from command import roofsim

OURS = """device,provider,term,usd_per_hour,as_of,source
h100-sxm,Ours,reserved-3y,2,2026-10-01,contract
b200,Ours,reserved-3y,3,2026-10-01,contract
"""


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text(OURS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    shown = roofsim(
        "compare", "quickstart", "-w", "b200,mi355x,maia-200", "--set", "workload.requests=30",
        "--workers", "1", "--out", folder,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return folder, shown.stdout


def test_the_book_is_listed_with_dates_sources_and_bases():
    shown = roofsim("catalogue", "prices", "h100-sxm")
    assert shown.returncode == 0
    for word in ("us-east-1", "p5.48xlarge", "2026-11-09", "owned, median", "cost of capital"):
        assert word in shown.stdout
    found = json.loads(roofsim("catalogue", "prices", "h100-sxm", "maia-200", "--json").stdout)
    assert "Microsoft" in found["not_sold"]["maia-200"]
    owned = next(row for row in found["bases"] if row["basis"] == "owned, median")
    assert sum(usd for _, usd, _ in owned["lines"]) == pytest.approx(owned["usd_per_device_hour"])
    assert {row["device"] for row in found["offers"]} == {"h100-sxm"}


def test_a_book_of_ones_own_counts_in_every_command(book):
    asked = ("predict", "-w", "b200", "-m", "llama-3.1-8b", "--prices", book, "--json")
    answer = json.loads(roofsim(*asked).stdout)
    assert answer["usd_per_device_hour"] == pytest.approx(3.0)
    assert answer["price_basis"] == "rental, median, ours.csv"
    few = ("--set", "workload.requests=20", "--prices", book, "--json")
    result = json.loads(roofsim("run", "quickstart", *few).stdout)
    assert (result["usd_per_device_hour"], result["price_providers"]) == (2.0, "Ours")
    listed = json.loads(roofsim("catalogue", "prices", "--prices", book, "--json").stdout)
    assert len(listed["offers"]) == 2


def test_the_terminal_tells_the_basis_and_what_overturns_it(compared):
    _, text = compared
    assert "rental on-demand, median" in text
    assert "Oracle Cloud" in text
    assert "overturns" in text
    assert "Microsoft Maia 200" in text.split("not ranked:")[1]


def test_json_csv_and_page_tell_what_prices_rest_on(compared):
    folder, _ = compared
    content = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    b200, mi355x, maia = content["results"]
    assert b200["price_offers"] > 5
    assert mi355x["price_mark"] == "one provider"
    assert maia["usd_per_million_tokens"] is None
    assert maia["price_basis"] == b200["price_basis"] == "rental on-demand, median"
    assert "owned, median" in content["ranking"]["overturned_by"]
    with (folder / "comparison.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["price_providers"] == b200["price_providers"]
    assert rows[1]["price_dates"] == "2026"
    page = (folder / "comparison.html").read_text(encoding="utf-8")
    for word in ("On every basis", "overturns it", "Oracle Cloud", "us-east-1"):
        assert word in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--term", "reserved"), "reserved-1y"),
        (("--basis", "own"), "owned"),
        (("--prices", "nowhere.csv"), "nowhere.csv"),
        (("--set", "economics.provider=Amazon"), "no offer is by 'Amazon'"),
        (("--basis", "owned", "--term", "spot"), "leave out term"),
        (("--set", "economics.percentile=101"), "percentile"),
        (("--set", "economics.cost_of_capital=-1"), "cost_of_capital"),
    ],
)
def test_bad_input_is_one_message(arguments, says):
    refused = roofsim("predict", "-w", "h100-sxm", "-m", "llama-3.1-8b", *arguments)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_basis_that_nobody_offers_is_told_with_the_nearest():
    answer = json.loads(
        roofsim("predict", "-w", "gaudi-3", "-m", "llama-3.1-8b", "--term", "spot", "--json").stdout
    )
    assert answer["usd_per_million_output_tokens"] is None
    assert answer["price_nearest"].startswith("owned, median")
    (note,) = [note for note in answer["notes"] if "price" in note]
    assert "no offer is rental spot" in note

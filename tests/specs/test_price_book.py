"""A price book of a user's own, YAML or CSV, and how it reaches a question."""

import json

import pytest

from simulator.economics.cost import device_price
from simulator.errors import InputError
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.price_book import read_book
from simulator.specs.question import read_scenario

CSV = """device,provider,region,term,unit,devices,usd_per_hour,usd,includes,as_of,source,note
h100-sxm,Ours,eu-1,reserved-3y,node,8,16,,,2026-10-01,contract 17,
h100,Theirs,,on-demand,,,4,,,2026-11-02,offer of 2 November,"with commas, inside"
b200,Ours,,purchase,,,,30000,host+network,2026-10-01,contract 18,
"""

YAML = """
sources: {contract: contract 17}
offers:
  - device: h100-sxm
    provider: Ours
    term: reserved-3y
    usd_per_hour: 2
    as_of: 2026-10-01
    source: contract
"""


def price(device: str, **fields: object):
    return device_price(catalogue.hardware(device), Economics.model_validate(fields))


def test_a_csv_counts_in_place_of_the_catalogue(tmp_path):
    book = tmp_path / "ours.csv"
    book.write_text(CSV, encoding="utf-8")
    all_rows = price("h100-sxm", prices=book)
    assert (all_rows.usd_per_hour, all_rows.providers) == (3.0, ("Ours", "Theirs"))
    assert "ours.csv" in str(all_rows.basis)
    assert price("h100-sxm", prices=book, term="reserved-3y").usd_per_hour == 2.0
    assert price("h100-sxm", prices=book, region="EU-1").usd_per_hour == 2.0
    assert price("h200-sxm", prices=book) is None
    bought = price("b200", prices=book, basis="owned")
    lines = {line.name: line.usd_per_hour for line in bought.lines}
    assert lines["host"] == lines["network"] == 0


def test_a_yaml_book_spells_out_its_sources(tmp_path):
    book = tmp_path / "ours.yaml"
    book.write_text(YAML, encoding="utf-8")
    (offer,) = read_book(book).offers
    assert offer.source == "contract 17"
    answer = predict("h100-sxm", "llama-3.1-8b", prices=str(book))
    assert answer.usd_per_device_hour == pytest.approx(2.0)
    assert answer.price_providers == "Ours"
    other = predict("h200-sxm", "llama-3.1-8b", prices=str(book))
    assert other.usd_per_million_output_tokens is None
    assert any("without a price" in note for note in other.notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("device,price\nh100-sxm,2\n", "unknown column 'price'"),
        ("device,provider,term,usd_per_hour,as_of,source\nh100-sxm,A,hire,2,2026-01-01,s\n",
         "line 2: term"),
        ("device,provider,term,usd_per_hour,as_of,source\nh100-sxm,A,spot,-2,2026-01-01,s\n",
         "line 2: usd_per_hour"),
        ("device,provider,term,usd_per_hour,as_of,source\nh100-sxm,A,spot,2,2026-01-01,s,t\n",
         "more cells"),
        ("device,provider\n", "holds no offer"),
    ],
)  # fmt: skip
def test_a_wrong_row_names_file_and_line(tmp_path, text, says):
    book = tmp_path / "ours.csv"
    book.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_book(book)
    assert "ours.csv" in str(caught.value)
    assert says in str(caught.value)


def test_a_scenarios_book_lies_beside_it(tmp_path):
    (tmp_path / "ours.csv").write_text(CSV, encoding="utf-8")
    content = {
        "name": "x", "hardware": "h100-sxm", "model": "llama-3.1-8b",
        "workload": {"kind": "decode"}, "economics": {"prices": "ours.csv"},
    }  # fmt: skip
    (tmp_path / "x.yaml").write_text(json.dumps(content), encoding="utf-8")
    scenario = read_scenario(tmp_path / "x.yaml")
    assert scenario.economics.prices == tmp_path / "ours.csv"

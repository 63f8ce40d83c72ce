"""Bills and sensitivity on the command line: tables, JSON, folders, refusals with exit code 2."""

import csv
import json

import pytest
from command import roofsim
from nonempty import nonempty


@pytest.mark.parametrize("name", ["fifty-million", "midjourney"])
def test_plain_arithmetic_is_labelled_so(name):
    shown = roofsim("bill", name)
    assert shown.returncode == 0, shown.stderr
    assert "plain arithmetic, nothing is simulated" in shown.stdout
    assert json.loads(roofsim("bill", name, "--json").stdout)["simulated"] is False


def test_the_ladder_of_the_articles():
    shown = roofsim("bill", "fifty-million", "--set", "bill.migration.usd=0").stdout
    for number in ("$750.00", "$250.00", "147 M", "$2,200"):
        assert number in shown
    work = roofsim("bill", "midjourney").stdout
    assert "$505,955" in work


def test_a_folder_holds_numbers_and_charts(tmp_path):
    shown = roofsim("bill", "fifty-million", "--months", "3", "--out", tmp_path / "bill")
    assert shown.returncode == 0, shown.stderr
    names = {path.name for path in (tmp_path / "bill").iterdir()}
    assert names == {
        "bill.json", "bill.csv", "months.svg", "months.png", "volumes.svg", "volumes.png",
    }  # fmt: skip
    with (tmp_path / "bill" / "bill.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["usd"]) for row in nonempty(rows)] == pytest.approx([750.0] * 3)
    assert float(rows[0]["usd of all by a third of it"]) == pytest.approx(250.0)


def test_a_simulated_bill_shows_the_fleet_and_where_money_goes(tmp_path):
    shown = roofsim(
        "bill", "tiers", "--set", "deployment.max_sequences=16", "--workers", "1", "--months", "2",
        "--spare", "2", "--growth", "10%", "--budget-usd-per-query", "0.00001",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    for words in ("replicas", "spare replicas", "time between peaks", "is not kept", "premium"):
        assert words in shown.stdout


def test_the_sensitivity_of_a_point_and_its_tornado(tmp_path):
    asked = ("sensitivity", "-w", "h100-sxm", "-m", "llama-3.1-8b", "--figure", "tpot_s")
    shown = roofsim(*asked, "--workers", "1", "--out", tmp_path / "t")
    assert shown.returncode == 0, shown.stderr
    assert "hardware.memory.main.bandwidth" in shown.stdout
    assert "without effect on it" in shown.stdout
    names = {path.name for path in (tmp_path / "t").iterdir()}
    assert names == {"sensitivity.json", "sensitivity.csv", "tornado.svg", "tornado.png"}
    found = json.loads((tmp_path / "t" / "sensitivity.json").read_text(encoding="utf-8"))
    assert found["figure"] == "tpot_s"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bill", "quickstart"), "the scenario has no bill"),
        (("bill", "fifty-milion"), "fifty-million"),
        (("bill", "fifty-million", "--growth", "-2"), "--growth: must be at least -0.99"),
        (
            ("bill", "fifty-million", "--set", "bill.server={kind: api, model: gpt-5.5x}"),
            "no API price list has the model 'gpt-5.5x'",
        ),
        (
            ("bill", "fifty-million", "--set", "bill.server={kind: price}"),
            "--set bill.server: a price is one for all tokens",
        ),
        (("run", "midjourney"), "roofsim bill midjourney writes it"),
        (("run", "quickstart", "--set", "bill.traffic.growth=1"), "only roofsim bill reads bill"),
        (("sensitivity", "quickstart", "--figure", "tpot"), "did you mean"),
        (
            ("sensitivity", "-w", "h100-sxm", "-m", "llama-3.1-8b", "--input", "economics.pue=±9"),
            "--input economics.pue",
        ),
        (("catalogue", "prices", "gpt-oss-12b"), "gpt-oss-120b"),
        (("catalogue", "list", "bill"), "scenarios or bills"),
    ],
)
def test_what_cannot_be_answered_is_one_message_and_exit_code_2(arguments, words):
    shown = roofsim(*arguments)
    assert shown.returncode == 2, shown.stderr
    assert shown.stderr.startswith("roofsim: ")
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not shown.stdout


def test_prices_of_tokens_are_listed_and_bills_too():
    found = json.loads(roofsim("catalogue", "prices", "gpt-oss-120b", "--json").stdout)
    assert {row["provider"] for row in nonempty(found["tokens"])} == {"Fireworks", "Groq"}
    assert not found["offers"]
    shown = roofsim("catalogue", "prices", "deepseek", "h200-sxm").stdout
    assert "deepseek-v4-pro" in shown
    assert "h200-sxm" in shown
    bills = json.loads(roofsim("catalogue", "list", "bills", "--json").stdout)["bills"]
    assert {row["name"] for row in bills} >= {"fifty-million", "midjourney", "cost-to-serve"}


def test_a_book_of_ones_own_may_hold_prices_of_tokens(tmp_path):
    book = tmp_path / "ours.yaml"
    row = "provider: Ours, model: our-model, as_of: 2026-11-01, source: contract"
    book.write_text(
        f"tokens:\n  - {{{row}, usd_per_million_input_tokens: 1,"
        " usd_per_million_output_tokens: 1}\n",
        encoding="utf-8",
    )
    asked = ("--prices", book, "--set", "bill.server={kind: api, model: our-model}")
    shown = roofsim(
        "bill", "fifty-million", *asked, "--set", "bill.traffic.tokens_per_month=1e6", "--json"
    )
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["months"][0]["usd"] == pytest.approx(1.0)
    listed = json.loads(roofsim("catalogue", "prices", "--prices", book, "--json").stdout)
    assert [row["model"] for row in listed["tokens"]] == ["our-model"]
    unknown = book.read_text(encoding="utf-8").replace("1}", "-1}")
    book.write_text(unknown, encoding="utf-8")
    refused = roofsim("bill", "fifty-million", *asked)
    assert refused.returncode == 2
    assert "usd_per_million_output_tokens" in refused.stderr

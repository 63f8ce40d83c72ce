"""What a person may write of drafted tokens, and what is refused with a remedy that works."""

import pytest

from simulator.errors import InputError
from simulator.specs.acceptance import acceptance_table
from simulator.specs.question import PREDICT, ask, from_fields, from_settings


def written(**fields):
    return ask(PREDICT, from_fields({"hardware": "h200-sxm", "model": "llama-3.1-8b", **fields}))


@pytest.mark.parametrize(
    ("short", "fields"),
    [
        ("mtp", {"method": "mtp", "depth": None}),
        ("mtp:3:repeat", {"method": "mtp", "depth": 3, "repeat": True}),
        ("draft:llama-3.2-1b:5", {"method": "draft", "model": "llama-3.2-1b", "depth": 5}),
        ("eagle3:4", {"method": "eagle3", "depth": 4, "model": None}),
    ],
)
def test_a_text_stands_for_the_fields(short, fields):
    found = written(speculation=short).deployment.speculation
    assert {name: getattr(found, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (0.8, 0.8),
        ("0.8", 0.8),
        ([0.8, 0.5], (0.8, 0.5)),
        ("0.8, 0.5", (0.8, 0.5)),
        ("[0.8,0.5]", (0.8, 0.5)),
        ("mt-bench", "mt-bench"),
    ],
)
def test_acceptance_is_a_rate_or_a_list_or_a_task(given, read):
    found = written(acceptance=given, speculation="ngram:2").deployment.speculation
    assert found.acceptance == read


def test_settings_may_change_a_field_of_what_is_written_in_short():
    content = {**PREDICT, "hardware": "h200-sxm", "model": "llama-3.1-8b"}
    content["deployment"] = {"speculation": "eagle3:3"}
    settings = ["deployment.speculation.acceptance=0.5", "deployment.speculation.up_to=32"]
    found = ask(content, from_settings(settings)).deployment.speculation
    assert (found.method, found.depth, found.acceptance, found.up_to) == ("eagle3", 3, 0.5, 32)


REFUSED = [
    ({"speculation": "egle3:3"}, "eagle3", {"speculation": "eagle3:3"}),
    ({"speculation": "ngram"}, "ngram:3", {"speculation": "ngram:3"}),
    ({"speculation": "draft:5"}, "llama-3.2-1b:5", {"speculation": "draft:llama-3.2-1b:5"}),
    ({"speculation": "eagle3:2", "acceptance": 1.2}, "0.8", {"acceptance": 0.8}),
    ({"speculation": "eagle3:2", "acceptance": -0.1}, "0.8", {"acceptance": 0.8}),
    ({"speculation": "eagle3:2", "acceptance": "80, 60"}, "0.8", {"acceptance": "0.8, 0.6"}),
    ({"speculation": "eagle3:2", "acceptance": [0.5, 0.6]}, "one rate", {"acceptance": 0.5}),
    ({"speculation": "eagle3:3", "acceptance": [0.5, 0.4]}, "one rate", {"acceptance": 0.5}),
    ({"speculation": "eagle3:2:repeat"}, "mtp", {"speculation": "eagle3:2"}),
    ({"speculation": "ngram:3:llama-3.2-1b"}, "draft", {"speculation": "ngram:3"}),
    ({"speculation": "diffusion:32"}, "passes", {"deployment.speculation.passes": 8}),
    (
        {"speculation": "diffusion:32", "deployment.speculation.passes": 40},
        "at most 32",
        {"deployment.speculation.passes": 32},
    ),
    (
        {"speculation": "eagle3:3", "deployment.speculation.widths": [2, 2]},
        "one for each",
        {"deployment.speculation.widths": [2, 2, 2]},
    ),
]


@pytest.mark.parametrize(("fields", "remedy", "mended"), REFUSED)
def test_what_cannot_be_is_refused_with_a_remedy_that_works(fields, remedy, mended):
    with pytest.raises(InputError) as refused:
        written(**fields)
    assert remedy in (refused.value.remedy or "")
    written(**{**fields, **mended})


def test_every_published_row_has_a_source_and_rates_that_fall():
    table = acceptance_table()
    assert table.rows
    for row in table.rows:
        assert 1 <= row.mean <= row.depth + 1
        assert list(row.positions or ()) == sorted(row.positions or (), reverse=True)
    assert {row.source for row in table.rows} == set(table.sources)

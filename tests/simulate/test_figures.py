"""One table of figures, and answers that are printed from it."""

import json
import pickle
import re
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from simulator.cli.show import table_file, write_csv
from simulator.economics.rules import Shares, Work
from simulator.errors import InputError
from simulator.report.figures_page import figures_page
from simulator.simulate import figures
from simulator.simulate.figure import PRINTERS, Figure
from simulator.simulate.figures import COLUMNS, FIGURE, FIGURES, figures_of
from simulator.simulate.point import decode_steps
from simulator.simulate.predict import predict
from simulator.simulate.prediction import keys, steps_predicted
from simulator.simulate.replica import replica_of
from simulator.simulate.run import simulate
from simulator.specs.catalogue import scenario_path
from simulator.specs.deployment import Deployment
from simulator.specs.economics import Economics
from simulator.specs.question import read_scenario

DOCUMENTED = [
    "step_time_s", "ttft_s", "tpot_s", "output_tokens_per_s", "output_tokens_per_s_per_device",
    "total_tokens_per_s", "requests_per_s", "bound", "memory_used_bytes", "kv_capacity_tokens",
    "max_batch", "power_w", "power_w_per_device", "joules_per_output_token",
    "joules_per_total_token", "watts_per_token_per_s", "usd_per_million_input_tokens",
    "usd_per_million_output_tokens", "usd_per_million_tokens",
]  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return simulate(read_scenario(scenario_path("quickstart"), {"workload.requests": 60}))


@pytest.fixture(scope="module")
def answer():
    return predict("h100-sxm", "llama-3.1-8b", batch=8, context=2048)


def test_every_figure_has_a_key_of_its_own_and_says_what_it_is():
    assert len(FIGURE) == len(FIGURES)
    for figure in FIGURES:
        assert figure.label
        assert figure.definition
        assert figure.unit in PRINTERS


def test_predict_answers_the_documented_figures_in_their_order():
    found = [key for key in keys() if key in DOCUMENTED]
    assert found == DOCUMENTED
    assert keys()[-1] == "notes"


@pytest.mark.parametrize("name", ["result", "answer"])
def test_every_figure_is_an_attribute_a_key_and_listed(name, request):
    one = request.getfixturevalue(name)
    written = one.to_dict()
    for figure in one.shown:
        assert getattr(one, figure.key) == one.figures.get(figure.key)
        assert figure.key in written
        assert figure.key in dir(one)
    with pytest.raises(AttributeError):
        _ = one.ttft_seconds
    with pytest.raises(FrozenInstanceError):
        one.notes = ()


@pytest.mark.parametrize("name", ["result", "answer"])
def test_notes_are_a_list_in_json_and_a_text_in_csv(name, request, tmp_path):
    one = request.getfixturevalue(name)
    written = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert written["notes"] == list(one.notes)
    with table_file(tmp_path / "out.csv") as file:
        write_csv(["notes"], iter([{"notes": ["one", "two"]}]), file)
    assert (tmp_path / "out.csv").read_text() == "notes\none; two\n"


@pytest.mark.parametrize("name", ["result", "answer"])
def test_answers_are_short_on_a_screen_and_survive_pickling(name, request):
    one = request.getfixturevalue(name)
    assert len(repr(one)) < 300
    assert one.model in repr(one)
    page = one._repr_html_()
    assert page.count("<table>") == page.count("</table>") == 1
    assert "TPOT" in repr(one)
    assert pickle.loads(pickle.dumps(one)).to_dict() == one.to_dict()


def test_html_escapes_what_a_scenario_says():
    sly = read_scenario(
        scenario_path("quickstart"), {"workload.requests": 5, "title": "<script>x</script>"}
    )
    assert "<script>" not in simulate(sly)._repr_html_()


def test_a_frame_has_a_row_a_question():
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    setup = replica_of("h100-sxm", "llama-3.1-8b", Deployment())
    batch = np.array([1.0, 4.0, 16.0])
    steps = decode_steps(setup, batch, np.full(3, 1000.0))
    many = steps_predicted(setup, Economics(), "decode", steps)
    frame = many.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(keys())
    assert len(frame) == 3
    np.testing.assert_array_equal(frame.output_tokens_per_s, many.output_tokens_per_s)
    alone = predict("h100-sxm", "llama-3.1-8b", batch=4, context=1000).to_dict()
    row = many.rows()[1]
    assert list(row) == list(alone)
    for key, value in alone.items():
        assert row[key] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)
    assert "…" in repr(many)


def test_a_frame_without_pandas_is_told_as_input(answer, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=re.escape("roofsim[frame]")):
        answer.to_frame()


def test_a_new_figure_is_one_entry(result, monkeypatch):
    added = Figure(
        "tokens_per_request", "count", "Tokens a request", "output tokens over requests",
        derived=lambda known: known["output_tokens"] / known["finished"],
    )  # fmt: skip
    monkeypatch.setattr(figures, "FIGURES", (*FIGURES, added))
    found = figures_of(result.figures | {"input_tokens_per_s": 1.0, "usd_per_s": None,
                                         "devices": 1})  # fmt: skip
    assert found["tokens_per_request"] == result.output_tokens / result.finished


def test_dollars_and_joules_follow_from_rates():
    known = {
        "power_w": 600.0, "output_tokens_per_s": 300.0, "input_tokens_per_s": 900.0,
        "work": Work(prompts=0.25, added=0.25, uncached=900.0, output=300.0),
        "shares": Shares(0.25, 0.0, 0.75), "usd_per_s": 0.0012, "devices": 2,
    }  # fmt: skip
    found = figures_of(known)
    assert found["joules_per_output_token"] == found["watts_per_token_per_s"] == 2.0
    assert found["joules_per_total_token"] == 0.5
    assert found["output_tokens_per_s_per_device"] == 150.0
    assert found["usd_per_million_tokens"] == pytest.approx(1.0)
    assert found["usd_per_million_input_tokens"] == pytest.approx(1e6 * 0.0003 / 900)
    assert found["usd_per_million_output_tokens"] == pytest.approx(3.0)
    free = figures_of(known | {"usd_per_s": None})
    assert free["usd_per_million_tokens"] is None


def test_columns_are_figures():
    assert set(COLUMNS) <= set(FIGURES)


def test_the_page_of_figures_is_written_from_the_table():
    page = Path(__file__).parents[2] / "docs" / "figures.md"
    assert page.read_text(encoding="utf-8") == figures_page(), "nox -s docs writes it"

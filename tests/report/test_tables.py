"""What people read on a terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from simulator.report import measures
from simulator.report.tables import Column, comparison, summary, table
from simulator.simulate.figures import FIGURE, HEADLINE


def printed(renderable, width=110):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(renderable)
    return stream.getvalue()


def test_summary_has_the_headline_figures(result):
    text = printed(summary(result))
    for figure in HEADLINE:
        assert figure.number(result.figures[figure.key]) in text
    assert "80 % interval" in text
    assert "p99" in text
    for note in result.notes:
        assert note.split(";")[0] in text


def test_comparison_is_relative_to_the_first(results):
    text = printed(comparison(results), width=140)
    ratio = results[1].metrics.tpot_s.mean / results[0].metrics.tpot_s.mean
    assert measures.times(ratio) in text
    assert all(r.hardware_title in text for r in results)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_comparison_fits_the_terminal(results, width):
    text = printed(comparison(results), width=width)
    assert "…" not in text
    assert all(f.number(results[2].figures.get(f.key)) in text for f in HEADLINE)


def test_a_table_of_anything():
    text = printed(table([Column("name"), Column("n", "right")], [("a [x]", 1), ("b", None)]))
    assert text.splitlines()[1].split() == ["a", "[x]", "1"]
    assert text.splitlines()[2].split() == ["b", "–"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("output_tokens_per_s", 1834.4, "1,834 tokens/s"),
        ("usd_per_million_tokens", 0.1343, "$0.134"),
        ("joules_per_output_token", 0.456, "456 mJ"),
        ("power_w_per_device", 593.0, "593 W"),
        ("peak_kv_fraction", 0.0808, "8.08 %"),
        ("usd_per_device_hour", 3.49, "$3.49/h"),
        ("e2e_p99_s", 3138.0, "52.3 min"),
        ("overloaded", False, "no"),
        ("steps", 40222, "40,222"),
        ("ttft_s", None, "–"),
    ],
)
def test_show(key, value, words):
    assert FIGURE[key].show(value) == words


def test_labels_tell_results_apart(results):
    assert len(set(measures.labels([*results, results[0]]))) == 4


def test_labels_say_which_scenario_where_several_are_compared(results):
    other = replace(results[1], scenario="another")
    names = measures.labels([results[0], other])
    assert names[0].endswith(results[0].scenario)
    assert names[1].endswith("another")

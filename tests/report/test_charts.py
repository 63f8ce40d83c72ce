"""Charts are the same bytes every time, conserve what they show, and survive odd results."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.report import style
from simulator.report.charts.comparison import best, comparison
from simulator.report.charts.latency import latency
from simulator.report.charts.operators import operators, segments
from simulator.report.charts.parity import parity
from simulator.report.charts.roofline import device_roofline, roofline
from simulator.report.charts.timeline import rates, timeline
from simulator.report.placing import Box, beside_points, spread
from simulator.report.roof import Roof
from simulator.report.write import images
from simulator.serving.outcome.records import REJECTED
from simulator.simulate.figures import FIGURE


@pytest.fixture(scope="module")
def roof(result):
    return Roof.named(result.hardware)


@pytest.mark.parametrize("name", ["roofline", "latency", "timeline", "operators", "parity"])
def test_the_same_bytes_every_time(name, result, roof):
    draw = {
        "roofline": lambda: roofline(result, roof),
        "latency": lambda: latency(result),
        "timeline": lambda: timeline(result, roof),
        "operators": lambda: operators(result),
        "parity": lambda: parity([1.0, 2.0], [1.1, 1.9], ["a", "b"], quantity="TPOT"),
    }[name]
    once, again = (images(name, draw(), "words") for _ in range(2))
    assert once == again
    assert once[f"{name}.png"]
    text = once[f"{name}.svg"].decode()
    assert 'aria-label="words"' in text
    assert "<metadata" not in text


def test_drawing_leaves_the_callers_settings_alone(result):
    import matplotlib

    before = dict(matplotlib.rcParams)
    style.svg(latency(result))
    assert dict(matplotlib.rcParams) == before


def test_operators_with_arithmetic_are_named_on_the_roofline(result, roof):
    text = style.svg(roofline(result, roof))
    for op in result.decode.operators:
        if op.flops > 0 and op.memory_bytes > 0:
            assert op.name.removesuffix(" (decode)") in text
    assert "ridge" in text


@pytest.mark.parametrize("hardware", ["cerebras-wse-3", "apple-m4", "tpu-v5e", "b200"])
def test_every_kind_of_device_has_a_roofline(hardware):
    roof = Roof.named(hardware)
    text = style.svg(device_roofline(roof))
    assert all(names in text for names, _ in roof.ceilings())


def test_segments_make_up_the_whole_step(result):
    for binding in (result.prefill, result.decode):
        assert sum(s.share for s in segments(binding)) == pytest.approx(1, abs=0.003)


@pytest.mark.parametrize("most", [1, 7, 160, 10_000])
def test_rates_conserve_tokens_and_joules(result, most):
    found = rates(result, idle_w=100.0, most=most)
    width = np.diff(found.edges_s)
    tokens = result.timeline["output_tokens"].sum()
    assert (found.output_tokens_per_s * width).sum() == pytest.approx(tokens)
    idle = result.replicas * found.edges_s[-1] - result.timeline["busy_s"].sum()
    joules = result.timeline["energy_j"].sum() + 100.0 * idle
    assert (found.watts_per_device * width).sum() * result.replicas == pytest.approx(joules)


def test_nothing_finished_still_draws(result):
    nan = np.full_like(result.records.arrival_s, np.nan)
    records = replace(
        result.records,
        first_token_s=nan,
        started_s=nan,
        finished_s=nan,
        status=np.full_like(result.records.status, REJECTED),
    )
    from simulator.serving.outcome.metrics import Distribution

    none = Distribution.of(nan)
    metrics = replace(result.metrics, ttft_s=none, tpot_s=none, e2e_s=none)
    empty = {k: v[:1] * (k == "time_s") for k, v in result.timeline.items()}
    failed = replace(result, records=records, metrics=metrics, timeline=empty)
    assert "No request was answered" in style.svg(latency(failed))
    style.svg(timeline(failed))


def test_names_of_any_length_stay_within_the_chart(results):
    long = replace(results[1], hardware_title="A device with a name of many words, one of its dies")
    figure = comparison([results[0], long])
    figure.draw_without_rendering()
    texts = [text for axes in figure.axes for text in axes.texts] + figure.texts
    assert min(text.get_window_extent().x0 for text in texts) >= 0


def test_comparison_shows_values_and_factors(results):
    text = style.svg(comparison(results))
    assert "Apple M4 Max" in text
    assert "×" in text


def test_the_best_is_the_highest_or_the_lowest():
    throughput, ttft = FIGURE["output_tokens_per_s"], FIGURE["ttft_s"]
    assert best(throughput, [1.0, 3.0, None]) == 1
    assert best(ttft, [1.0, 3.0, None]) == 0
    assert best(ttft, [None, 3.0]) is None


def test_parity_leaves_out_what_cannot_be_compared():
    figure = parity([1.0, np.nan, 2.0], [1.0, 1.0, 0.0], ["a", "a", "b"], quantity="TTFT")
    assert "1 measurements" in style.svg(figure)
    assert "nothing to compare" in style.svg(parity([], [], [], quantity="TTFT"))


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 8)), min_size=1, max_size=12),
    st.floats(0, 2),
)
def test_spread_labels_never_overlap(labels, gap):
    centres, widths = (np.array(v) for v in zip(*labels, strict=True))
    placed = spread(centres, widths, 0, 1000, gap)
    order = np.argsort(centres, kind="stable")
    apart = np.diff(placed[order])
    needed = (widths[order][:-1] + widths[order][1:]) / 2 + gap
    assert (apart >= needed - 1e-6).all()
    assert placed.min() >= -1e-9


def test_labels_stand_beside_their_points():
    points = [(50.0, 50.0), (52.0, 50.0), (150.0, 20.0)]
    places = beside_points(points, [4.0] * 3, [(40.0, 10.0)] * 3, Box(0, 0, 220, 100))
    boxes = [p.box for p in places]
    assert all(a.overlap(b) == 0 for i, a in enumerate(boxes) for b in boxes[:i])

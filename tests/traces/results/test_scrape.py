"""Scrapes of a server's metrics: rates and lengths of what it was asked."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent))
from files import scrape

from simulator.errors import InputError
from simulator.traces.results.scrape import Histogram, Scrape, busy, lengths, workload

PATH = Path("scrape.prom")


def read(text):
    return Scrape.of(text, PATH)


def test_lengths_and_rate_of_one_scrape():
    found = busy(read(scrape(100, running=8)), PATH)
    assert found.model == "Qwen/Qwen3-8B"
    assert found.prompts.mean == 300
    # Eight in flight that take 0.8 s each.
    assert found.rate == pytest.approx(10.0)
    assert "--seconds" in found.notes[0]
    assert busy(read(scrape(100)), PATH, seconds=50).rate == pytest.approx(2.0)


def test_two_scrapes_tell_what_came_between():
    later = read(scrape(300, prompt_mean=400.0))
    between = later.since(read(scrape(100, prompt_mean=200.0)), PATH)
    found = busy(between, PATH, seconds=100)
    assert found.rate == pytest.approx(2.0)
    assert found.prompts.mean == pytest.approx(500.0)
    with pytest.raises(InputError, match="lower than in the scrape before"):
        read(scrape(100)).since(later, PATH)


def test_a_scrape_becomes_arrivals_and_lengths():
    made = workload(busy(read(scrape(100)), PATH), PATH, 50)
    assert made["arrivals"] == {"process": "poisson", "rate": pytest.approx(10.0)}
    values, weights = (np.array(made["input_tokens"][key]) for key in ("values", "weights"))
    assert np.average(values, weights=weights) == pytest.approx(300, rel=0.01)
    assert weights[values <= 200].sum() == pytest.approx(50)


def test_an_idle_server_needs_to_be_told_the_time():
    with pytest.raises(InputError, match="how often requests came") as caught:
        workload(busy(read(scrape(100, running=0)), PATH), PATH, 50)
    assert "--seconds" in caught.value.remedy


def test_gauges_alone_tell_no_lengths(shared_data):
    path = shared_data / "formats" / "examples" / "vllm_metrics_sketch.prom"
    with pytest.raises(InputError, match="no finished requests"):
        busy(Scrape.of(path.read_text(), path), path)


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any),
    place=st.floats(0.05, 0.95),
)
def test_drawn_lengths_keep_the_mean_and_the_buckets(counts, place):
    bounds = [float(10 * 4**i) for i in range(len(counts))]
    edges = np.array([0.0, *bounds])
    total = float((np.array(counts) * (edges[:-1] + place * np.diff(edges))).sum())
    found = lengths(Histogram(tuple(bounds), tuple(map(float, counts)), total, float(sum(counts))))
    values, weights = np.array(found["values"]), np.array(found["weights"])
    assert np.average(values, weights=weights) == pytest.approx(total / sum(counts), rel=0.1, abs=1)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        inside = (values >= max(low, 1)) & (values <= high)
        # A length on a bound counts for either side.
        assert weights[inside].sum() >= count - 1e-6

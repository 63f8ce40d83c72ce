"""The bound against closed forms, against itself under more load, and against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as rs
from simulator.planning.bound.closed_loop import closed_loop
from simulator.planning.bound.lengths import Lengths
from simulator.planning.bound.limit import saturation
from simulator.planning.bound.loaded import loaded
from simulator.planning.bound.pace import Pace, pace_of
from simulator.simulate.replica import replica_of
from simulator.specs.deployment import Deployment

LENGTHS = Lengths(prompt=1000.0, answer=200.0)


def paced(hardware: str, model: str, lengths: Lengths = LENGTHS, **settings_: object) -> Pace:
    return pace_of(replica_of(hardware, model, Deployment(**settings_)), lengths)


@pytest.fixture(scope="module", params=["vllm", "sglang"])
def pace(request: pytest.FixtureRequest) -> Pace:
    return paced("h100-sxm", "llama-3.1-8b", engine=request.param)


def test_a_lone_request_sees_the_steps_alone(pace: Pace) -> None:
    found = loaded(pace, np.array([1e-6]))
    limits = pace.limits
    assert limits.front_end is not None
    front_s = limits.front_end.request_s + limits.front_end.token_s * LENGTHS.prompt
    alone_s = limits.request_overhead_s + front_s + pace.prompt_s[0, 0]
    assert found.ttft_s[0] == pytest.approx(alone_s, rel=1e-3)
    assert found.tpot_s[0] == pytest.approx(pace.decode_s[0], rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(low=st.floats(0.05, 0.9), more=st.floats(1.01, 1.5))
def test_more_load_is_never_faster(pace: Pace, low: float, more: float) -> None:
    most = saturation(pace)
    found = loaded(pace, most * np.array([low, min(low * more, 0.99)]))
    for values in (found.ttft_s, found.tpot_s, found.ttft_high_s, found.sequences, found.load):
        assert values[1] >= values[0] * (1 - 1e-3)
    assert (found.ttft_high_s >= found.ttft_s).all()
    assert (found.tpot_high_s >= found.tpot_s).all()
    assert found.is_steady.all()


def test_saturation_is_where_queues_begin_to_grow(pace: Pace) -> None:
    most = saturation(pace)
    assert loaded(pace, np.array([0.999 * most])).is_steady.all()
    assert not loaded(pace, np.array([1.01 * most])).is_steady.any()


def test_users_are_all_somewhere(pace: Pace) -> None:
    """Little's law: the rate times the time of a request is the number of users."""
    users = np.array([1.0, 8.0, 64.0, 400.0, 5000.0])
    found = closed_loop(pace, users, think_s=0.5)
    busy_s = found.ttft_s + found.tpot_s * (LENGTHS.answer - 1) + 0.5
    assert found.rate * busy_s == pytest.approx(users, rel=0.03)
    assert (np.diff(found.rate) >= 0).all()
    assert found.rate[-1] == pytest.approx(saturation(pace), rel=1e-6)


SYSTEMS = [
    ("h100-sxm", "llama-3.1-8b", {}, 1000, 200, 0.6),
    ("b200", "qwen3-30b-a3b", {"engine": "sglang"}, 2000, 100, 0.5),
    (
        "h200-sxm",
        "llama-3.3-70b",
        {"tp": 4, "precision": "fp8", "engine": "trtllm"},
        4000,
        300,
        0.7,
    ),
    ("mi300x", "gpt-oss-120b", {"tp": 2, "max_batched_tokens": 2048}, 5000, 280, 0.6),
    ("l40s", "phi-4", {"tp": 2, "precision": "fp8", "max_sequences": 16}, 300, 500, 0.5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("hardware", "model", "layout", "isl", "osl", "load"), SYSTEMS)
def test_the_bound_is_near_what_is_simulated(
    hardware: str, model: str, layout: dict[str, object], isl: int, osl: int, load: float
) -> None:
    lengths = Lengths(prompt=float(isl), answer=float(osl))
    found = paced(hardware, model, lengths, **layout)
    rate = load * saturation(found)
    bound = loaded(found, np.array([rate]))
    simulated = rs.predict(
        hardware, model, phase="serve", isl=isl, osl=osl, rate=rate, requests=1500, **layout
    )
    assert bound.ttft_s[0] == pytest.approx(simulated.ttft_s, rel=0.25)
    assert bound.tpot_s[0] == pytest.approx(simulated.tpot_s, rel=0.1)

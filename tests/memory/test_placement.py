"""Placement: bytes are conserved, and what cannot be placed is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.memory.placement import experts_of, layer_bytes, layers_of, place_weights
from simulator.specs import catalogue
from simulator.specs.offload import WeightOffload

DENSE = build(catalogue.model("llama-3.1-8b"))
MIXTURE = build(catalogue.model("qwen3-30b-a3b"))


@given(st.integers(1, 32), st.integers(1, 8))
def test_bytes_are_neither_lost_nor_made(layers: int, depth: int) -> None:
    settings = WeightOffload(policy="prefetch", layers=layers, prefetch_depth=min(depth, layers))
    found = place_weights(DENSE, settings)
    assert sum(found.away) == layers
    kept = found.device_bytes - found.buffer_bytes
    assert kept + found.away_bytes == pytest.approx(DENSE.weight_bytes)


def test_the_last_layers_of_every_group_are_moved() -> None:
    settings = WeightOffload(policy="prefetch", group=4, layers_in_group=1, prefetch_depth=2)
    found = place_weights(DENSE, settings)
    assert found.away == (False, False, False, True) * 8
    assert found.buffer_bytes == 2 * layer_bytes(DENSE)


def test_gigabytes_are_taken_as_they_are() -> None:
    found = place_weights(DENSE, WeightOffload(policy="on-demand", gigabytes=5))
    assert found.away_bytes == 5e9
    assert found.device_bytes == DENSE.weight_bytes - 5e9


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(InputError, match="32 layers"):
        place_weights(DENSE, WeightOffload(policy="on-demand", gigabytes=50))


def test_a_prefetch_deeper_than_what_it_saves_is_refused() -> None:
    settings = WeightOffload(policy="prefetch", layers=4, prefetch_depth=5)
    with pytest.raises(InputError, match="prefetch 5 layers deep needs 5 ×"):
        place_weights(DENSE, settings)


def test_experts_stay_as_many_as_asked() -> None:
    some = place_weights(MIXTURE, WeightOffload(policy="experts", experts_on_device=32))
    none = place_weights(MIXTURE, WeightOffload(policy="experts", experts_on_device=0))
    op = experts_of(MIXTURE)[0]
    assert some.away_bytes == pytest.approx(none.away_bytes * (op.experts - 32) / op.experts)
    assert layers_of(MIXTURE) == 48


def test_a_dense_model_has_no_experts_to_move() -> None:
    with pytest.raises(InputError, match="no routed experts"):
        place_weights(DENSE, WeightOffload(policy="experts"))


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        WeightOffload(policy="prefetch", gigabytes=1, layers=1)
    with pytest.raises(ValueError, match="is more than group"):
        WeightOffload(policy="prefetch", group=2, layers_in_group=3)

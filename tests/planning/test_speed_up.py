"""What drafting gains at each batch, and where it loses."""

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.planning.speed_up import speed_up
from simulator.report.charts.speed_up import speed_up as drawn
from simulator.report.style import svg
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario

LLAMA = read_scenario(scenario_path("drafting"))


def test_drafting_stops_to_pay_where_compute_binds():
    found = speed_up(LLAMA)
    assert found.gain[0] > 2
    assert found.crossing is not None
    assert found.gain[-1] < 1 < found.gain[found.batch < found.crossing].max()
    here = int(np.searchsorted(found.batch, found.crossing))
    assert found.shares["compute"][0] < 0.1 < 0.5 < found.shares["compute"][here]
    assert "compute" in found.words and str(found.crossing) in found.words


def test_what_binds_adds_up_to_the_step():
    found = speed_up(LLAMA, batches=(1, 16, 128))
    np.testing.assert_allclose(sum(found.shares.values()), 1.0, rtol=1e-9)


def test_better_acceptance_moves_the_crossing_out():
    low, high = (
        speed_up(
            read_scenario(scenario_path("drafting"), {"deployment.speculation.acceptance": rate})
        ).crossing
        for rate in (0.4, 0.6)
    )
    assert low is not None
    assert high is None or low < high


def test_it_is_drawn():
    found = speed_up(LLAMA, batches=(1, 8, 64, 300))
    text = svg(drawn(found), found.words)
    assert "Drafting pays" in text


def test_a_scenario_that_does_not_draft_is_refused():
    with pytest.raises(InputError, match="does not draft"):
        speed_up(read_scenario(scenario_path("quickstart")))

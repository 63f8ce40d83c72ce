"""``import simulator as rs``: names are found when asked for, and stay what they are."""

import subprocess
import sys

import pytest

import simulator as rs


def test_the_package_lists_what_it_offers():
    assert dir(rs) == sorted(rs.__all__)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = rs.simulation


@pytest.mark.parametrize(
    "before",
    [
        "rs.predict",
        "import simulator.simulate.run as room",
        "rs.simulate; import simulator.simulate",
    ],
)
def test_simulate_stays_a_function_whatever_was_imported(before):
    """The function has the name of the room that it is in."""
    code = f"""
import simulator as rs
{before}
from simulator.specs.catalogue import scenario_path
asked = rs.read_scenario(scenario_path("quickstart"), {{"workload.requests": 3}})
assert rs.simulate(asked).finished == 3
"""
    subprocess.run([sys.executable, "-c", code], check=True)

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
    ["rs.predict", "import simulator.simulate.figures", "rs.simulate; import simulator.simulate"],
)
def test_simulate_stays_a_function_whatever_was_imported(before):
    code = f"import simulator as rs\n{before}\nassert callable(rs.simulate), rs.simulate"
    subprocess.run([sys.executable, "-c", code], check=True)

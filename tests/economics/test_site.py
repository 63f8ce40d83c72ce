"""What draws power around devices, and the limits of racks and sites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.site import Draw, limits_checked
from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.ownership import ownership

H100 = catalogue.hardware("h100-sxm")


@given(st.floats(0, 1e6), st.integers(1, 1000), st.floats(1, 3), st.floats(0.5, 1))
def test_the_parts_of_a_site_are_all_of_it(watts, devices, pue, efficiency):
    known = ownership(H100, Economics(pue=pue, psu_efficiency=efficiency))
    draw = Draw.of(known, devices)
    parts = draw.plug_w(watts) + draw.network_w + draw.cooling_w(watts)
    assert parts == pytest.approx(draw.site_w(watts), rel=1e-12)
    assert draw.site_w(watts) == pytest.approx(pue * (draw.plug_w(watts) + draw.network_w))
    low, high = (Draw.of(known, devices, end).site_w(watts) for end in ("low", "high"))
    assert low <= draw.site_w(watts) <= high


def test_figures_of_energy_hang_together():
    found = predict("h100-sxm", "llama-3.1-8b", phase="serve", isl=500, osl=50, rate=4,
                    requests=60, **{"economics.grid_g_per_kwh": 400})  # fmt: skip
    parts = found.power_w + found.host_power_w
    assert parts == pytest.approx(found.wall_power_w)
    parts += found.network_power_w + found.cooling_power_w
    assert parts == pytest.approx(found.site_power_w)
    assert found.joules_per_request == pytest.approx(found.power_w / found.requests_per_s)
    grams = found.site_power_w / 3.6e6 * 400 / found.requests_per_s
    assert found.co2_g_per_request == pytest.approx(grams)
    tokens = found.total_tokens_per_s / found.requests_per_s
    assert found.co2_g_per_million_tokens == pytest.approx(1e6 * grams / tokens)
    for key in ("host_power_w", "wall_power_w", "site_power_w", "site_joules_per_output_token"):
        low, high = found.intervals[key]
        assert low < found.figures[key] < high


def test_no_carbon_is_counted_without_a_grid():
    assert predict("h100-sxm", "llama-3.1-8b").co2_g_per_million_tokens is None


@pytest.mark.parametrize(
    ("limits", "devices", "fits", "told"),
    [
        ({"rack_watts": 40e3}, 64, True, "3 racks"),
        ({"rack_watts": 40e3}, 8, True, "one rack"),
        ({"rack_watts": 8e3}, 8, False, "over the limit of a rack"),
        ({"site_watts": 1e6}, 64, True, "within the limit of the site"),
        ({"site_watts": 50e3}, 64, False, "over the limit of the site"),
    ],
)
def test_limits_are_checked_and_told(limits, devices, fits, told):
    ((checked),) = limits_checked(H100, Economics(**limits), devices)
    assert checked.fits is fits
    assert told in checked.words


def test_an_answer_says_what_its_limits_make_of_it():
    found = predict("h100-sxm", "llama-3.1-8b", **{"economics.site_watts": 1000})
    assert any("over the limit of the site" in note for note in found.notes)

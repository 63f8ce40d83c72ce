"""What stands in for a device's power where nobody measured it."""

from simulator.roofline.laws.power.constants import PowerShares


def test_what_nobody_measured_stays_within_what_circuits_draw() -> None:
    """A byte over a link takes 1 to 100 pJ; energy goes as voltage squared, at most cubed."""
    assumed = PowerShares(idle=0.2, active=0.0, compute=2.0, memory=0.8)
    assert 1e-12 <= assumed.joules_per_link_byte <= assumed.joules_per_host_byte <= 100e-12
    assert 1 <= assumed.clock_exponent <= 3
    assert 0.05 <= assumed.lowest_clock <= 0.5
    assert 0.9 <= assumed.sustained_limit <= 1.0

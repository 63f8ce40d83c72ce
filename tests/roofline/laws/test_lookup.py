"""Gathers of small rows: whole granules, the lookups of pages, and a kernel's own start."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.operator import Lookup
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.lookup.constants import LOOKUP, GatherCalibration
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.specs import catalogue

LAW = GatherCalibration(
    efficiency=0.8, floor_s=9e-6, latency_s=3e-6, granule_bytes=64.0, lookups_per_s=1e9,
    resident_rows=1000.0, exposed=0.25,
)  # fmt: skip


@given(
    st.integers(0, 10**6), st.sampled_from([1.0, 64.0, 100.0, 4096.0]),
    st.sampled_from([5e10, 4e12]), st.sampled_from([1.0, 2.0]),
)  # fmt: skip
def test_gathers_by_hand(rows, row_bytes, bandwidth, moves):
    transfer_s = rows * math.ceil(row_bytes / 64) * 64 * moves / (0.8 * bandwidth)
    lookups_s = max(rows - 1000, 0) / 1e9
    busy_s = max(transfer_s, lookups_s + 0.25 * transfer_s)
    expected = max(9e-6, 3e-6 + busy_s) if rows else 0.0
    found = gather_time_s(LAW, rows, row_bytes, bandwidth, moves_per_byte=moves)
    assert found == pytest.approx(expected, rel=1e-12)


def test_tables_on_the_device_are_read_and_written_at_its_own_bandwidth():
    device = resolve(catalogue.hardware("h200-sxm"))
    op = Lookup(
        name="rows", table_parameters=10**9, bytes_per_value=2.0, rows_per_token=16,
        row_bytes=320.0, earlier_layers=2, count=3,
    )  # fmt: skip
    shape = StepShape.decode(np.array([0.0, 7.0, 5000.0]), 100.0)
    (found,) = cost(op, shape, device, device.book)
    law = device.book.law(LOOKUP).constants
    rows = np.array([0.0, 7.0, 5000.0]) * 16
    once = gather_time_s(law, rows, 320.0, device.bandwidth_bytes_per_s, moves_per_byte=2.0)
    assert found.time_s == pytest.approx(3 * once)
    assert found.time_s[0] == 0.0

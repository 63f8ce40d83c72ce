"""Closed forms, conservation and monotonicity of the collective laws."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.device.links import menus_of
from simulator.roofline.laws.collective.constants import Link, LinkCalibration, Protocol
from simulator.roofline.laws.collective.experts import (
    ExchangeMode,
    distinct_destinations,
    expert_exchange_s,
)
from simulator.roofline.laws.collective.fabric import (
    Bridge,
    Fabric,
    FabricKind,
    extents,
    geometry,
)
from simulator.roofline.laws.collective.formula import (
    ALL_REDUCES,
    all_to_all_s,
    in_network_all_reduce_s,
    one_shot_all_reduce_s,
    ring_all_gather_s,
    ring_all_reduce_s,
    send_receive_s,
    staged_all_reduce_s,
    staged_in_switch_all_reduce_s,
    tree_all_reduce_s,
    two_shot_all_reduce_s,
)
from simulator.roofline.laws.collective.hierarchy import (
    hierarchical_all_gather_s,
    hierarchical_all_reduce_s,
    hierarchical_all_to_all_s,
    hierarchical_reduce_scatter_s,
)
from simulator.roofline.laws.collective.kernels import AllReduceMenu, AllReduces
from simulator.roofline.laws.collective.menu import all_gather_s, all_reduce_s, reduce_scatter_s
from simulator.roofline.laws.collective.span import spanned
from simulator.specs.catalogue import engine_profile
from simulator.validation.calibrate import collective as fitting

BASE_S, STEP_S, BANDWIDTH = 5e-6, 1e-6, 4e11
FREE = Protocol(0.0, 0.0, 1.0)
PLAIN = Protocol(BASE_S, STEP_S, 1.0)
MIB = 1 << 20


def calibration(protocol: Protocol, copy_fraction: float = np.inf) -> LinkCalibration:
    """One protocol everywhere, so that laws reduce to their textbook form."""
    return LinkCalibration(
        ring_short=protocol,
        ring_long=protocol,
        ring_own_shard_fraction=copy_fraction,
        exchange_short=protocol,
        exchange_long=protocol,
        exchange_own_shard_fraction=copy_fraction,
        one_shot=protocol,
        two_shot=protocol,
        staged=protocol,
        staging_fraction=copy_fraction,
        in_network=protocol,
    )


REALISTIC = LinkCalibration(
    ring_short=Protocol(5.3e-6, 7.9e-7, 0.31),
    ring_long=Protocol(1.8e-5, 7.7e-7, 0.8),
    ring_own_shard_fraction=1.4,
    exchange_short=Protocol(6.2e-6, 3e-7, 0.022),
    exchange_long=Protocol(1.3e-5, 1e-8, 0.66),
    exchange_own_shard_fraction=5.7,
    one_shot=Protocol(4.3e-6, 7e-8, 0.63),
    two_shot=Protocol(5.8e-6, 3.9e-7, 0.6),
    staged=Protocol(5.8e-6, 5.4e-7, 0.65),
    staging_fraction=2.0,
    in_network=Protocol(6.7e-5, 0.0, 0.66),
)


def switched(devices: int = 8, bandwidth: float = BANDWIDTH, **changes: Any) -> Fabric:
    base = Fabric(FabricKind.SWITCHED, devices, bandwidth, bandwidth)
    return replace(base, **changes)


def torus(*dims: int, kind: FabricKind = FabricKind.TORUS, hop_s: float = 0.0) -> Fabric:
    links = 2 * len(dims)
    return Fabric(kind, int(np.prod(dims)), BANDWIDTH, BANDWIDTH / links, hop_s, dims)


FABRICS = {
    "switch": switched(64, in_network_reduction=True),
    "peer mesh": Fabric(FabricKind.PEER_MESH, 8, BANDWIDTH, BANDWIDTH / 7),
    "ring": torus(8, hop_s=5e-7),
    "torus": torus(4, 4, 4, hop_s=5e-7),
    "wafer": torus(32, 32, kind=FabricKind.GRID, hop_s=2e-9),
}
NCCL = AllReduceMenu(("ring", "in_network"))
ANY = AllReduceMenu(tuple(ALL_REDUCES))
MENUS = AllReduces(NCCL, AllReduceMenu(("ring", "tree", "in_network")))
VLLM_HOPPER = menus_of(engine_profile("vllm"), "nvlink.4").scale_up
OPERATIONS = {
    "all-reduce": lambda m, n, link: all_reduce_s(m, n, link, NCCL),
    "all-reduce, any algorithm": lambda m, n, link: all_reduce_s(m, n, link, ANY),
    "all-gather": all_gather_s,
    "reduce-scatter": reduce_scatter_s,
    "all-to-all": all_to_all_s,
}
fabrics = pytest.mark.parametrize("fabric", FABRICS.values(), ids=FABRICS)
operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


class TestClosedForms:
    @pytest.mark.parametrize("n", [2, 3, 4, 8])
    def test_ring_all_reduce(self, n):
        link = Link(switched(), calibration(PLAIN))
        expected = BASE_S + 2 * (n - 1) * STEP_S + 2 * (n - 1) / n * MIB / BANDWIDTH
        assert ring_all_reduce_s(MIB, n, link) == pytest.approx(expected)

    @pytest.mark.parametrize("n", [2, 4, 8])
    def test_direct_algorithms_put_their_shares_on_the_wire(self, n):
        link = Link(switched(in_network_reduction=True), calibration(FREE))
        wire_s = MIB / BANDWIDTH
        assert one_shot_all_reduce_s(MIB, n, link) == pytest.approx((n - 1) * wire_s)
        assert two_shot_all_reduce_s(MIB, n, link) == pytest.approx(2 * (n - 1) / n * wire_s)
        assert in_network_all_reduce_s(MIB, n, link) == pytest.approx((1 + 1 / n) * wire_s)
        assert staged_in_switch_all_reduce_s(MIB, n, link) == pytest.approx((1 + 1 / n) * wire_s)
        assert staged_all_reduce_s(MIB, n, link) == two_shot_all_reduce_s(MIB, n, link)

    def test_tree_needs_logarithmic_steps(self):
        link = Link(switched(1024), calibration(PLAIN))
        expected = BASE_S + 20 * STEP_S + 2 * MIB / BANDWIDTH
        assert tree_all_reduce_s(MIB, 1024, link) == pytest.approx(expected)

    def test_send_receive_uses_one_peer_link(self):
        link = Link(FABRICS["peer mesh"], calibration(PLAIN))
        expected = BASE_S + STEP_S + MIB / (BANDWIDTH / 7)
        assert send_receive_s(MIB, link) == pytest.approx(expected)

    def test_own_shard_is_copied_once(self):
        link = Link(switched(), calibration(FREE, copy_fraction=2.0))
        expected = (7 / 8 + 1 / 16) * MIB / BANDWIDTH
        assert ring_all_gather_s(MIB, 8, link) == pytest.approx(expected)


class TestGeometry:
    def test_peer_mesh_reaches_full_bandwidth_only_with_all_peers(self):
        shape = geometry(FABRICS["peer mesh"], np.array([2, 4, 8]))
        assert shape.ring_bandwidth_bytes_per_s == pytest.approx(
            BANDWIDTH * np.array([1 / 7, 3 / 7, 1])
        )

    def test_larger_groups_cross_the_bridges_of_a_box(self):
        box = switched(8, bridges=(Bridge(2, BANDWIDTH / 4), Bridge(4, BANDWIDTH / 16)))
        shape = geometry(box, np.array([2, 4, 8]))
        expected = BANDWIDTH * np.array([1, 1 / 4, 1 / 16])
        assert shape.ring_bandwidth_bytes_per_s == pytest.approx(expected)
        (apart,) = spanned((Link(box, REALISTIC),), 2)
        far = geometry(apart.fabric, np.array([2, 4]))
        assert far.ring_bandwidth_bytes_per_s == pytest.approx(expected[1:])

    @pytest.mark.parametrize("dims", [(8,), (8, 8), (4, 8), (4, 4, 4), (16, 24, 24)])
    def test_torus_all_to_all_is_bound_by_its_bisection(self, dims):
        fabric = torus(*dims)
        n, longest = fabric.devices, max(dims)
        link_bandwidth = BANDWIDTH / (2 * len(dims))
        bisection = 2 * n / longest * link_bandwidth
        crossing = n / 2 * MIB / 2
        assert all_to_all_s(MIB, n, Link(fabric, calibration(FREE))) == pytest.approx(
            crossing / bisection
        )

    def test_grid_has_half_the_torus_bisection(self):
        wrapped, open_ended = torus(8, 8), torus(8, 8, kind=FabricKind.GRID)
        free = calibration(FREE)
        assert all_to_all_s(MIB, 64, Link(open_ended, free)) == pytest.approx(
            2 * all_to_all_s(MIB, 64, Link(wrapped, free))
        )

    def test_full_torus_reduces_at_full_bandwidth(self):
        link = Link(torus(4, 4, 4), calibration(FREE))
        expected = 2 * 63 / 64 * MIB / BANDWIDTH
        assert ring_all_reduce_s(MIB, 64, link) == pytest.approx(expected)

    @given(st.integers(0, 12))
    def test_extents_multiply_to_the_group(self, exponent):
        group = 2.0**exponent
        found = extents(torus(16, 16, 16), np.array([group]))
        assert np.prod(found) == pytest.approx(group)

    def test_too_large_groups_are_refused(self):
        with pytest.raises(ValueError, match="1 to 8 devices"):
            all_reduce_s(MIB, 16, Link(switched(8), REALISTIC), NCCL)

    def test_dims_must_hold_the_devices(self):
        with pytest.raises(ValueError, match="dims"):
            Fabric(FabricKind.TORUS, 64, 1e11, 1e10, dims=(4, 4))


class TestConservation:
    @fabrics
    @given(message=st.floats(0, 1e10))
    def test_reduce_scatter_and_all_gather_make_a_ring_all_reduce(self, fabric, message):
        link = Link(fabric, calibration(Protocol(0.0, STEP_S, 0.8)))
        both = reduce_scatter_s(message, 8, link) + ring_all_gather_s(message, 8, link)
        assert ring_all_reduce_s(message, 8, link) == pytest.approx(both)

    @operations
    @fabrics
    def test_one_device_has_nothing_to_exchange(self, fabric, operation):
        assert operation(MIB, 1, Link(fabric, REALISTIC)) == 0.0

    @fabrics
    def test_shapes_broadcast(self, fabric):
        sizes = np.array([1e3, 1e6, 1e9])[:, None]
        groups = np.array([1, 2, 4, 8])
        for operation in OPERATIONS.values():
            assert operation(sizes, groups, Link(fabric, REALISTIC)).shape == (3, 4)

    @given(top_k=st.integers(1, 16), ranks=st.integers(1, 512))
    def test_distinct_destinations_are_possible(self, top_k, ranks):
        mean = distinct_destinations(top_k, ranks)
        assert 1 - 1e-9 <= mean <= min(top_k, ranks) + 1e-9


class TestMonotonicity:
    @operations
    @fabrics
    @given(message=st.floats(0, 1e10), more=st.floats(1, 100))
    def test_more_bytes_are_never_faster(self, fabric, operation, message, more):
        link = Link(fabric, REALISTIC)
        assert operation(message * more, 8, link) >= operation(message, 8, link)

    @operations
    @fabrics
    @given(message=st.floats(1, 1e10), more=st.floats(1, 100))
    def test_more_bandwidth_is_never_slower(self, fabric, operation, message, more):
        faster = replace(
            fabric,
            bandwidth_bytes_per_s=fabric.bandwidth_bytes_per_s * more,
            peer_bandwidth_bytes_per_s=fabric.peer_bandwidth_bytes_per_s * more,
        )
        slow_s = operation(message, 8, Link(fabric, REALISTIC))
        assert operation(message, 8, Link(faster, REALISTIC)) <= slow_s * (1 + 1e-12)

    @operations
    @fabrics
    @given(message=st.floats(0, 1e10), more_s=st.floats(0, 1e-4))
    def test_more_latency_is_never_faster(self, fabric, operation, message, more_s):
        slower = replace(fabric, hop_latency_s=fabric.hop_latency_s + more_s)
        fast_s = operation(message, 8, Link(fabric, REALISTIC))
        assert operation(message, 8, Link(slower, REALISTIC)) >= fast_s

    @fabrics
    @given(message=st.floats(0, 1e10))
    def test_a_wider_menu_is_never_slower(self, fabric, message):
        link = Link(fabric, REALISTIC)
        assert all_reduce_s(message, 8, link, ANY) <= all_reduce_s(message, 8, link, NCCL)


class TestMenu:
    link = Link(switched(in_network_reduction=True), REALISTIC)

    @pytest.mark.parametrize(
        ("message", "law"),
        [
            (64 << 10, one_shot_all_reduce_s),
            (1 << 20, two_shot_all_reduce_s),
            (16 << 20, staged_in_switch_all_reduce_s),
            (256 << 20, lambda m, n, link: all_reduce_s(m, n, link, NCCL)),
        ],
    )
    def test_engine_rules_choose_by_size(self, message, law):
        assert all_reduce_s(message, 4, self.link, VLLM_HOPPER) == law(message, 4, self.link)

    def test_groups_without_a_custom_kernel_use_the_library(self):
        expected = all_reduce_s(MIB, 3, self.link, NCCL)
        assert all_reduce_s(MIB, 3, self.link, VLLM_HOPPER) == expected

    def test_datatypes_a_switch_cannot_add_take_the_ring(self):
        rows = [
            fitting.CollectiveRow("all_reduce", d, 8, 1 << 30, 1.0, True, 1)
            for d in ("half", "int8")
        ]
        by_switch_s, by_ring_s = fitting.predict_rows_s(rows, self.link, NCCL)
        assert by_ring_s == ring_all_reduce_s(1 << 30, 8, self.link) > by_switch_s


class TestHierarchy:
    inner = Link(switched(8, in_network_reduction=True), REALISTIC)
    outer = Link(switched(1024, 5e10), REALISTIC)

    @given(message=st.floats(0, 1e10), n=st.integers(1, 8))
    def test_one_node_is_flat(self, message, n):
        levels = (self.inner, self.outer)
        flat = all_reduce_s(message, n, self.inner, NCCL)
        assert hierarchical_all_reduce_s(message, n, levels, MENUS) == flat
        assert hierarchical_all_gather_s(message, n, levels) == all_gather_s(message, n, self.inner)
        assert hierarchical_all_to_all_s(message, n, levels) == all_to_all_s(message, n, self.inner)

    def test_between_nodes_only_the_shard_travels(self):
        free_inner = Link(switched(8, 1e30), calibration(FREE))
        outer = Link(switched(4, 5e10), calibration(FREE))
        expected = 2 * 3 / 4 * (MIB / 8) / 5e10
        reduced = hierarchical_all_reduce_s(MIB, 32, (free_inner, outer), MENUS)
        assert reduced == pytest.approx(expected)
        gathered = hierarchical_all_gather_s(MIB, 32, (free_inner, outer))
        assert gathered + hierarchical_reduce_scatter_s(
            MIB, 32, (free_inner, outer)
        ) == pytest.approx(expected)

    def test_all_to_all_is_bound_by_the_slower_level(self):
        free_inner = Link(switched(8, 1e30), calibration(FREE))
        outer = Link(switched(4, 5e10), calibration(FREE))
        expected = 3 / 4 * MIB / 5e10
        assert hierarchical_all_to_all_s(MIB, 32, (free_inner, outer)) == pytest.approx(expected)

    def test_three_levels_and_mixed_groups(self):
        levels = (self.inner, Link(switched(16, 2e11), REALISTIC), self.outer)
        seconds = hierarchical_all_reduce_s(MIB, np.array([1, 8, 64, 6144]), levels, MENUS)
        assert np.all(np.diff(seconds) > 0)
        assert seconds[0] == 0.0

    @given(
        message=st.floats(0, 1e10),
        groups=st.lists(st.sampled_from([1, 2, 7, 8, 16, 24, 64, 128, 256, 1024]), min_size=1),
    )
    def test_groups_of_any_sizes_together_are_each_as_alone(self, message, groups):
        """Some within a domain, some over two domains or many: none bears upon another."""
        levels = (self.inner, Link(switched(16, 2e11), REALISTIC), self.outer)
        for law in (
            partial(hierarchical_all_reduce_s, levels=levels, menus=MENUS),
            partial(hierarchical_all_gather_s, levels=levels),
            partial(hierarchical_reduce_scatter_s, levels=levels),
            partial(hierarchical_all_to_all_s, levels=levels),
            lambda m, n: expert_exchange_s(m / 1e6, 7168, 8, n, levels),
        ):
            together = law(message, np.array(groups))
            assert together == pytest.approx([float(law(message, n)) for n in groups])

    @pytest.mark.parametrize("domains", [2, 3, 16])
    def test_inside_and_between_follow_one_another(self, domains):
        """One protocol everywhere: both levels' steps and bytes, with nothing hidden."""
        levels = tuple(Link(switched(n, b), calibration(PLAIN)) for n, b in ((8, 4e11), (16, 5e10)))
        inside_s = BASE_S + 7 * STEP_S + 7 / 8 * MIB / 4e11
        steps = domains - 1
        between_s = BASE_S + steps * STEP_S + steps / domains * (MIB / 8) / 5e10
        reduced = hierarchical_all_reduce_s(MIB, 8 * domains, levels, MENUS)
        assert reduced <= 2 * inside_s + 2 * between_s - BASE_S + 1e-12
        assert reduced > 2 * inside_s
        gathered = hierarchical_all_gather_s(MIB, 8 * domains, levels)
        doubling_s = (
            BASE_S + np.ceil(np.log2(domains)) * STEP_S + steps / domains * (MIB / 8) / 5e10
        )
        assert gathered == pytest.approx(inside_s + min(between_s, doubling_s))
        sent = hierarchical_all_to_all_s(MIB, 8 * domains, levels)
        far_s = BASE_S + steps * STEP_S + steps / domains * MIB / 5e10
        # The slower of the two, and the start of the other.
        starts_s = (BASE_S + 7 * STEP_S, BASE_S + steps * STEP_S)
        assert sent == pytest.approx(max(inside_s, far_s) + min(starts_s))

    @given(message=st.floats(1.0, 1e9), domains=st.integers(2, 16), racks=st.integers(2, 64))
    def test_three_levels_by_hand(self, message, domains, racks):
        """Eight devices in a domain, so many domains in a rack, so many racks."""
        widths, bandwidths = (8, domains, racks), (4e11, 1e11, 2e10)
        levels = tuple(
            Link(switched(n, b), calibration(PLAIN))
            for n, b in zip(widths, bandwidths, strict=True)
        )
        gathered, shard = 0.0, message
        sent_s, starts_s = [], []
        for level, (n, bandwidth) in enumerate(zip(widths, bandwidths, strict=True)):
            # Between domains one rank of each takes part, in a ring or by doubling.
            steps = min(n - 1, np.ceil(np.log2(n))) if level else n - 1
            gathered += BASE_S + steps * STEP_S + (n - 1) / n * shard / bandwidth
            shard /= n
            starts_s.append(BASE_S + (n - 1) * STEP_S)
            sent_s.append(starts_s[-1] + (n - 1) / n * message / bandwidth)
        # What crosses two levels is bound by the slower and pays the start of both.
        outer_s = max(sent_s[1:]) + min(starts_s[1:])
        outer_start_s = max(starts_s[1:]) + min(starts_s[1:])
        sent = max(sent_s[0], outer_s) + min(starts_s[0], outer_start_s)
        everybody = int(np.prod(widths))
        assert hierarchical_all_gather_s(message, everybody, levels) == pytest.approx(gathered)
        assert hierarchical_all_to_all_s(message, everybody, levels) == pytest.approx(sent)
        free = tuple(replace(link, calibration=calibration(FREE)) for link in levels)
        wires_s, shard = 0.0, message
        for n, bandwidth in zip(widths, bandwidths, strict=True):
            wires_s += 2 * (n - 1) / n * shard / bandwidth
            shard /= n
        rings = AllReduces(AllReduceMenu(("ring",)), AllReduceMenu(("ring",)))
        reduced = hierarchical_all_reduce_s(message, everybody, free, rings)
        assert reduced == pytest.approx(wires_s)
        with pytest.raises(ValueError, match="add an outer link"):
            hierarchical_all_gather_s(message, everybody, levels[:2])

    def test_groups_beyond_the_last_level_are_refused(self):
        for law in (partial(hierarchical_all_reduce_s, menus=MENUS), hierarchical_all_gather_s):
            with pytest.raises(ValueError, match="add an outer link"):
                law(MIB, 64, (self.inner,))


class TestExperts:
    levels = (Link(switched(8), REALISTIC), Link(switched(64, 5e10), REALISTIC))

    @pytest.mark.parametrize("devices", [8, 32])
    def test_sending_each_token_once_a_rank_is_never_slower(self, devices):
        once = expert_exchange_s(4096, 7168, 8, devices, self.levels)
        each = expert_exchange_s(4096, 7168, 8, devices, self.levels, mode=ExchangeMode.LOW_LATENCY)
        assert once <= each

    def test_low_latency_mode_is_an_all_to_all_of_every_copy(self):
        found = expert_exchange_s(128, 7168, 8, 8, self.levels, mode=ExchangeMode.LOW_LATENCY)
        assert found == all_to_all_s(128 * 8 * 7168 * 2, 8, self.levels[0])

    @given(imbalance=st.floats(1, 8), tokens=st.integers(1, 8192))
    def test_the_busiest_rank_sets_the_time(self, imbalance, tokens):
        even = expert_exchange_s(tokens, 7168, 8, 32, self.levels)
        assert expert_exchange_s(tokens, 7168, 8, 32, self.levels, imbalance=imbalance) >= even


class TestCalibration:
    fabric = switched(in_network_reduction=True)

    def rows(self):
        shapes = [
            (n, 2.0**e, dt) for n in (2, 4, 8) for e in range(9, 30) for dt in ("half", "int8")
        ]
        names = ("all_reduce", "all_gather", "reduce_scatter", "alltoall")
        blank = [
            fitting.CollectiveRow(
                name, datatype, n, size, 1.0, (n + int(np.log2(size))) % 2 == 1, 1
            )
            for name in names
            for n, size, datatype in shapes
        ]
        truth = fitting.predict_rows_s(blank, Link(self.fabric, REALISTIC), NCCL)
        return [replace(row, seconds=s) for row, s in zip(blank, truth.tolist(), strict=True)]

    def test_known_constants_are_recovered(self):
        rows = self.rows()
        fit = fitting.calibrate_link(rows, self.fabric, NCCL)
        assert fit.calibration.ring_short.step_s == pytest.approx(
            REALISTIC.ring_short.step_s, rel=0.05
        )
        scored = [r for r in rows if r.scored]
        said = fitting.predict_rows_s(scored, Link(self.fabric, fit.calibration), NCCL)
        assert np.mean(np.abs(said / [r.seconds for r in scored] - 1)) < 0.01

    def test_tables_are_read_in_bytes_and_seconds(self, tmp_path):
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        folder = tmp_path / "gpu" / "nccl-2.29.2"
        folder.mkdir(parents=True)
        columns = {
            "op_name": ["all_reduce"] * 3,
            "nccl_dtype": ["half"] * 3,
            "num_gpus": [8] * 3,
            "message_size": [1024] * 3,
            "latency": [0.02, 0.01, 0.03],
        }
        table = folder / "nccl_perf.parquet"
        parquet.write_table(pyarrow.table(columns), table)
        (row,) = fitting.read_rows([table], "gpu")
        assert (row.message_bytes, row.seconds) == (2048, pytest.approx(2e-5))

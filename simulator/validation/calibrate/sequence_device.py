"""Which constants of sparse and recurrent layers each family of tables tells, device by device.

At most two constants a law are free; what a table cannot tell apart is fixed, or shared by the
devices. Conditions of the tables (see ``sequence.Condition``) are fitted beside them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.roofline.device.device import Device
from simulator.validation.calibrate.least_squares import Fit, Parameter
from simulator.validation.calibrate.recurrence_tables import CONVOLUTION, read_recurrence_rows
from simulator.validation.calibrate.sequence import Condition, fit_modules, with_constants
from simulator.validation.calibrate.sequence_tables import (
    ModuleRows,
    read_batched_rows,
    read_module_rows,
    read_scorer_rows,
    read_stream_rows,
)

ENGINE_TOKENS = 65_536
"""Tokens of a step from which on the measured engine runs other kernels; engines give fewer."""


@dataclass(frozen=True, slots=True)
class Family:
    """Tables fitted together.

    ``laws``: law → (constant → where to search). ``kernels``: kernels that only some devices
    have. ``launched``: tables timed launch by launch, so that the host sets a least time.
    ``alone``: tables of single kernels, beside which nothing ran.
    """

    tables: tuple[str, ...]
    laws: Mapping[str, Mapping[str, Parameter]]
    kernels: Mapping[str, str]
    launched: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()


_GATHER = {
    "matrix_fraction": Parameter(0.5, 0.05, 0.8),
    "item_s": Parameter(5e-6, 1e-8, 1e-4),
}
_INDEXER = {
    "matrix_fraction": Parameter(0.3, 0.02, 0.7),
    "bandwidth_fraction": Parameter(0.7, 0.05, 0.97),
    "row_s": Parameter(1e-7, 1e-12, 1e-5),
}
_NARROW = ("attention.gather.fp8", "attention.gather.blocks.fp8")

FAMILIES = {
    "mla": Family(("mla_generation_module", "mla_context_module"), {}, {}),
    "batched": Family(("mla_bmm",), {}, {}),
    "dsa": Family(
        ("dsa_generation_module", "dsa_context_module"),
        {
            "attention.gather": _GATHER,
            "attention.gather.fp8": _GATHER,
            "attention.indexer.fp8": _INDEXER,
        },
        {"attention.gather.fp8": "flash-mla-sparse-fp8"},
        frozenset({"dsa_context_module"}),
    ),
    "compressed": Family(
        (
            "dsv4_csa_generation_module",
            "dsv4_csa_context_module",
            "dsv4_hca_generation_module",
            "dsv4_hca_context_module",
            "dsv4_hca_attn_module",
            "dsv4_paged_mqa_logits_module",
        ),
        {
            "attention.gather.compressed": _GATHER,
            "attention.gather.compressed.decode": _GATHER,
            "attention.indexer.fp4": {
                "matrix_fraction": _INDEXER["matrix_fraction"],
                "rank_s": Parameter(3e-13, 1e-15, 1e-11),
            },
        },
        {},
        alone=frozenset({"dsv4_hca_attn_module", "dsv4_paged_mqa_logits_module"}),
    ),
    "hyper-connections": Family(
        ("mhc_module",),
        {
            "matmul.tf32_mixing": {
                "start_s": Parameter(5e-6, 1e-7, 1e-4),
                "bandwidth_fraction": Parameter(0.8, 0.05, 1.0),
            },
        },
        {},
        alone=frozenset({"mhc_module"}),
    ),
    "block-sparse": Family(
        ("msa_generation_module", "msa_context_module"),
        {
            "attention.gather.blocks": _GATHER,
            "attention.gather.blocks.fp8": _GATHER,
            "attention.indexer.bf16": {k: v for k, v in _INDEXER.items() if k != "row_s"},
        },
        {"attention.gather.blocks.fp8": "triton-blocks"},
        frozenset({"msa_context_module"}),
    ),
}
"""Every family of module tables by name."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One kernel of a recurrence: its table, and what it tells of which law."""

    title: str
    table: str
    kernel: str
    law: str
    free: Mapping[str, Parameter]


_STEP = {
    "bandwidth_fraction": Parameter(0.8, 0.2, 1.0),
    "latency_s": Parameter(4e-6, 1e-7, 5e-5),
}
_MATRIX = Parameter(0.3, 0.02, 0.8)

SCANS = {
    "gdn step": Scan(
        "gated delta net, step",
        "gdn",
        "fused_recurrent_gated_delta_rule_packed_decode",
        "attention.recurrent_step",
        _STEP,
    ),
    "kda step": Scan(
        "Kimi delta attention, step",
        "kda",
        "fused_recurrent_kda_packed_decode",
        "attention.recurrent_step",
        _STEP,
    ),
    "gdn scan": Scan(
        "gated delta net, scan",
        "gdn",
        "chunk_gated_delta_rule_flashinfer",
        "attention.recurrent_scan",
        {"matrix_fraction": _MATRIX, "item_s": Parameter(6e-6, 1e-8, 1e-4)},
    ),
    "mamba2 step": Scan(
        "Mamba-2, step",
        "mamba2",
        "selective_state_update",
        "attention.recurrent_step",
        _STEP,
    ),
    "mamba2 scan": Scan(
        "Mamba-2, scan",
        "mamba2",
        "mamba_chunk_scan_combined",
        "attention.recurrent_scan",
        {"matrix_fraction": _MATRIX, "item_s": Parameter(6e-6, 1e-8, 1e-4)},
    ),
    "kda scan": Scan(
        "Kimi delta attention, scan",
        "kda",
        "flashkda_fwd",
        "attention.recurrent_scan.channel_decay",
        {"matrix_fraction": _MATRIX, "latency_s": Parameter(1e-5, 1e-7, 1e-4)},
    ),
}
"""Every kernel of a recurrence by name."""


def scans_in(path: Path, device: str) -> Iterator[tuple[Scan, list[ModuleRows]]]:
    """The kernels of recurrences that a table holds, with their rows."""
    for scan in SCANS.values():
        if path.name.startswith(scan.table):
            rows = read_recurrence_rows(path, device, scan.kernel)
            if any(len(group.measured_s) for group in rows):
                yield scan, rows


CONVOLUTIONS = ("causal_conv1d_fn", "causal_conv1d_fn_qkv3", "causal_conv1d_update")
"""Kernels of the short convolution before a recurrence, of prompts and of a step."""


def convolutions_in(path: Path, device: str) -> list[ModuleRows]:
    """The rows of the convolutions that a table of recurrences holds."""
    found = [read_recurrence_rows(path, device, kernel, CONVOLUTION) for kernel in CONVOLUTIONS]
    return [rows for some in found for rows in some]


def fit_scan(scan: Scan, rows: Sequence[ModuleRows], device: Device) -> tuple[Device, Fit]:
    """Fit what a kernel's rows tell of its law; the fit's names are ``law:constant``."""
    free = {f"{scan.law}:{name}": where for name, where in scan.free.items()}
    fitted, _, fit = fit_modules({scan.table: rows}, device, free)
    return fitted, fit


_READERS = {
    "dsv4_paged_mqa_logits_module": read_scorer_rows,
    "mhc_module": read_stream_rows,
    "mla_bmm": read_batched_rows,
}


def read_groups(table: str, folder: Path, device: str) -> list[ModuleRows]:
    """All rows of one table, those of one block together."""
    return _READERS.get(table, read_module_rows)(folder / f"{table}_perf.parquet", device)


def read_family(family: Family, folder: Path, device: str) -> dict[str, list[ModuleRows]]:
    """The tables of a family, apart by the precision of the products (other kernels run)."""
    return in_engines(
        family, {table: read_groups(table, folder, device) for table in family.tables}
    )


def in_engines(
    family: Family, tables: Mapping[str, Sequence[ModuleRows]]
) -> dict[str, list[ModuleRows]]:
    """The rows that are steps of an engine, apart by the precision of the products."""
    found: dict[str, list[ModuleRows]] = {}
    for table, groups in tables.items():
        for rows in groups:
            if table in family.alone:
                found.setdefault(f"{table}@{rows.label.split('|')[1]}", []).append(rows)
                continue
            # A prompt of one token is run as a decode step, by other kernels than prompts.
            is_prompt = (rows.shape.decode_sequences > 0) | (rows.shape.prefill_tokens > 1)
            kept = rows.where((rows.shape.tokens < ENGINE_TOKENS) & is_prompt)
            found.setdefault(f"{table}@{rows.label.split('|')[1]}", []).append(kept)
    return found


def fit_family(
    family: Family,
    tables: Mapping[str, Sequence[ModuleRows]],
    device: Device,
    *,
    constants: bool = True,
) -> tuple[Device, dict[str, Condition], Fit]:
    """Fit a family's conditions and, with ``constants``, what it tells of the device."""
    free: dict[str, Parameter] = dict(_conditions(family, tables))
    if constants:
        device = with_narrow_kernels(family, device)
        for law, names in family.laws.items():
            if law in _NARROW and not _has_kernels(law, device):
                continue
            free |= {f"{law}:{name}": where for name, where in names.items()}
    if not free:
        return device, {}, Fit({}, {}, 0.0, 0)
    return fit_modules(tables, device, free)


def _has_kernels(law: str, device: Device) -> bool:
    section = device.book.sections.get(law)
    return section is not None and section.family is not None


def with_narrow_kernels(family: Family, device: Device) -> Device:
    """``device`` with kernels of their own for 8-bit entries, which Hopper has."""
    if "fp4" in device.peaks or "nvfp4" in device.peaks:
        return device
    known = replace(device, book=device.book.changed(families=family.kernels))
    return with_constants(known, {law: {} for law in family.kernels})


def _conditions(
    family: Family, tables: Mapping[str, Sequence[ModuleRows]]
) -> Iterator[tuple[str, Parameter]]:
    for name, groups in tables.items():
        if name.split("@")[0] in family.alone:
            continue
        yield f"{name}/extra_s", Parameter(3e-5, 1e-8, 1e-3)
        yield f"{name}/extra_passes", Parameter(1.0, 1e-3, 60.0)
        if name.split("@")[0] in family.launched:
            least_s = min(float(g.measured_s.min()) for g in groups if len(g.measured_s))
            yield f"{name}/host_s", Parameter(least_s, least_s / 4, least_s * 4)


def constants_of(family: Family, fit: Fit) -> dict[str, dict[str, float]]:
    """Law → constants as a calibration section keeps them."""
    found: dict[str, dict[str, float]] = {}
    for name, value in fit.values.items():
        if ":" in name:
            law, constant = name.split(":")
            found.setdefault(law, {})[constant] = value
    return {law: found[law] for law in family.laws if law in found}

"""Tables of sparse and recurrent layers against the laws with the constants that devices ship.

What a table timed beside a layer's own kernels is found from its rows that may be fitted, for each
table by itself; only rows that are kept back are scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.roofline.device.device import Device
from simulator.validation.calibrate.sequence import Condition, predict_modules_s
from simulator.validation.calibrate.sequence_device import (
    FAMILIES,
    fit_family,
    read_family,
    scans_in,
)
from simulator.validation.calibrate.sequence_tables import ModuleRows
from simulator.validation.score import Sample

MODULES: Mapping[str, str] = {
    "mla_generation_module": "latent attention, decode",
    "mla_context_module": "latent attention, prefill",
    "mla_bmm": "latent attention, products of each head",
    "dsa_generation_module": "sparse latent attention (DSA), decode",
    "dsa_context_module": "sparse latent attention (DSA), prefill",
    "dsv4_csa_generation_module": "compressed attention (CSA), decode",
    "dsv4_csa_context_module": "compressed attention (CSA), prefill",
    "dsv4_paged_mqa_logits_module": "compressed attention (CSA), scorer alone",
    "dsv4_hca_generation_module": "heavily compressed attention (HCA), decode",
    "dsv4_hca_context_module": "heavily compressed attention (HCA), prefill",
    "dsv4_hca_attn_module": "heavily compressed attention (HCA), core alone",
    "msa_generation_module": "block-sparse attention, decode",
    "msa_context_module": "block-sparse attention, prefill",
    "mhc_module": "hyper-connections",
}
"""What tables of modules are called in print."""

RECURRENCES = ("gdn", "kda")


def module_samples(path: Path, device: Device, system: str) -> Iterator[Sample]:
    """Rows kept back of one table of modules."""
    table = path.name.removesuffix("_perf.parquet")
    family = next(family for family in FAMILIES.values() if table in family.tables)
    alone = replace(family, tables=(table,))
    tables = read_family(alone, path.parent, system)
    _, conditions, _ = fit_family(alone, tables, device, constants=False)
    for label, groups in tables.items():
        yield from _samples(MODULES[table], groups, device, conditions.get(label, Condition()))


def recurrence_samples(path: Path, device: Device, system: str) -> Iterator[Sample]:
    """Rows kept back of one table of recurrences."""
    for scan, rows in scans_in(path, system):
        yield from _samples(scan.title, rows, device, Condition())


def _samples(
    name: str, groups: Sequence[ModuleRows], device: Device, condition: Condition
) -> Iterator[Sample]:
    kept = [group.where(group.score) for group in groups]
    said_s = predict_modules_s(kept, device, condition)
    measured_s = np.concatenate([group.measured_s for group in kept])
    sigma = device.book.residual("attention")
    for measured, said in zip(measured_s.tolist(), said_s.tolist(), strict=True):
        yield Sample(
            device.name, "kernel", name, "time_s", measured, said, sigma, source="kernel table"
        )

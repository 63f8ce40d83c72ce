"""Tables of sparse and recurrent layers against the laws with the constants that devices ship.

What a table timed beside a layer's own kernels is found from its rows that may be fitted, for each
table by itself. An engine has other kernels beside them than the table had, so the errors without
what was found so are told too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.roofline.device.device import Device
from simulator.validation.account import Part
from simulator.validation.calibrate.sequence import (
    Condition,
    module_errors,
    predict_modules_s,
)
from simulator.validation.calibrate.sequence_device import (
    ENGINE_TOKENS,
    FAMILIES,
    convolutions_in,
    fit_family,
    in_engines,
    read_groups,
    scans_in,
)
from simulator.validation.calibrate.sequence_tables import ModuleRows, rows_in
from simulator.validation.tables.parts import LEAST_ROWS, scored, set_aside

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

RECURRENCES = ("gdn", "kda", "mamba2")


def module_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of one table of modules."""
    table = path.name.removesuffix("_perf.parquet")
    family = next(family for family in FAMILIES.values() if table in family.tables)
    alone = replace(family, tables=(table,))
    groups = read_groups(table, path.parent, system)
    read = sum(int(group.repeats.sum()) for group in groups)
    yield Part(rows_in(path) - read, refused="its model or its format is not of the catalogue")
    tables = in_engines(alone, {table: groups})
    used = sum(int(g.repeats.sum()) for some in tables.values() for g in some)
    yield Part(
        read - used,
        refused=f"a step of {ENGINE_TOKENS:,} tokens or more, or a prompt of one: no engine's",
    )
    told = {name: g for name, g in tables.items() if _fit_rows(g) >= LEAST_ROWS}
    _, conditions, _ = fit_family(alone, told, device, constants=False)
    for label, some in tables.items():
        yield from _parts(MODULES[table], some, device, conditions.get(label))


def recurrence_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of one table of recurrences, kernel by kernel."""
    convolutions = convolutions_in(path, system)
    used = sum(int(group.repeats.sum()) for group in convolutions)
    yield from _parts("convolution before a recurrence", convolutions, device, None)
    for scan, rows in scans_in(path, system):
        used += sum(int(group.repeats.sum()) for group in rows)
        yield from _parts(scan.title, rows, device, None)
    yield Part(rows_in(path) - used, refused="no law is of its kernel, or it checks drafts")


def _fit_rows(groups: Sequence[ModuleRows]) -> int:
    return sum(int((~group.score).sum()) for group in groups)


def _parts(
    name: str, groups: Sequence[ModuleRows], device: Device, condition: Condition | None
) -> Iterator[Part]:
    kept = [group.where(group.score) for group in groups]
    fitted = [group.where(~group.score) for group in groups]
    yield set_aside(sum(int(group.repeats.sum()) for group in fitted))
    if not any(len(group.measured_s) for group in kept):
        return
    bare_s = predict_modules_s(kept, device, Condition())
    said_s = bare_s if condition is None else predict_modules_s(kept, device, condition)
    sigma = np.concatenate([module_errors(group, device) for group in kept])
    measured_s = np.concatenate([group.measured_s for group in kept])
    repeats = np.concatenate([group.repeats for group in kept])
    alone_s = None if condition is None else bare_s
    yield scored(device, name, sigma, measured_s, said_s, bare_s=alone_s, repeats=repeats)

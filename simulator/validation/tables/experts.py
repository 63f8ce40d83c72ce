"""Tables of fused mixtures of experts."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from simulator.roofline.device.device import Device
from simulator.roofline.laws.experts.constants import EXPERTS
from simulator.validation.account import Part
from simulator.validation.calibrate.experts import (
    DATATYPES,
    PRECISIONS,
    DeviceSheet,
    family_of,
    predict_table_s,
    read_expert_tables,
    unread_rows,
)
from simulator.validation.tables.parts import scored, set_aside


def expert_parts(path: Path, device: Device, _system: str) -> Iterator[Part]:
    """Rows of every kernel and datatype; one that the device does not run is refused alone."""
    fp4 = device.peaks.get("nvfp4") or device.peaks.get("fp4")
    sheet = DeviceSheet(
        int(device.units), device.bandwidth_bytes_per_s, device.cache_bytes,
        {**device.peaks, **({"fp4": fp4} if fp4 else {})},
    )  # fmt: skip
    for reason, rows in Counter(unread_rows(path)).items():
        yield Part(rows, refused=reason)
    for table in read_expert_tables(path):
        precision, rows = PRECISIONS[table.datatype], int(table.repeats.sum())
        law = device.book.law(EXPERTS, precision)
        if DATATYPES[table.datatype].peak not in sheet.peak_flops:
            yield Part(rows, refused=f"{device.name} does not multiply experts in {precision}")
            continue
        if family_of(table.kernel, table.datatype) is not law.kernels:
            reason = f"the device's experts in {precision} are run by {law.family}, not by"
            yield Part(rows, refused=f"{reason} {table.kernel}")
            continue
        kept = table.rows(table.is_score)
        yield set_aside(rows - int(kept.repeats.sum()))
        if not len(kept.seconds):
            continue
        predicted = predict_table_s(kept, kept.loads(), law.constants, sheet)
        name = f"moe {precision}"
        yield scored(device, name, law.residual, kept.seconds, predicted, repeats=kept.repeats)

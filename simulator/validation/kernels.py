"""Kernel tables against the laws with the constants that hardware files ship.

The tables time kernels in short repeats, and some launch them from the host. Constants of that
condition stand under ``benchmark.<law>`` in a hardware file; what the host added is found from
the rows that may be fitted. Only rows that are kept back are scored; every other row of a table
is told too, with what became of it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.errors import InputError
from simulator.roofline.device.device import Device, resolve
from simulator.specs import catalogue
from simulator.traces.device_names import device_named
from simulator.validation.account import Part
from simulator.validation.calibrate.collective import is_collective_table
from simulator.validation.parquet import read_parquet
from simulator.validation.score import Sample
from simulator.validation.systems import SYSTEMS, system_of
from simulator.validation.tables.attention import attention_parts, latent_parts
from simulator.validation.tables.collectives import collective_parts
from simulator.validation.tables.experts import expert_parts
from simulator.validation.tables.gemm import gemm_parts
from simulator.validation.tables.modules import (
    MODULES,
    RECURRENCES,
    module_parts,
    recurrence_parts,
)
from simulator.validation.tables.quantise import quantise_parts

Reader = Callable[[Path, Device, str], Iterator[Part]]

_READERS: dict[str, Reader] = {
    **dict.fromkeys(MODULES, module_parts),
    **dict.fromkeys(RECURRENCES, recurrence_parts),
    "gemm": gemm_parts,
    "context_attention": attention_parts,
    "generation_attention": attention_parts,
    "encoder_attention": attention_parts,
    "context_mla": latent_parts,
    "generation_mla": latent_parts,
    "moe": expert_parts,
    "scale_matrix": quantise_parts,
}


def kernel_parts(path: Path, hardware: str | None = None) -> list[Part]:
    """All rows of one table: those kept back with what the laws say, and what became of the rest.

    Raises:
        InputError: no table of kernels, or neither its folder nor its rows tell the device.
    """
    system = system_of(path, hardware or "")
    name = hardware or SYSTEMS.get(system) or _named_inside(path)
    if not name:
        raise InputError(
            "neither the folder nor the rows tell which device was measured",
            file=path,
            field="device",
            remedy=f"name it, or put the table under one of {', '.join(SYSTEMS)}",
        )
    return table_parts(path, resolve(catalogue.hardware(name)), system or name)


def table_parts(path: Path, device: Device, system: str) -> list[Part]:
    """The same with the constants of ``device``; ``system`` tells the rows from another's.

    Raises:
        InputError: no table of kernels.
    """
    rows = int(read_parquet(path, ("latency",)).num_rows)
    read = _reader(path)
    if read is None:
        return [Part(rows, refused=f"no law is scored on tables called {path.name}")]
    try:
        return list(read(path, device, system))
    except InputError as error:
        return [Part(rows, refused=str(error).split("\n")[0])]


def kernel_samples(path: Path, hardware: str | None = None) -> list[Sample]:
    """The scored rows of ``kernel_parts``."""
    return [sample for part in kernel_parts(path, hardware) for sample in part.samples]


def table_samples(path: Path, device: Device, system: str) -> list[Sample]:
    """The scored rows of ``table_parts``."""
    return [sample for part in table_parts(path, device, system) for sample in part.samples]


def is_scored(path: Path) -> bool:
    """Whether some law is scored on a table so named."""
    return _reader(path) is not None


def _reader(path: Path) -> Reader | None:
    if is_collective_table(path):
        return collective_parts
    return _READERS.get(path.name.removesuffix(".parquet").removesuffix("_perf"))


def _named_inside(path: Path) -> str:
    """The device that the rows name, where all of them name one that is known."""
    table = read_parquet(path)
    if "device" not in table.column_names:
        return ""
    named = {str(name) for name in table.column("device").unique().to_pylist()}
    return device_named(named.pop()) if len(named) == 1 else ""

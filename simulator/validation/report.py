"""A validation as files: every figure as JSON, and the parity plot of every scored row."""

from pathlib import Path

from simulator.report.charts.parity import parity
from simulator.report.write import images, json_bytes, write_files
from simulator.validation.validate import Validation

VALIDATION = "validation.json"


def write_validation(found: Validation, folder: Path) -> list[Path]:
    """Write ``validation.json`` and ``parity.svg``/``.png`` into ``folder``.

    Raises:
        InputError: the folder cannot be written.
    """
    contents = {VALIDATION: json_bytes(found.to_dict())}
    quantities = sorted({sample.quantity for sample in found.samples})
    for quantity in quantities:
        chosen = [sample for sample in found.samples if sample.quantity == quantity]
        figure = parity(
            [sample.predicted for sample in chosen],
            [sample.measured for sample in chosen],
            [sample.phase for sample in chosen],
            quantity=quantity.replace("_", " ").capitalize(),
            unit=_UNITS.get(quantity, ""),
        )
        stem = "parity" if len(quantities) == 1 else f"parity-{quantity}"
        contents |= images(stem, figure, f"Predicted over measured {quantity}")
    return write_files(contents, folder)


_UNITS = {
    "step_time_s": "s",
    "ttft_s": "s",
    "tpot_s": "s",
    "output_tokens_per_s": "tok/s",
    "total_tokens_per_s": "tok/s",
    "power_w": "W",
    "joules_per_output_token": "J",
}

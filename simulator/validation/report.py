"""A validation as files: every figure as JSON, and the parity plot of every scored row."""

import json
from pathlib import Path

from simulator.report import style
from simulator.report.charts.parity import parity
from simulator.validation.validate import Validation


def write_validation(found: Validation, folder: Path) -> list[Path]:
    """Write ``validation.json`` and ``parity.svg``/``.png`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "validation.json"
    document.write_text(json.dumps(found.to_dict(), indent=2), encoding="utf-8")
    quantities = sorted({sample.quantity for sample in found.samples})
    written = [document]
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
        written += style.save(figure, folder / stem, f"Predicted over measured {quantity}")
    return written


_UNITS = {
    "step_time_s": "s",
    "ttft_s": "s",
    "tpot_s": "s",
    "output_tokens_per_s": "tok/s",
    "total_tokens_per_s": "tok/s",
    "power_w": "W",
    "joules_per_output_token": "J",
}

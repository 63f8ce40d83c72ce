"""The catalogue as a page of the documentation, written from the files themselves.

python -m simulator.planning.catalogue_page > docs/catalogue.md
"""

from collections.abc import Iterable
from textwrap import wrap

from simulator.economics.cost import device_price
from simulator.economics.price import DevicePrice
from simulator.planning.browse import (
    HardwareRow,
    ModelRow,
    cache_text,
    list_hardware,
    list_models,
)
from simulator.specs import catalogue
from simulator.specs.economics import Economics
from simulator.specs.huggingface.family import known_families
from simulator.units import humane, significant

_CLASSES = {
    "datacenter-gpu": "Data-centre GPUs",
    "tpu": "Tensor processors and other systolic machines",
    "datacenter-accelerator": "Data-centre accelerators of other kinds",
    "npu": "Neural processors of client chips",
    "wafer": "Wafer-scale and SRAM machines",
    "consumer-gpu": "Consumer and workstation GPUs",
    "unified-memory-soc": "Chips with one memory for all",
    "cpu": "CPUs",
}


_FAMILIES = (
    "A `config.json` is read as it is where its `model_type` (or the decoder's) is one of these; "
    "where it has none, its `architectures` decide."
)


def catalogue_page() -> str:
    """Markdown: a table of devices for each class, tables of models, the families that are read."""
    devices = list_hardware()
    parts = [
        "# Catalogue",
        "",
        "Written by `python -m simulator.planning.catalogue_page` from the files in",
        "`hardware_specs/` and `models/`; `roofsim catalogue show NAME` prints every number with",
        "its source. Rates are dense and of the engine that runs models by default; memory is what",
        "software can use. A price is the median of what providers ask on demand, * of one alone;",
        "[prices](prices.md) has other bases, `roofsim catalogue prices NAME` every offer.",
        "",
    ]
    for device_class, title in _CLASSES.items():
        rows = [row for row in devices if row.device_class == device_class]
        if rows:
            parts += [f"## {title}", "", *_hardware_table(rows), ""]
    models = list_models()
    trained = [row for row in models if not row.hypothetical]
    made_up = [row for row in models if row.hypothetical]
    parts += ["## Models", "", *_model_table(trained), ""]
    parts += ["## Made-up models", "", "Shapes of benchmarks and announcements.", ""]
    parts += [*_model_table(made_up), ""]
    parts += ["## Families of models", "", *wrap(_FAMILIES, width=100), ""]
    parts += wrap(", ".join(f"`{name}`" for name in known_families()), width=100)
    return "\n".join(parts) + "\n"


def _hardware_table(rows: Iterable[HardwareRow]) -> list[str]:
    header = ("name", "memory", "bandwidth", "bf16", "power", "$/h", "datatypes", "")
    lines = [_line(header), _line(("---", "--:", "--:", "--:", "--:", "--:", "---", "---"))]
    for row in rows:
        price = device_price(catalogue.hardware(row.name), Economics())
        lines.append(
            _line(
                (
                    f"[`{row.name}`](../hardware_specs/{row.name}.yaml)"
                    + (" (hypothetical)" if row.hypothetical else ""),
                    humane(row.memory_bytes, "B"),
                    humane(row.bandwidth_bytes_per_s, "B/s"),
                    humane(row.peak_bf16, "FLOP/s"),
                    humane(row.power_limit_w, "W"),
                    _dollars(price),
                    ", ".join(row.precisions),
                    "calibrated" if row.calibrated else "",
                )
            )
        )
    return lines


def _dollars(price: DevicePrice | None) -> str:
    """An hour on demand; a star where one provider alone offers it."""
    if price is None:
        return "–"
    return significant(price.usd_per_hour) + (" *" if price.mark else "")


def _model_table(rows: Iterable[ModelRow]) -> list[str]:
    header = ("name", "parameters", "active", "layers", "KV a token", "context", "stored as")
    lines = [_line(header), _line(("---", "--:", "--:", "--:", "--:", "--:", "---"))]
    for row in rows:
        lines.append(
            _line(
                (
                    f"[`{row.name}`](../models/{row.name}.yaml)",
                    humane(row.parameters),
                    humane(row.active_parameters),
                    str(row.layers),
                    cache_text(row.kv_bytes_per_token, row.kv_bytes_per_sequence),
                    f"{row.max_context:,}",
                    row.weight_precision,
                )
            )
        )
    return lines


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(catalogue_page(), end="")

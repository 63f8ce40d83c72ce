"""A small consistent device, to be made inconsistent."""

from simulator.specs.hardware import Hardware
from simulator.specs.reading import validate


def device(**changes) -> Hardware:
    """A small consistent device, with ``changes`` laid over its top-level fields."""
    known = {"source": "sheet", "kind": "vendor", "confidence": "high"}
    content = {
        "name": "toy",
        "title": "Toy",
        "vendor": "Toys",
        "class": "datacenter-gpu",
        "sources": {"sheet": "Toys data sheet"},
        "engines": {
            "gpu": {
                "units": {"value": 100, **known},
                "peak": {
                    "bf16": {"value": "1000 TFLOP/s", **known},
                    "fp8": {"value": "2000 TFLOP/s", **known},
                },
            }
        },
        "memory": {
            "main": {
                "technology": "HBM3",
                "capacity": {"value": "80 GiB", **known},
                "bandwidth": {"value": "3 TB/s", **known},
            }
        },
        "power": {"limit": {"value": "700 W", **known}},
    }
    for path, value in changes.items():
        node = content
        *above, last = path.split("__")
        for part in above:
            node = node.setdefault(part, {})
        node[last] = {"value": value, **known} if isinstance(value, str | int | float) else value
    return validate(Hardware, content, "toy")


def fields(findings) -> list[str]:
    return [finding.field for finding in findings]

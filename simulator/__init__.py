"""roofsim: tokens per second, dollars per token and joules per token of LLM inference.

    import simulator as rs

    rs.predict("h100-sxm", "llama-3.1-8b", batch=8, context=2048)
    rs.simulate(rs.read_scenario("scenarios/quickstart.yaml"))

Everything is imported when first used, so that ``import simulator`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.errors import InputError
    from simulator.planning.bill.answer import bill
    from simulator.planning.compare import compare
    from simulator.planning.plan.search import plan
    from simulator.planning.sensitivity import sensitivity
    from simulator.planning.sweep import sweep
    from simulator.simulate.predict import predict
    from simulator.simulate.run import simulate
    from simulator.specs.question import read_bill, read_scenario

__all__ = [
    "InputError", "bill", "compare", "plan", "predict", "read_bill", "read_scenario", "sensitivity",
    "simulate", "sweep",
]  # fmt: skip

_HOMES = {
    "InputError": "simulator.errors",
    "bill": "simulator.planning.bill.answer",
    "compare": "simulator.planning.compare",
    "plan": "simulator.planning.plan.search",
    "predict": "simulator.simulate.predict",
    "read_bill": "simulator.specs.question",
    "read_scenario": "simulator.specs.question",
    "sensitivity": "simulator.planning.sensitivity",
    "simulate": "simulator.simulate.run",
    "sweep": "simulator.planning.sweep",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

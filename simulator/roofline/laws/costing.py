"""From the graph's vocabulary to loads: importing this registers the cost of every law."""

from importlib import import_module
from importlib.util import find_spec

from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.kinds import folders

for _folder in folders():
    if find_spec(f"{_folder}.cost") is not None:
        import_module(f"{_folder}.cost")

__all__ = ["cost"]

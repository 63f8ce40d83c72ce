"""Kinds of parts of a layer: what a model file may write beside ``kind``, one class each.

A class in a file of this folder, of the graph, or of an installed package is found by its
``kind`` alone, without being listed anywhere. What a kind computes is said in ``simulator.graph``.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

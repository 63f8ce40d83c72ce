"""What each kind of part computes: the kinds of ``specs.kinds`` lowered to operators.

A kind of one's own, made of existing operators, is one class in a new file of this folder or of
another package: see ``AttentionBlock``. It is found without being listed anywhere.
"""

from importlib import import_module
from pkgutil import iter_modules

from simulator.graph.block import lower

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["lower"]

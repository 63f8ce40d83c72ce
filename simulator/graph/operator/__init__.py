"""The vocabulary of a step: few kinds of operators, each with shapes, datatypes and bytes.

A new one is a class in a file of its own here, and a folder with its law in ``roofline.laws``.
"""

from simulator.graph.operator.attention import AttentionCore, LatentCore
from simulator.graph.operator.base import (
    WIDE_BITS,
    ContextOperator,
    Driver,
    FloatArray,
    KindOfBytes,
    Operator,
    Rows,
    TokenOperator,
    Work,
)
from simulator.graph.operator.elementwise import Elementwise, PassRole
from simulator.graph.operator.experts import Experts
from simulator.graph.operator.indexer import Indexer
from simulator.graph.operator.lookup import Lookup
from simulator.graph.operator.matmul import Matmul, ProductRole
from simulator.graph.operator.message import Collective, ExpertExchange
from simulator.graph.operator.recurrence import Decay, Recurrence

__all__ = [
    "WIDE_BITS",
    "AttentionCore",
    "Collective",
    "ContextOperator",
    "Decay",
    "Driver",
    "Elementwise",
    "ExpertExchange",
    "Experts",
    "FloatArray",
    "Indexer",
    "KindOfBytes",
    "LatentCore",
    "Lookup",
    "Matmul",
    "Operator",
    "PassRole",
    "ProductRole",
    "Recurrence",
    "Rows",
    "TokenOperator",
    "Work",
]

"""Tables of recurrent layers, read as the operator that one kernel runs and measured times.

Parquet files as published with NVIDIA's ai-dynamo/aiconfigurator (Apache-2.0): ``gdn``, ``kda`` and
``mamba2``. Each times the kernels of a layer one by one: the convolution of its inputs, and the
recurrence as a step of decoding or as a scan over prompts.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import Operator
from simulator.graph.step_shape import StepShape
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.recurrent import GatedDeltaNet, KimiDeltaAttention, Mamba2
from simulator.specs.precision import BF16, NATIVE_CACHE
from simulator.validation.calibrate.sequence_tables import ModuleRows, read_table, rows_at

RECURRENCE, CONVOLUTION = "attention.recurrence", "attention.convolution"
_SIZES = {
    "gdn": ("d_model", "num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim"),
    "kda": ("d_model", "num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim"),
    "mamba2": ("d_model", "nheads", "head_dim", "d_state", "n_groups"),
}
"""The columns that a block of each kind is told by."""
_PHASES = ("context", "generation")
"""Others are of drafts that are checked."""


def read_recurrence_rows(
    path: Path, device: str, kernel: str, operator: str = RECURRENCE
) -> list[ModuleRows]:
    """The rows of a table that one kernel ran: ``operator`` of the layer alone.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
    """
    table = read_table(path, device)
    kind = path.name.split("_")[0]
    chosen = (table["kernel_source"] == kernel) & np.isin(table["phase"], _PHASES)
    table = {name: column[chosen] for name, column in table.items()}
    is_decode = table["phase"] == "generation"
    sizes = np.stack([*(table[name] for name in _SIZES[kind]), is_decode], axis=1).astype(int)
    found = []
    for block in np.unique(sizes, axis=0):
        rows = np.flatnonzero((sizes == block).all(axis=1))
        batch, tokens = (table[n][rows].astype(np.float64) for n in ("batch_size", "seq_len"))
        found.append(
            rows_at(
                (_operator(kind, block[:-1], operator),),
                StepShape.decode(batch, 0.0) if block[-1] else StepShape.prefill(batch, tokens),
                table,
                rows,
                "|".join(map(str, block)),
            )
        )
    return found


def _operator(kind: str, sizes: NDArray[np.int_], operator: str) -> Operator:
    """One operator of a layer of these sizes."""
    hidden, *rest = (int(size) for size in sizes)
    context = BlockContext(hidden, BF16, BF16, NATIVE_CACHE, 1)
    return next(op for op in lower(_block(kind, *rest), context) if op.name == operator)


def _block(kind: str, first: int, second: int, third: int, fourth: int) -> AttentionKind:
    if kind == "mamba2":
        return Mamba2(heads=first, head_size=second, state_size=third, groups=fourth)
    if kind == "kda":
        return KimiDeltaAttention(heads=second, head_size=fourth, decay_rank=fourth)
    return GatedDeltaNet(key_heads=first, value_heads=second, key_size=third, value_size=fourth)

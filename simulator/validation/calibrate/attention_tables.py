"""Tables of measured attention kernels, read as arrays that the laws can be held against.

The tables are Parquet files with one latency a row, in milliseconds, as published with NVIDIA's
ai-dynamo/aiconfigurator (Apache-2.0): ``context_attention``, ``encoder_attention``,
``generation_attention``, and for latent attention ``context_mla``, ``generation_mla``,
``mla_context_module`` and ``mla_generation_module``, of which the modules time the whole block
with its projections. From those the core is taken as a difference of two rows whose projections
are the same.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.validation.parquet import read_parquet
from simulator.validation.split import is_score_row

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Launch noise dominates below this; such rows are judged by absolute, not relative error.
SHORT_KERNEL_S = 20e-6


@dataclass(frozen=True, slots=True)
class AttentionRows:
    """Measured attention kernels, one array element a row.

    For prefill ``query_tokens`` are new and ``past_tokens`` were there before; for decode
    ``query_tokens`` is 1 and the context is ``past_tokens + 1``. ``reference_batch`` and
    ``reference_tokens`` (NaN if none) give the row whose time was subtracted from
    ``measured_s``; ``score`` marks the rows that are never fitted.
    """

    batch: FloatArray
    query_tokens: FloatArray
    past_tokens: FloatArray
    query_heads: FloatArray
    kv_heads: FloatArray
    head_dim: FloatArray
    kv_bytes_per_value: FloatArray
    window_tokens: FloatArray
    reference_batch: FloatArray
    reference_tokens: FloatArray
    measured_s: FloatArray
    score: BoolArray

    def where(self, keep: BoolArray) -> "AttentionRows":
        """The rows for which ``keep`` is true."""
        return replace(self, **{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    def __len__(self) -> int:
        return len(self.measured_s)


def rows_in(path: Path) -> int:
    """How many rows a table has."""
    return len(_columns(path)["latency"])


def _columns(path: Path) -> dict[str, NDArray[np.generic]]:
    table = read_parquet(path, ("op_name", "latency"))
    return {name: table.column(name).to_numpy() for name in table.column_names}


def read_attention_rows(
    path: Path, device: str, kernel_sources: Collection[str] | None = None
) -> AttentionRows:
    """Read a ``context_``, ``encoder_`` or ``generation_attention`` table.

    ``kernel_sources`` keeps only rows of these kernels (their names in the table). ``device``
    is part of each row's identity, on which the split into fitted and scored rows hangs.

    Raises InputError without pyarrow, or for a file that is no such table.
    """
    table = _columns(path)
    rows = len(table["latency"])
    operator = str(table["op_name"][0])

    def numbers(name: str, default: float) -> FloatArray:
        return np.asarray(table[name], np.float64) if name in table else np.full(rows, default)

    heads = numbers("num_heads", 1.0)
    datatype = table.get("kv_cache_dtype", np.full(rows, "bfloat16"))
    window = numbers("window_size", 0.0)
    names = ("batch_size", "isl", "step", "num_heads", "num_key_value_heads", "head_dim")
    shape = np.stack([numbers(n, 0.0) for n in names] + [window], axis=1)
    score = [
        is_score_row(f"{operator}|{device}|{kind}|{'|'.join(f'{v:g}' for v in values)}")
        for kind, values in zip(datatype, shape, strict=True)
    ]
    everything = AttentionRows(
        batch=numbers("batch_size", 1.0),
        query_tokens=numbers("isl", 1.0),
        past_tokens=numbers("step", 0.0),
        query_heads=heads,
        kv_heads=numbers("num_key_value_heads", 0.0) if "num_key_value_heads" in table else heads,
        head_dim=numbers("head_dim", 128.0),
        kv_bytes_per_value=np.where(datatype == "fp8", 1.0, 2.0),
        window_tokens=np.where(window > 0, window, np.inf),
        reference_batch=np.full(rows, np.nan),
        reference_tokens=np.full(rows, np.nan),
        measured_s=numbers("latency", np.nan) * 1e-3,
        score=np.asarray(score, np.bool_),
    )
    if kernel_sources is None:
        return everything
    return everything.where(np.isin(table["kernel_source"], list(kernel_sources)))


def read_mla_rows(
    path: Path,
    device: str,
    kernel_sources: Collection[str] | None = None,
    *,
    least_tokens: float = 0.0,
    least_core_s: float = SHORT_KERNEL_S,
) -> AttentionRows:
    """Read a table of latent attention as differences, in which only its core is left.

    Decode (``mla_generation_module``, ``generation_mla``): each row minus the shortest context
    at the same batch and heads. Prefill (``mla_context_module``, ``context_mla``): each row
    minus the one with the same total of tokens in the most sequences. The projections, and
    whatever else the table times, are the same in both. Rows whose core is less than a fifth of
    the whole, or shorter than ``least_core_s``, are too noisy and dropped; tables timed without
    CUDA graphs need a millisecond. ``least_tokens`` drops shorter prompts or contexts, for
    tables in which those ran another kernel under the same name.
    """
    table = _columns(path)
    decode = "generation" in str(table["op_name"][0])
    tokens = np.asarray(table["step" if decode else "isl"], np.float64)
    long = tokens >= least_tokens
    if kernel_sources is not None:
        long &= np.isin(table["kernel_source"], list(kernel_sources))
    table = {name: column[long] for name, column in table.items()}
    tokens = tokens[long]
    rows = len(tokens)
    batch, heads = (np.asarray(table[n], np.float64) for n in ("batch_size", "num_heads"))
    seconds = np.asarray(table["latency"], np.float64) * 1e-3
    same = batch if decode else batch * tokens
    names = [n for n in ("kernel_source", "kv_cache_dtype", "gemm_type") if n in table]
    labels = [table[n].astype(str) for n in names]
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, key in enumerate(zip(same, heads, *labels, strict=True)):
        groups.setdefault(key, []).append(i)
    reference = np.arange(rows)
    for members in groups.values():
        reference[members] = members[int(np.argmin(tokens[members]))]
    core_s = seconds - seconds[reference]
    keep = (core_s > least_core_s) & (core_s > 0.2 * seconds) & (tokens > 1)
    score = [
        is_score_row(f"mla|{device}|{kind}|{b:g}|{t:g}|{h:g}")
        for kind, b, t, h in zip(labels[1], batch, tokens, heads, strict=True)
    ]
    one = np.ones(rows)
    return AttentionRows(
        batch=batch,
        query_tokens=one if decode else tokens,
        past_tokens=tokens if decode else 0 * one,
        query_heads=heads,
        kv_heads=one if decode else heads,
        head_dim=576.0 * one if decode else 192.0 * one,
        kv_bytes_per_value=np.where(labels[1] == "fp8", 1.0, 2.0),
        window_tokens=np.inf * one,
        reference_batch=batch[reference],
        reference_tokens=tokens[reference],
        measured_s=core_s,
        score=np.asarray(score, np.bool_),
    ).where(keep)

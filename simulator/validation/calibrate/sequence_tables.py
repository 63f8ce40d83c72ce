"""Tables of whole attention modules, read as the operators of a block and measured times.

Parquet files as published with NVIDIA's ai-dynamo/aiconfigurator (Apache-2.0), one latency a
row in milliseconds: ``mla_``, ``dsa_``, ``dsv4_csa_``, ``dsv4_hca_`` and ``msa_`` followed by
``context_module`` or ``generation_module``. They time one layer's attention with its projections,
norms, rope and cache writes, run by vLLM. Beside them stand tables of single kernels:
``dsv4_hca_attn_module`` (the core alone), ``dsv4_paged_mqa_logits_module`` (the scorer alone),
``mhc_module`` (the residual streams of a layer), ``mla_bmm`` (the products of each head with the
latent space); ``recurrence_tables`` has those of recurrences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import AttentionCore, Indexer, Matmul, Operator
from simulator.graph.step_shape import StepShape
from simulator.specs import catalogue
from simulator.specs.kinds.block_sparse import BlockSparseAttention
from simulator.specs.kinds.compressed import CompressedAttention
from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.kinds.kind import divide
from simulator.specs.kinds.latent import SharedLatentAttention
from simulator.specs.kinds.residual import HyperConnections
from simulator.specs.precision import BF16, NATIVE_CACHE, CacheFormat, precision
from simulator.validation.parquet import read_parquet
from simulator.validation.split import is_score_row

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
HeadedAttention = CompressedAttention | SharedKeyAttention | SharedLatentAttention

MODELS = {
    "deepseek-ai/DeepSeek-V3": "deepseek-v3",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-v3",
    "deepseek-ai/DeepSeek-V3.2": "deepseek-v3.2",
    "zai-org/GLM-5": "glm-5",
    "zai-org/GLM-5-FP8": "glm-5",
    "nvidia/GLM-5-NVFP4": "glm-5",
    "deepseek-ai/DeepSeek-V4-Pro": "deepseek-v4-pro",
    "sgl-project/DeepSeek-V4-Flash-FP8": "deepseek-v4-flash",
    "sgl-project/DeepSeek-V4-Pro-FP8": "deepseek-v4-pro",
    "MiniMaxAI/MiniMax-M3": "minimax-m3",
}
"""Models as the tables spell them, and as the catalogue does."""

_NOT_THE_SHAPE = ("framework", "version", "device", "latency", "power", "power_limit")


@dataclass(frozen=True, slots=True)
class ModuleRows:
    """Measured runs of one block: its operators, the steps, seconds, and which rows are scored.

    ``repeats`` is how many rows of the file measured each.
    """

    operators: tuple[Operator, ...]
    shape: StepShape
    measured_s: FloatArray
    score: BoolArray
    repeats: NDArray[np.int_]
    label: str

    def where(self, keep: BoolArray) -> "ModuleRows":
        """The rows for which ``keep`` is true."""
        return replace(
            self,
            shape=self.shape[keep],
            measured_s=self.measured_s[keep],
            score=self.score[keep],
            repeats=self.repeats[keep],
        )


def read_table(path: Path, device: str) -> dict[str, NDArray[Any]]:
    """The columns of a table, one row for each different shape (the median of its repeats).

    Adds ``measured_s``, ``score`` and ``repeats``; ``device`` is part of the identity on which
    the split into fitted and scored rows hangs.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
    """
    table = read_parquet(path, ("latency",))
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    names = [name for name in columns if name not in _NOT_THE_SHAPE]
    repeats: dict[tuple[object, ...], list[int]] = {}
    for i, key in enumerate(zip(*(columns[name] for name in names), strict=True)):
        repeats.setdefault(key, []).append(i)
    first = np.array([rows[0] for rows in repeats.values()])
    latency = columns["latency"]
    found = {name: columns[name][first] for name in names}
    found["measured_s"] = 1e-3 * np.array([np.median(latency[r]) for r in repeats.values()])
    keys = ("|".join([device, *map(str, key)]) for key in repeats)
    found["score"] = np.array([is_score_row(key) for key in keys], np.bool_)
    found["repeats"] = np.array([len(rows) for rows in repeats.values()], np.int_)
    return found


def rows_in(path: Path) -> int:
    """How many rows a table has."""
    return int(read_parquet(path, ("latency",)).num_rows)


def rows_at(
    operators: tuple[Operator, ...],
    shape: StepShape,
    table: dict[str, NDArray[Any]],
    rows: NDArray[np.intp],
    label: str,
) -> ModuleRows:
    """Some rows of a table with what they ran."""
    measured_s, score, repeats = (table[name][rows] for name in ("measured_s", "score", "repeats"))
    return ModuleRows(operators, shape, measured_s, score, repeats, label)


def read_module_rows(path: Path, device: str) -> list[ModuleRows]:
    """The rows of a module table, those of one block together.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
        KeyError: the table names a model that is not in ``MODELS``.
    """
    table = read_table(path, device)
    kind = path.name.removesuffix("_module_perf.parquet")
    for phase in ("context", "generation", "attn"):
        kind = kind.removesuffix(f"_{phase}")
    found = []
    for label, rows in _groups(table, ("model", "gemm_type", "kv_cache_dtype", "num_heads")):
        model, gemm, cache, heads = label
        operators = _operators(kind, str(model), str(gemm), str(cache), int(heads))
        if "_attn_" in path.name:  # the core alone
            operators = [op for op in operators if isinstance(op, AttentionCore)]
        is_prompt = np.full(len(rows), "context" in path.name) | (table["isl"][rows] > 1)
        for some in (rows[~is_prompt], rows[is_prompt]):
            part = {name: table[name][some] for name in ("batch_size", "isl", "step")}
            batch, new, past = (part[n].astype(np.float64) for n in ("batch_size", "isl", "step"))
            decodes = "context" not in path.name and not np.any(new > 1)
            found.append(
                rows_at(
                    tuple(operators),
                    StepShape.decode(batch, past)
                    if decodes
                    else StepShape.prefill(batch, new, past),
                    table,
                    some,
                    "|".join(map(str, label)),
                )
            )
    return [rows for rows in found if len(rows.measured_s)]


def read_scorer_rows(path: Path, device: str) -> list[ModuleRows]:
    """The rows of a ``dsv4_paged_mqa_logits_module`` table: scores, none of which is picked.

    The benchmark packs the query rows of all ``batch_size`` sequences behind one past: they are
    consecutive rows of a single sequence, whose keys stay in the cache.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
    """
    table = read_table(path, device)
    found = []
    for label, rows in _groups(table, ("model", "gemm_type", "kv_cache_dtype", "num_heads")):
        model, gemm, cache, heads = label
        whole = _operators("dsv4_csa", str(model), str(gemm), str(cache), int(heads))
        scorer = tuple(replace(op, picks=False) for op in whole if isinstance(op, Indexer))
        packed = (table["batch_size"][rows] * table["isl"][rows]).astype(np.float64)
        shape = StepShape.prefill(1.0, packed, table["step"][rows].astype(np.float64))
        found.append(rows_at(scorer, shape, table, rows, "|".join(map(str, label))))
    return found


def read_batched_rows(path: Path, device: str) -> list[ModuleRows]:
    """The rows of an ``mla_bmm`` table: one product for each head, up to the latent or down.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
    """
    table = read_table(path, device)
    latent = next(
        op for op in _operators("mla", "deepseek-ai/DeepSeek-V3", "bfloat16", "bfloat16", 128)
        if op.name == "attention.key_up"
    )  # fmt: skip
    assert isinstance(latent, Matmul)
    found = []
    for label, rows in _groups(table, ("bmm_dtype", "op_name", "num_heads")):
        _, name, heads = label
        up = replace(latent, groups=int(heads))
        product = up if name == "mla_gen_pre" else replace(up, n=up.k, k=up.n)
        shape = StepShape.prefill(1.0, table["num_tokens"][rows].astype(np.float64))
        found.append(rows_at((product,), shape, table, rows, "|".join(map(str, label))))
    return found


def read_stream_rows(path: Path, device: str) -> list[ModuleRows]:
    """The rows of an ``mhc_module`` table: what surrounds both parts of a layer.

    Raises:
        InputError: pyarrow is missing, or the file is no such table.
    """
    table = read_table(path, device)
    names = np.stack([table["hidden_size"], table["hc_mult"], table["op_name"] == "pre"], axis=1)
    found = []
    for hidden, streams, before in np.unique(names, axis=0):
        rows = np.flatnonzero((names == (hidden, streams, before)).all(axis=1))
        context = BlockContext(int(hidden), BF16, BF16, NATIVE_CACHE, 1)
        operators = lower(HyperConnections(streams=int(streams)), context)
        chosen = [op for op in operators if (op.name != "residual.mix_back") == bool(before)]
        shape = StepShape.prefill(1.0, table["num_tokens"][rows].astype(np.float64))
        label = f"{hidden}|{'pre' if before else 'post'}"
        found.append(rows_at(tuple(chosen), shape, table, rows, label))
    return found


def _groups(
    table: dict[str, NDArray[Any]], names: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], NDArray[np.intp]]]:
    members: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(*(table[name] for name in names), strict=True)):
        # Some tables name models that nobody serves.
        if names[0] != "model" or key[0] in MODELS:
            members.setdefault(key, []).append(i)
    for key, rows in members.items():
        yield key, np.array(rows)


def _operators(kind: str, name: str, gemm: str, cache: str, heads: int) -> list[Operator]:
    """One layer's attention of the model as a rank with ``heads`` query heads computes it."""
    model = catalogue.model(MODELS[name])
    linear = precision("bf16" if gemm == "bfloat16" else gemm)
    stored = 2.0 if cache == "bfloat16" else None
    if kind in ("mla", "msa") and cache == "fp8":
        stored = 1.0
    context = BlockContext(model.hidden_size, linear, linear, CacheFormat(stored), 1)
    operators = lower(_with_heads(_block(kind, name), heads), context)
    # The measured engine keeps the index keys of block-sparse attention in 16 bits.
    wide = 2.0 if kind == "msa" else 0.0
    return [
        replace(op, bytes_per_entry=wide * op.key_size) if wide and isinstance(op, Indexer) else op
        for op in operators
    ]


def _block(kind: str, name: str) -> HeadedAttention:
    blocks = {layer.attention: 0 for layer in catalogue.model(MODELS[name]).layers}
    if kind.startswith("dsv4"):
        ratio = {"dsv4_csa": 4, "dsv4_hca": 128}[kind]
        compressed = (b for b in blocks if isinstance(b, CompressedAttention))
        return next(b for b in compressed if b.compression == ratio)
    wanted = {"mla": "mla", "dsa": "dsa", "msa": "block-sparse"}[kind]
    headed = (b for b in blocks if isinstance(b, SharedKeyAttention | SharedLatentAttention))
    return next(b for b in headed if b.kind == wanted)


def _with_heads(block: HeadedAttention, heads: int) -> HeadedAttention:
    """The block of a rank that has ``heads`` query heads (more than the model's, even)."""
    own = block.query_heads
    if heads <= own:
        return block.sharded(own // heads)
    wider = {"query_heads": heads}
    if isinstance(block, BlockSparseAttention):
        wider["kv_heads"] = divide(block.kv_heads * heads, own)
        wider["index_heads"] = divide(block.index_heads * heads, own)
    return block.model_copy(update=wider)

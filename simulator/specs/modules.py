"""Which modules of a checkpoint each product of a layer is made of, and what they are called.

Engines join projections that read the same rows into one product (query, key and value; gate and
up); checkpoints store, exclude and quantise them one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from simulator.specs.kinds.compressed import CompressedAttention
from simulator.specs.kinds.feedforward import DenseFeedforward, MixtureOfExperts
from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.kinds.kind import Kind
from simulator.specs.kinds.latent import SharedLatentAttention, SparseLatentAttention
from simulator.specs.kinds.lightning import LightningAttention
from simulator.specs.kinds.parallel import ParallelMixers
from simulator.specs.kinds.recurrent import (
    GatedDeltaNet,
    KimiDeltaAttention,
    Mamba1,
    Mamba2,
    ShortConvolution,
)
from simulator.specs.model import Layer
from simulator.specs.precision import BF16, Precision, precision
from simulator.specs.stored import EXPERTS


@dataclass(frozen=True, slots=True)
class Module:
    """One matrix of a layer, or one of each routed expert.

    Args:
        product: the operator that multiplies it.
        parameters: its weights, all experts' together.
        columns: values of one of its rows, along which formats put weights into blocks.
        containers: what the part of the layer that holds it may be called.
        leaves: what it may be called there, alone or joined with others.
        gguf: what it may be called in a GGUF file.
        experts: how many there are of it, each under its number; 0 where it is alone.
        sixteen_bit: engines keep it in 16 bits, whatever a quantised checkpoint of
            ``transformers`` stores.
    """

    product: str
    parameters: float
    columns: int
    containers: tuple[str, ...]
    leaves: tuple[str, ...]
    gguf: tuple[str, ...] = ()
    experts: int = 0
    sixteen_bit: bool = False

    def paths(self, expert: int = 0) -> Iterator[str]:
        """What it may be called within its layer."""
        for container in self.containers:
            for leaf in self.leaves:
                yield f"{container}.{leaf}"
                if self.experts:
                    yield f"{container}.{expert}.{leaf}"


def modules_of_layer(layer: Layer, hidden: int) -> list[Module]:
    """The modules of all parts of ``layer``, in their order."""
    return [module for part in layer.parts for module in modules_of(part, hidden)]


def usual_products(layer: Layer, hidden: int, name: str) -> dict[str, Precision]:
    """Product → how it is stored where only the precision ``name`` of the model is told."""
    chosen = precision(name)
    found = {}
    for module in modules_of_layer(layer, hidden):
        usual = chosen if module.product == EXPERTS else chosen.dense
        found[module.product] = BF16 if module.sixteen_bit else usual
    return found


@singledispatch
def modules_of(_part: Kind, _hidden: int) -> list[Module]:
    """The modules of one part; none where nobody says, which is then stored as most is."""
    return []


_ATTENTION = ("self_attn", "self_attention", "attention", "attn", "mixer")
_MLP = ("mlp", "feed_forward", "ffn", "mixer", "block_sparse_moe")
_QKV = ("qkv_proj", "query_key_value", "qkv", "Wqkv", "c_attn", "W_pack", "wqkv")


@modules_of.register
def _shared_key(part: SharedKeyAttention, hidden: int) -> list[Module]:
    query, key, value = part.projected
    joined = (*_QKV, "fused_qkv_proj")
    wanted = [
        (query * (2 if part.gated else 1), ("q_proj", "wq", *joined), ("attn_q", "attn_qkv")),
        (key, ("k_proj", "wk", *joined), ("attn_k", "attn_qkv")),
        (value, ("v_proj", "wv", *joined), ("attn_v", "attn_qkv")),
        (part.query_heads if part.head_gate else 0, ("g_proj",), ("attn_gate",)),
    ]
    found = [
        Module("attention.qkv", size * hidden, hidden, _ATTENTION, leaves, gguf)
        for size, leaves, gguf in wanted
        if size
    ]
    out = ("o_proj", "out_proj", "dense", "wo", "c_proj")
    return [
        *found,
        Module(
            "attention.out", part.attended * hidden, part.attended, _ATTENTION, out,
            ("attn_output",),
        ),
    ]  # fmt: skip


@modules_of.register
def _latent(part: SharedLatentAttention, hidden: int) -> list[Module]:
    query = part.query_heads * (part.nope_size + part.rope_size)
    attended = part.query_heads * part.value_size
    joined = ("fused_qkv_a_proj",)
    rank = part.query_rank
    found = [
        Module(
            "attention.down", part.entry * hidden, hidden, _ATTENTION,
            ("kv_a_proj_with_mqa", *joined), ("attn_kv_a_mqa",),
        ),
        Module(
            "attention.key_up", part.query_heads * part.kv_rank * part.nope_size, part.nope_size,
            _ATTENTION, ("kv_b_proj", "embed_q"), ("attn_k_b", "attn_kv_b"), sixteen_bit=True,
        ),
        Module(
            "attention.value_up", part.query_heads * part.kv_rank * part.value_size, part.kv_rank,
            _ATTENTION, ("kv_b_proj", "unembed_out"), ("attn_v_b", "attn_kv_b"), sixteen_bit=True,
        ),
        Module(
            "attention.out", attended * hidden, attended, _ATTENTION, ("o_proj",),
            ("attn_output",),
        ),
    ]  # fmt: skip
    if rank is None:
        found.insert(
            0,
            Module("attention.down", query * hidden, hidden, _ATTENTION, ("q_proj",), ("attn_q",)),
        )
    else:
        found[:0] = [
            Module(
                "attention.down", rank * hidden, hidden, _ATTENTION, ("q_a_proj", *joined),
                ("attn_q_a",),
            ),
            Module(
                "attention.query_up", query * rank, rank, _ATTENTION, ("q_b_proj",),
                ("attn_q_b",),
            ),
        ]  # fmt: skip
    if part.gated:
        found.append(Module("attention.down", attended * hidden, hidden, _ATTENTION, ("g_proj",)))
    if isinstance(part, SparseLatentAttention) and not part.shares_index:
        found += _indexer(
            part.index_heads * part.index_size, part.index_size, rank or hidden, hidden
        )
    return found


def _indexer(query: int, key: int, rank: int, hidden: int) -> list[Module]:
    return [
        Module(
            "attention.index_query", query * rank, rank, _ATTENTION,
            ("indexer.wq_b", "indexer.q_proj"), ("indexer.attn_q_b", "indexer.q_proj"),
        ),
        Module(
            "attention.index_key", key * hidden, hidden, _ATTENTION,
            ("indexer.wk", "indexer.k_proj"), ("indexer.attn_k", "indexer.k_proj"),
        ),
    ]  # fmt: skip


@modules_of.register
def _compressed(part: CompressedAttention, hidden: int) -> list[Module]:
    query = part.query_heads * part.head_size
    ranks = part.output_groups * part.output_rank
    in_group = query // part.output_groups
    wanted = [
        ("attention.down", part.query_rank * hidden, hidden, ("wq_a", "q_a_proj")),
        ("attention.down", part.head_size * hidden, hidden, ("wkv", "kv_proj")),
        ("attention.query_up", query * part.query_rank, part.query_rank, ("wq_b", "q_b_proj")),
        ("attention.out_groups", query * part.output_rank, in_group, ("wo_a", "o_a_proj")),
        ("attention.out", ranks * hidden, ranks, ("wo_b", "o_b_proj")),
    ]
    return [
        Module(product, size, columns, _ATTENTION, leaves)
        for product, size, columns, leaves in wanted
    ]


@modules_of.register
def _gated_delta(part: GatedDeltaNet, hidden: int) -> list[Module]:
    key, value = part.widths
    inside, container = ("in_proj_qkvz",), ("linear_attn",)
    return [
        Module(
            "attention.in", (2 * key + value) * hidden, hidden, container,
            ("in_proj_qkv", *inside), ("attn_qkv", "ssm_in"),
        ),
        Module(
            "attention.in", value * hidden, hidden, container, ("in_proj_z", *inside),
            ("attn_gate", "ssm_in"),
        ),
        Module("attention.out", value * hidden, value, container, ("out_proj",), ("ssm_out",)),
    ]  # fmt: skip


@modules_of.register
def _kimi_delta(part: KimiDeltaAttention, hidden: int) -> list[Module]:
    names = ("q", "k", "v", "g") if part.full_gate else ("q", "k", "v")
    one = part.width * hidden
    inputs = [
        Module("attention.in", one, hidden, _ATTENTION, (f"{n}_proj",), (f"attn_{n}",))
        for n in names
    ]
    out = Module("attention.out", one, part.width, _ATTENTION, ("o_proj",), ("attn_output",))
    return [*inputs, out]


@modules_of.register
def _short_convolution(part: ShortConvolution, hidden: int) -> list[Module]:
    width, inside = part.channels, ("conv", "short_conv")
    return [
        Module(
            "attention.in", 3 * width * hidden, hidden, inside, ("in_proj",),
            ("shortconv.in_proj",),
        ),
        Module(
            "attention.out", width * hidden, width, inside, ("out_proj",), ("shortconv.out_proj",)
        ),
    ]  # fmt: skip


@modules_of.register
def _mamba_1(part: Mamba1, hidden: int) -> list[Module]:
    return _state_space(2 * part.channels, part.channels, hidden)


@modules_of.register
def _mamba_2(part: Mamba2, hidden: int) -> list[Module]:
    return _state_space(part.convolved + part.inner + part.heads, part.inner, hidden)


@modules_of.register
def _lightning(part: LightningAttention, hidden: int) -> list[Module]:
    one = part.width * hidden
    wanted = [
        ("attention.in", 3 * one, hidden, ("qkv_proj",)),
        ("attention.in", one, hidden, ("output_gate",)),
        ("attention.out", one, part.width, ("out_proj",)),
    ]
    return [
        Module(product, size, columns, _ATTENTION, leaves)
        for product, size, columns, leaves in wanted
    ]


def _state_space(columns: int, inner: int, hidden: int) -> list[Module]:
    inside = ("mamba", "mixer")
    return [
        Module("attention.in", columns * hidden, hidden, inside, ("in_proj",), ("ssm_in",)),
        Module("attention.out", inner * hidden, inner, inside, ("out_proj",), ("ssm_out",)),
    ]


@modules_of.register
def _parallel(part: ParallelMixers, hidden: int) -> list[Module]:
    return [module for branch in part.branches for module in modules_of(branch, hidden)]


@modules_of.register
def _dense(part: DenseFeedforward, hidden: int) -> list[Module]:
    return _mlp("mlp", part.width, part.gated, hidden, _MLP, "")


@modules_of.register
def _mixture(part: MixtureOfExperts, hidden: int) -> list[Module]:
    width = part.latent or hidden
    within = tuple(f"{name}.experts" for name in _MLP)
    routed = _mlp(
        EXPERTS, part.expert_width, part.gated, width, (*within, "experts"), "_exps", part.experts
    )
    shared_names = tuple(
        f"{name}.{shared}"
        for name in _MLP
        for shared in ("shared_experts", "shared_expert", "shared_mlp")
    )
    if not part.shared_width:
        return routed
    return routed + _mlp(
        "moe.shared", part.shared_width, part.gated, hidden, shared_names, "_shexp"
    )


def _mlp(
    name: str,
    width: int,
    gated: bool,
    hidden: int,
    containers: tuple[str, ...],
    ending: str,
    experts: int = 0,
) -> list[Module]:
    """Gate, up and down; one product for all routed experts, else one in and one out."""
    one = width * hidden * max(experts, 1)
    up = name if experts else f"{name}.up"
    down = name if experts else f"{name}.down"
    joined = ("gate_up_proj", "w13", "Wi")
    gguf_joined = f"ffn_gate_up{ending}"
    found = [
        Module(
            up, one, hidden, containers,
            ("up_proj", "w3", "fc1", "c_fc", "dense_h_to_4h", *joined),
            (f"ffn_up{ending}", gguf_joined), experts,
        ),
        Module(
            down, one, width, containers,
            ("down_proj", "w2", "fc2", "c_proj", "dense_4h_to_h"),
            (f"ffn_down{ending}",), experts,
        ),
    ]  # fmt: skip
    if gated:
        gate = Module(
            up, one, hidden, containers, ("gate_proj", "w1", *joined),
            (f"ffn_gate{ending}", f"ffn_up{ending}", gguf_joined), experts,
        )  # fmt: skip
        found.insert(0, gate)
    return found

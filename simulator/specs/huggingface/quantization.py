"""How weights are stored, by ``quantization_config``, the block of MLX, or the datatype."""

from collections.abc import Mapping, Sequence

from simulator.errors import InputError, nearest
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.groups import compressed_tensors, mlx, modelopt, quark
from simulator.specs.huggingface.methods import SIMPLE, Method
from simulator.specs.huggingface.scheme import Scheme, StoredModel, stored_model
from simulator.specs.model import Layer
from simulator.specs.precision import precision

_TORCH = {
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "float": "fp32",
    "float8_e4m3fn": "fp8",
    "auto": "bf16",
    # DeepSeek's own inference configs; their FP8 is scaled in blocks.
    "fp8": "fp8_block",
}

_METHODS: Mapping[str, Method] = {
    **SIMPLE,
    "modelopt": modelopt,
    "modelopt_fp4": modelopt,
    "compressed-tensors": compressed_tensors,
    "quark": quark,
}


def stored_as(
    outer: Config, inner: Config, beside: Config | None, layers: Sequence[Layer], hidden: int
) -> StoredModel:
    """How the weights of a config's layers are stored; ``beside`` is what another file says.

    Raises:
        InputError: a quantisation method or datatype that is not understood, or two blocks that
            contradict each other.
    """
    datatype = _datatype(outer, inner)
    block = beside or _block(outer, inner)
    if inner.has("expert_dtype") and (block is None or block.text("quant_method") in SIMPLE):
        name = _experts_apart(inner, block)
        return StoredModel(name, ((),) * len(layers), (), "bf16", None, ())
    if block is None:
        return StoredModel(datatype, ((),) * len(layers), (), "bf16", None, ())
    # Of a quantised checkpoint engines keep nothing in 32 bits.
    plain = precision("fp16" if datatype == "fp16" else "bf16")
    method = block.text("quant_method")
    if not method and block.has("bits") and block.has("group_size"):
        scheme: Scheme = mlx(block)
    elif method in _METHODS:
        scheme = _METHODS[method](block, plain)
    else:
        raise block.error(
            "quant_method", f"method {method!r} is not understood", nearest(method, _METHODS)
        )
    try:
        return stored_model(scheme, layers, hidden)
    except InputError as error:
        # A list of modules does not know in which file it stands.
        where = block.prefix.rstrip(".")
        raise InputError(error.problem, file=block.file, field=where, remedy=error.remedy) from None


def _block(outer: Config, inner: Config) -> Config | None:
    """The mapping that says how weights are quantised; None where they are not."""
    both = [c.fields.get("quantization_config") for c in (outer, inner)]
    methods = {str(block.get("quant_method")) for block in both if isinstance(block, dict)}
    if len(methods) > 1:
        raise inner.error(
            "quantization_config",
            f"stands twice, with the methods {' and '.join(sorted(methods))}",
            "delete the one of the two that is not true of the weights",
        )
    holder = inner if inner.fields.get("quantization_config") else outer
    if not holder.fields.get("quantization_config"):
        # MLX has its own name for it, and newer files have both.
        return outer.inner("quantization") if outer.fields.get("quantization") else None
    block = holder.inner("quantization_config")
    beside = outer.fields.get("quantization")
    if (
        isinstance(beside, dict)
        and "bits" in beside
        and beside.get("bits") != block.fields.get("bits")
    ):
        raise outer.error(
            "quantization",
            f"says {beside['bits']} bits, but quantization_config says "
            f"{block.fields.get('bits', block.text('quant_method'))!r}",
            "delete the one of the two that is not true of the weights",
        )
    return block


def _datatype(outer: Config, inner: Config) -> str:
    for config in (inner, outer):
        for field in ("torch_dtype", "dtype"):
            name = config.text(field).removeprefix("torch.")
            if name in _TORCH:
                return _TORCH[name]
            if name:
                raise config.error(
                    field, f"datatype {name!r} is not understood", nearest(name, _TORCH)
                )
    return "bf16"


def _experts_apart(config: Config, block: Config | None) -> str:
    """DeepSeek V4: routed experts in FP4, everything else in FP8 blocks."""
    if block is None:
        raise config.error(
            "expert_dtype",
            "experts of another datatype, but no quantization_config says how the rest is stored",
            "add quantization_config (a ModelOpt checkpoint keeps it in hf_quant_config.json)",
        )
    kind, method = config.text("expert_dtype"), block.text("quant_method")
    if kind != "fp4" or method != "fp8":
        raise config.error(
            "expert_dtype", f"{kind!r} beside method {method!r} is not understood", "known: fp4"
        )
    return "mxfp4_fp8"

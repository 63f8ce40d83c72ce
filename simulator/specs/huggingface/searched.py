"""Decoders whose layers were searched one by one (DeciLM, Llama Nemotron Super and Ultra).

``block_configs`` says of each layer how many query heads share a KV head, how wide the MLP is, and
whether one of the two is left out.
"""

from typing import Any

from simulator.specs.huggingface.fields import Config

_WIDTHS_IN = 256
"""MLP widths are multiples of this (modeling_decilm.py)."""


def layers_of_blocks(config: Config, blocks: list[Any]) -> dict[str, Any]:
    """The common fields that ``block_configs`` tells: words, KV heads and widths of all layers.

    Raises:
        InputError: a block that is not understood.
    """
    heads, hidden = config.size("num_attention_heads"), config.size("hidden_size")
    words, kv_heads, widths = [], [], []
    for number, block in enumerate(blocks):
        place = f"block_configs.{number}"
        if not isinstance(block, dict):
            raise config.error(place, f"expected a mapping, found {type(block).__name__}")
        inside = Config(block, config.file, f"{config.prefix}{place}.")
        attention, mlp = inside.inner("attention"), inside.inner("ffn")
        for half in (attention, mlp):
            if half.flag("replace_with_linear"):
                raise half.error("replace_with_linear", "a single product is not understood")
        word = ("" if attention.flag("no_op") else "attention") + (
            "" if mlp.flag("no_op") else "mlp"
        )
        words.append(word or "nothing")
        kv_heads.append(heads // (attention.optional_size("n_heads_in_group") or heads))
        widths.append(_width(mlp, hidden))
    return {"layer_types": words, "num_key_value_heads": kv_heads, "intermediate_size": widths}


def _width(mlp: Config, hidden: int) -> int | None:
    """``ffn_mult`` is written before SwiGLU's two thirds and the rounding up."""
    factor = mlp.fields.get("ffn_mult")
    if factor is None:
        return mlp.optional_size("intermediate_size")
    if isinstance(factor, bool) or not isinstance(factor, int | float) or factor <= 0:
        raise mlp.error("ffn_mult", f"expected a positive number, found {factor!r}")
    return -(-int(2 * factor * hidden / 3) // _WIDTHS_IN) * _WIDTHS_IN

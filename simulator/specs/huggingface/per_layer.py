"""What a config says of its layers one by one: sizes in lists, and fields of single layers."""

from typing import Any

from simulator.specs.huggingface.fields import Config

_SIZES = (
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "moe_intermediate_size",
    "num_experts_per_tok",
    "n_shared_experts",
)
"""Sizes that some configs give as a list with one entry for each layer."""


def configs_of_layers(config: Config, layers: int) -> list[Config]:
    """The config that each layer is read by; layers that say the same share one.

    Raises:
        InputError: a list that is too short, or a layer that is not there.
    """
    listed = {
        name: config.pattern(name, layers) or []
        for name in _SIZES
        if isinstance(config.fields.get(name), list)
    }
    single = _single_layers(config, layers)
    made: dict[str, Config] = {}
    found = []
    for index in range(layers):
        own = {name: sizes[index] for name, sizes in listed.items()} | single.get(index, {})
        found.append(made.setdefault(repr(own), config.with_fields(own)))
    return found


def _single_layers(config: Config, layers: int) -> dict[int, dict[str, Any]]:
    """``per_layer_config`` of transformers: a layer's number → the fields that it has otherwise."""
    if not config.has("per_layer_config"):
        return {}
    stated = config.inner("per_layer_config")
    found = {}
    for number in stated.fields:
        if not number.isdecimal() or int(number) >= layers:
            raise stated.error(number, f"there is no such layer among {layers}")
        found[int(number)] = stated.inner(number).fields
    return found

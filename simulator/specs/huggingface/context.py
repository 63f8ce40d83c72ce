"""How many tokens a model takes: its trained length, and what a rotary scaling makes of it.

The rule is that of vLLM (``_get_and_verify_max_len`` in ``vllm/config/model.py``): the shortest of
the lengths that a config names, times the factor of a scaling that the length does not count yet.
"""

from typing import Any

from simulator.errors import shown
from simulator.specs.huggingface.family import Family
from simulator.specs.huggingface.fields import Config

_LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)

_STRETCHING = ("yarn", "deepseek_yarn", "linear", "dynamic", "ntk")
"""Scalings that stretch the context beyond what the config names as its length."""

_COUNTED = ("default", "llama3", "longrope", "su", "mrope", "proportional")
"""Scalings whose length is that of the config."""

_LARGEST_FACTOR = 10_000
_LONGEST = 1_000_000_000

_UNSAID = 32768
"""Taken where a config names no length."""


def context_of(config: Config, family: Family) -> tuple[int, tuple[str, ...]]:
    """The longest context in tokens, and what a user should hear of how it was found.

    Raises:
        InputError: a length or a factor that is no number.
    """
    named = [size for name in _LENGTHS if (size := config.optional_size(name))]
    if not named:
        return _UNSAID, (f"the config names no context length: {_UNSAID:,} tokens assumed",)
    length = min(named)
    for scaling in _scalings(config):
        kind = scaling.text("rope_type") or scaling.text("type", "default")
        if kind not in (*_STRETCHING, *_COUNTED):
            return length, (f"rope scaling {kind!r} is not known: context {length:,} as written",)
        factor = _factor(scaling)
        if kind in _COUNTED or factor == 1 or not family.stretches_context:
            continue
        trained = length
        if "yarn" in kind:
            trained = scaling.optional_size("original_max_position_embeddings") or length
        stretched = round(trained * factor)
        if stretched > _LONGEST:
            raise scaling.error(
                "factor", f"lengthens {trained:,} tokens to {stretched:,}, more than {_LONGEST:,}",
                "write the factor by which the context is longer than it was trained",
            )  # fmt: skip
        if stretched == length:
            continue
        said = f"context {stretched:,}: {trained:,} tokens stretched {factor:g} times by {kind}"
        return stretched, (said,)
    return length, ()


def _scalings(config: Config) -> list[Config]:
    """The scaling, or those of each kind of layer."""
    for name in ("rope_scaling", "rope_parameters"):
        if not config.has(name):
            continue
        scaling = config.inner(name)
        kinds = [key for key, value in scaling.fields.items() if isinstance(value, dict)]
        return [scaling.inner(key) for key in kinds] or [scaling]
    return []


def _factor(scaling: Config) -> float:
    factor: Any = scaling.fields.get("factor")
    if factor is None:
        return 1.0
    is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not is_number or not 1 <= factor <= _LARGEST_FACTOR:
        raise scaling.error(
            "factor",
            f"expected a number from 1 to {_LARGEST_FACTOR:,}, found {shown(factor)}",
            "take the scaling out, or write by how much it lengthens the context",
        )
    return float(factor)

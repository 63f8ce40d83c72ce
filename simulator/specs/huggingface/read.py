"""Which architecture a config describes, and its layers one by one."""

from typing import Any

from simulator.errors import nearest
from simulator.specs.huggingface.blocks import attention_layers, feedforward_layers
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.quantization import weight_precision
from simulator.specs.model import Layer, Model

KNOWN_TYPES = frozenset(
    {
        "llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi3",
        "gemma2", "gemma3", "gemma3_text", "deepseek_v2", "deepseek_v3", "kimi_k2", "kimi_k25",
        "glm4_moe", "gpt_oss", "llama4", "llama4_text", "minimax_m2", "qwen3_vl", "qwen3_vl_text",
    }
)  # fmt: skip
"""``model_type`` values whose block structure is known."""

_TIED_BY_DEFAULT = frozenset({"gemma2", "gemma3", "gemma3_text"})


def read_config(
    content: dict[str, Any], *, name: str, title: str, file: object | None = None
) -> Model:
    """Build a model from the fields of a ``config.json``.

    A multimodal config's ``text_config`` is the decoder. Without ``model_type`` the config is
    read as a Llama-like decoder.

    Raises:
        InputError: a field is missing, or says something that is not understood.
    """
    outer = Config(content, file)
    config = outer.inner("text_config") if "text_config" in content else outer
    model_type = config.text("model_type") or outer.text("model_type")
    if model_type and model_type not in KNOWN_TYPES:
        raise config.error(
            "model_type",
            f"architecture {model_type!r} is not understood",
            nearest(model_type, KNOWN_TYPES),
        )
    layers = config.size("num_hidden_layers")
    attention = attention_layers(config, model_type, layers)
    feedforward = feedforward_layers(config, model_type, layers)
    tied = model_type in _TIED_BY_DEFAULT
    tie_field = config if "tie_word_embeddings" in config.fields else outer
    return Model(
        name=name,
        title=title,
        hidden_size=config.size("hidden_size"),
        vocabulary=config.size("vocab_size"),
        layers=tuple(
            Layer(attention=a, feedforward=f, norms=4 if model_type.startswith("gemma") else 2)
            for a, f in zip(attention, feedforward, strict=True)
        ),
        max_context=config.optional_size("max_position_embeddings") or 32768,
        tied_embeddings=tie_field.flag("tie_word_embeddings", tied),
        weight_precision=weight_precision(outer, config),
    )

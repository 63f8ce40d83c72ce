"""The vision encoder of a multimodal config, in the spellings of the known families."""

from functools import lru_cache
from typing import Any

from simulator.errors import InputError
from simulator.specs.folders import SPECS
from simulator.specs.huggingface.common import renamed
from simulator.specs.huggingface.fields import Config
from simulator.specs.model import Merger, VisionEncoder
from simulator.specs.quantity import Spec
from simulator.specs.reading import read_mapping, validate

_FILE = SPECS / "vision_encoders.yaml"


class Conventions(Spec):
    """What a family of encoders leaves unsaid.

    Args:
        names: its spelling of common fields.
        around: fields that stand beside the encoder's own.
        gated, bias: of its layers.
        merges: whether a square of patches becomes one token.
        merger: what projects them to the decoder, see ``VisionEncoder``.
        learned_positions: whether positions have vectors where their number follows from a size.
    """

    names: dict[str, str] = {}
    around: tuple[str, ...] = ()
    gated: bool = False
    bias: bool = True
    merges: bool = True
    merger: Merger = "mlp"
    learned_positions: bool = True


_KIMI = {
    "vt_num_hidden_layers": "num_hidden_layers",
    "vt_hidden_size": "hidden_size",
    "vt_num_attention_heads": "num_attention_heads",
    "vt_intermediate_size": "intermediate_size",
}


def vision_of(
    outer: Config, hidden: int, precision: str
) -> tuple[VisionEncoder | None, tuple[str, ...]]:
    """The encoder whose ``vision_config`` stands in ``outer``, if any, and what is assumed.

    ``hidden`` is the decoder's width, ``precision`` how the encoder's products are stored. An
    encoder whose config is not understood is left out, and told.
    """
    # An empty mapping describes nothing.
    if not outer.fields.get("vision_config"):
        return None, ()
    conventions = _conventions(outer.inner("vision_config"), outer)
    config = _common(outer.inner("vision_config"), outer, conventions)
    try:
        return _encoder(config, conventions, hidden, precision), ()
    except InputError as error:
        what = f"the vision encoder is left out: {error.field}: {error.problem}"
        return None, (what,)


def unheard(*holders: Config) -> tuple[str, ...]:
    """What ``holders`` describe beside a decoder and what it sees: that is left out."""
    named = dict.fromkeys(n for n in _UNHEARD for holder in holders if holder.fields.get(n))
    return tuple(f"what {name} describes is left out" for name in named)


_UNHEARD = ("audio_config", "talker_config", "code2wav_config", "token2wav_config")
"""Encoders of sound, and decoders that speak."""


def _encoder(config: Config, said: Conventions, hidden: int, precision: str) -> VisionEncoder:
    width = config.size("hidden_size")
    return config.built(
        VisionEncoder,
        layers=config.size("depth", "num_hidden_layers"),
        hidden_size=width,
        heads=config.size("num_heads", "num_attention_heads"),
        attention_size=config.optional_size("qkv_hidden_size"),
        width=_width(config, width),
        gated=said.gated,
        bias=config.flag("linear_bias", said.bias),
        patch_size=config.size("patch_size"),
        channels=config.optional_size("in_channels", "num_channels", "in_chans") or 3,
        frames_per_patch=config.optional_size("temporal_patch_size") or 1,
        merge=_merge(config) if said.merges else 1,
        out_size=config.optional_size("out_hidden_size") or hidden,
        merger=said.merger,
        merger_width=config.optional_size("merger_width"),
        taps=len(config.numbers("deepstack_visual_indexes") or []),
        positions=_positions(config, said),
        precision=precision,
    )


def _width(config: Config, hidden: int) -> int:
    """The width of the MLP, or its ratio to the encoder's."""
    stated, ratio = config.optional_size("intermediate_size"), config.fields.get("mlp_ratio")
    if stated is None and isinstance(ratio, int | float):
        return round(ratio * hidden)
    return stated or config.size("intermediate_size")


def _common(config: Config, outer: Config, said: Conventions) -> Config:
    """The encoder's config in the common spelling, with what stands around it."""
    around = {name: outer.fields[name] for name in said.around if outer.has(name)}
    fields = {**around, **config.fields}
    swapped = {own for own in said.names if own in fields and "." not in own}
    kept = {name: value for name, value in fields.items() if name not in swapped}
    return Config({**kept, **renamed(fields, {**_KIMI, **said.names})}, config.file, config.prefix)


def _conventions(config: Config, outer: Config) -> Conventions:
    known = _known()
    for holder in (config, outer):
        name = holder.text("model_type").removesuffix("_model").removesuffix("_vision")
        if name in known:
            return validate(Conventions, known[name], _FILE)
    return Conventions()


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    return read_mapping(_FILE)


def _merge(config: Config) -> int:
    """Patches along each side of the square that becomes one token."""
    kernel = config.numbers("merge_kernel_size")
    if kernel:
        return kernel[0]
    for name in ("pixel_shuffle_ratio", "downsample_ratio"):
        ratio = config.fields.get(name)
        if isinstance(ratio, float) and ratio > 0:
            return round(1 / ratio)
    return config.optional_size("spatial_merge_size") or 1


def _positions(config: Config, said: Conventions) -> int:
    height = config.optional_size("init_pos_emb_height")
    if height:
        return height * config.size("init_pos_emb_width")
    stated = config.optional_size("num_position_embeddings", "position_embedding_size")
    if stated:
        return stated
    image = config.optional_size("image_size") if said.learned_positions else None
    return (image // config.size("patch_size")) ** 2 if image else 0

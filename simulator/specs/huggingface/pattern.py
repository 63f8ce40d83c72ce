"""Which kind each layer of a config is: a list of words, a cycle, or layers named one by one."""

from simulator.errors import nearest, shown
from simulator.specs.huggingface.common import reached
from simulator.specs.huggingface.family import Cycle, Family, LayerWord, Listed
from simulator.specs.huggingface.fields import Config

FULL, SLIDING = "full_attention", "sliding_attention"


def layer_words(config: Config, family: Family, layers: int) -> list[str]:
    """The word of each layer, in the vocabulary of ``words_of``.

    Raises:
        InputError: a list that is too short, or a word that the family does not know.
    """
    stated = config.fields.get("layer_types")
    if stated is not None:
        return _stated(config, family, layers)
    if family.listed is not None and _has(config, family.listed.field):
        return _listed(config, family.listed, layers)
    if family.cycle is not None and _has_room(config, family, family.cycle):
        return _repeated(config, family.cycle, layers)
    if family.listed is not None:
        return [family.listed.otherwise] * layers
    return _sliding(config, family, layers)


def words_of(family: Family) -> dict[str, LayerWord]:
    """Every word that a list of layers may have in this family."""
    usual = {
        FULL: LayerWord(mixer=family.mixer),
        SLIDING: LayerWord(mixer=family.mixer, reach="window"),
        "chunked_attention": LayerWord(mixer=family.mixer, reach="chunk"),
    }
    return {**usual, **family.words}


def _stated(config: Config, family: Family, layers: int) -> list[str]:
    """A list of words, a text of letters or of words between commas, or a list of numbers."""
    stated = config.fields["layer_types"]
    if isinstance(stated, str):
        config = config.with_fields({"layer_types": list(stated)})
    listed = config.pattern("layer_types", layers) or ()
    if not all(isinstance(word, str | int) for word in listed):
        raise config.error("layer_types", f"expected a list of words, found {shown(listed)}")
    words = [str(word) for word in listed]
    known = words_of(family)
    for word in words:
        if word not in known:
            raise config.error(
                "layer_types", f"layer kind {word!r} is not understood", nearest(word, known)
            )
    return words


def _has_room(config: Config, family: Family, cycle: Cycle) -> bool:
    """Whether the cycle says anything: windows do only where the config names their size."""
    slides = words_of(family)[cycle.otherwise].reach == "window"
    return not slides or config.optional_size("sliding_window") is not None


def _has(config: Config, path: str) -> bool:
    return isinstance(reached(config.fields, path), list)


def _listed(config: Config, listed: Listed, layers: int) -> list[str]:
    *above, name = listed.field.split(".")
    for outer in above:
        config = config.inner(outer)
    chosen = {number - listed.first for number in config.numbers(name) or ()}
    if not chosen <= set(range(layers)):
        raise config.error(name, f"names layers beyond the {layers} that there are")
    return [listed.word if i in chosen else listed.otherwise for i in range(layers)]


def _repeated(config: Config, cycle: Cycle, layers: int) -> list[str]:
    every = config.size(cycle.every) if isinstance(cycle.every, str) else cycle.every
    at = config.optional_size(cycle.at) or 0 if isinstance(cycle.at, str) else cycle.at
    at = every - 1 if at is None else at
    return [cycle.word if i % every == at else cycle.otherwise for i in range(layers)]


def _sliding(config: Config, family: Family, layers: int) -> list[str]:
    """One kind for all; where a window holds, from the layer that the config names on."""
    if not (config.holds(family.slides) and config.optional_size("sliding_window")):
        return [FULL] * layers
    first = config.optional_size("max_window_layers") or 0
    return [SLIDING if i >= first else FULL for i in range(layers)]

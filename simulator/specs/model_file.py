"""From an entry of ``models/`` to the model: read its config, or unroll its own layers."""

from simulator.specs.huggingface import read_config
from simulator.specs.model import Model, ModelFile


def model_of(entry: ModelFile, file: object | None = None) -> Model:
    """The model that a checked model file describes.

    Raises:
        InputError: its ``config`` is not understood; names the field.
    """
    if entry.config is not None:
        model = read_config(
            entry.config,
            name=entry.name,
            title=entry.title,
            file=file,
            own_family=entry.family,
        )
    else:
        model = _from_layers(entry)
    return model.model_copy(
        update={
            "published": entry.published,
            "source": entry.source,
            "hypothetical": entry.hypothetical,
            "notes": entry.notes,
        }
    )


def _from_layers(entry: ModelFile) -> Model:
    # ModelFile's own check has made sure that the three sizes are there.
    return Model(
        name=entry.name,
        title=entry.title,
        hidden_size=entry.hidden_size or 0,
        vocabulary=entry.vocabulary or 0,
        layers=tuple(layer for group in entry.layers or [] for layer in group.unrolled()),
        max_context=entry.max_context or 0,
        tied_embeddings=entry.tied_embeddings,
        weight_precision=entry.weight_precision,
        vision=entry.vision,
        draft=entry.draft,
    )

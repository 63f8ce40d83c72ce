"""A smaller model that drafts token after token, with weights and a cache of its own.

Leviathan et al., arXiv:2211.17192; Chen et al., arXiv:2302.01318.
"""

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parallel import check_layout
from simulator.roofline.modes.drafting import Asked, Drafting, one_after_another, verified_of


def draft_model(asked: Asked) -> Drafting:
    """See the module.

    Raises:
        InputError: a model of another vocabulary.
    """
    other = asked.other
    if other is None:
        raise LookupError(asked.wanted.model)
    notes: tuple[str, ...] = ()
    if other.vocabulary != asked.model.vocabulary:
        if not asked.wanted.translate:
            raise InputError(
                f"{other.name} has {other.vocabulary:,} tokens, {asked.model.name} "
                f"{asked.model.vocabulary:,}: what one drafts the other cannot verify",
                field="deployment.speculation.model",
                remedy=f"name a smaller model with the vocabulary of {asked.model.name}, or set "
                "speculation.translate=true where the engine translates between vocabularies",
            )
        notes = (f"tokens are translated between {other.name} and {asked.model.name} for free",)
    layout = asked.layout.model_copy(update={"pp": 1, "stage_layers": None, "ep": 1})
    try:
        check_layout(other, layout)
    except InputError:
        layout = layout.model_copy(update={"tp": 1, "dcp": 1})
        notes = (
            *notes,
            f"{other.name} cannot be divided as {asked.model.name} is: every device "
            "holds and runs it whole",
        )
    graph = build(other, layout, asked.weights, asked.kv)
    runs = one_after_another(asked, graph, graph)
    return Drafting(runs, verified_of(asked), graph, notes=notes)

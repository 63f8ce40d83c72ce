"""A served point as a user asks it who knows its flags and nothing of how its server was set."""

from dataclasses import replace

from simulator.validation.measured.point import Point

FLAGS = ("engine", "precision", "tp", "ep", "dp", "devices", "isl", "osl", "concurrency", "rate")
"""What anybody knows of a run: the engine, the model's format, the layout and the load."""


def by_flags_alone(point: Point) -> Point:
    """The same figure, asked without settings and without what is not a flag of every question.

    It stays on its side of the split into fitted and scored rows.
    """
    question = {name: point.question[name] for name in FLAGS if name in point.question}
    return replace(point, question=question, settings={}, fitted=not point.is_score_row)

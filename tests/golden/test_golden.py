"""Today's answers to four hundred questions are those on record, but for listed changes."""

from functools import cache

import pytest
from answers import (
    CHANGED,
    TOLERANCE,
    Difference,
    Excuse,
    answer,
    differences,
    excuses,
    recorded,
)
from questions import Question, questions

PARTS = 8
_SHOWN = 60


all_answers = cache(recorded)
all_questions = cache(questions)


@cache
def found(question_id: str) -> list[Difference]:
    question = next(q for q in all_questions() if q.id == question_id)
    was = all_answers()[question_id]
    return differences(question_id, was, answer(question.ask, question.arguments))


def part(number: int) -> list[Question]:
    everything = all_questions()
    size = -(-len(everything) // PARTS)
    return everything[number * size : (number + 1) * size]


def test_every_question_is_on_record_and_few_are_refused() -> None:
    answers = all_answers()
    assert set(answers) == {q.id for q in all_questions()}
    assert sum("refused" in figures for figures in answers.values()) < 0.05 * len(answers)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(PARTS))
def test_the_answers_are_those_on_record(number: int) -> None:
    excused = excuses()
    changed = [
        difference
        for question in part(number)
        for difference in found(question.id)
        if not any(excuse.covers(difference) for excuse in excused)
    ]
    if changed:
        shown = "\n".join(map(str, changed[:_SHOWN]))
        more = f"\nand {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        pytest.fail(
            f"{len(changed)} figures of {len({d.question for d in changed})} questions are not "
            f"those on record; mend them, or say why in {CHANGED.name}:\n{shown}{more}",
            pytrace=False,
        )


@pytest.mark.slow
def test_every_listed_change_is_one() -> None:
    idle = [
        excuse
        for excuse in excuses()
        if not any(
            excuse.covers(difference)
            for question in all_questions()
            if excuse.concerns(question.id)
            for difference in found(question.id)
        )
    ]
    assert not idle, f"entries of {CHANGED.name} that excuse nothing: {idle}"


def test_differences_are_seen_and_excused_by_question_and_figure() -> None:
    was = {"a": 1.0, "b": "compute", "c": None, "d": 2, "e": 0.0}
    now = {"a": 1.0 + TOLERANCE / 2, "b": "memory", "c": 3.0, "e": 0.0, "new": 1}
    changed = differences("decode/x", was, now)
    assert [d.figure for d in changed] == ["b", "c", "d"]
    excuse = Excuse("decode/*", ("[bc]",), "")
    assert [excuse.covers(d) for d in changed] == [True, True, False]
    assert not Excuse("run/*", ("*",), "").covers(changed[0])
    assert differences("q", {"a": 1.0}, {"a": 1.0 + 2 * TOLERANCE})
    assert differences("q", {"a": 1.0}, {"refused": True})
    assert str(differences("q", {"a": 1.0}, {"a": 1.5})[0]) == "q  a: was 1.0, is 1.5  (+0.5)"

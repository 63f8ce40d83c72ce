"""Write ``answers.json`` anew from today's code: ``python tests/golden/record.py``.

Only for answers that are right as they are: afterwards nobody sees what they were.
"""

from answers import answer, write
from questions import questions


def main() -> None:
    """Ask everything, keep the answers, and say how many were refusals."""
    answers = {q.id: answer(q.ask, q.arguments) for q in questions()}
    write(answers)
    refused = sum("refused" in figures for figures in answers.values())
    print(f"{len(answers)} answers, {refused} of them refusals")


if __name__ == "__main__":
    main()

"""Mutated inputs of every kind end in an answer that makes sense or in an error that helps.

``ROOFSIM_FUZZ`` is how many inputs of each kind are tried (``nox -s fuzz`` tries ten thousand),
``ROOFSIM_FUZZ_SEED`` where they begin; each input is made from its own number alone, so that one
that fails can be tried again.
"""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from kinds import KINDS

BUDGET = int(os.environ.get("ROOFSIM_FUZZ", "40"))
FIRST = int(os.environ.get("ROOFSIM_FUZZ_SEED", "0"))


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_inputs_do_no_harm(kind: str, tmp_path: Path) -> None:
    faults: dict[str, tuple[int, str, bytes]] = {}
    times: Counter[str] = Counter()
    for number in range(FIRST, FIRST + BUDGET):
        content, fault = KINDS[kind](Random(f"{kind} {number}"), tmp_path)
        if fault is not None:
            times[fault.place] += 1
            faults.setdefault(fault.place, (number, fault.told, content))
    assert not faults, "\n\n".join(
        f"{times[place]} × {place}: {told}\n  input {number}: {content[-1500:]!r}"
        for place, (number, told, content) in faults.items()
    )

"""Any words after a server's name: settings of a scenario, or one message that says which."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.specs.question import ask
from simulator.traces.launch.read import read_commands
from simulator.traces.launch.shell import command_of
from simulator.traces.launch.table import engines, known

VALUES = [
    "0",
    "1",
    "2",
    "8",
    "-1",
    "0.5",
    "fp8",
    "auto",
    "",
    "{}",
    '{"a": {}}',
    "[1]",
    "x y",
    "32k",
]
MODEL = "Qwen/Qwen3-30B-A3B"


@pytest.mark.parametrize("engine", engines())
@settings(max_examples=150)
@given(data=st.data())
def test_any_words_are_read_or_refused(engine, data):
    about = known(engine)
    names = sorted(about.table.sets) + sorted(about.unused)[:10] + ["--nonsense", "-x", "--"]
    one = st.one_of(
        st.sampled_from(names),
        st.tuples(st.sampled_from(names), st.sampled_from(VALUES)).map("=".join),
        st.sampled_from(VALUES),
    )
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(VALUES)).map(list)
    words = data.draw(st.lists(st.one_of(pairs, one.map(lambda word: [word])), max_size=5))
    line = [
        *about.table.starts[0].split(),
        *(["--model-path"] if engine == "sglang" else []),
        MODEL,
    ]
    for part in words:
        line += part
    try:
        launch = read_commands([command_of(line)])
        content = {"name": "any", "hardware": "h200-sxm", "workload": {"kind": "decode"}}
        asked = ask(content, launch.changes)
    except InputError as error:
        assert error.problem
    else:
        assert asked.name == "any"

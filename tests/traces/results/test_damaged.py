"""Files that are cut off or hold what they should not: read, or refused by name."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent))
import files

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.formats import format_of

TEXTS = {
    "vllm": json.dumps(files.DETAILED),
    "sglang": files.lines_of([files.SGLANG, files.SGLANG]),
    "aiperf": json.dumps(files.AIPERF),
    "records": files.lines_of(files.AIPERF_RECORDS),
    "guidellm": json.dumps(files.GUIDELLM, indent=1),
    "inferencex": json.dumps(files.INFERENCEX),
    "llama-bench": json.dumps(files.LLAMA_ROWS),
    "llama-bench csv": files.llama_csv(),
    "llama-bench table": files.LLAMA_TABLE,
    "spans": json.dumps(files.SPANS),
    "sharegpt": json.dumps(files.SHAREGPT),
    "scrape": files.scrape(),
    "mooncake": '{"timestamp": 0, "input_length": 6, "output_length": 5, "hash_ids": [1]}\n' * 3,
    "azure": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n" * 2,
}
PATH = Path("damaged.file")
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.just(float("inf")), st.text(max_size=5),
    st.lists(st.integers(), max_size=2), st.just({}), st.just({"a": [None]}), st.just([None]),
)  # fmt: skip


def read_all(text):
    """Everything that is read of a file; what cannot be is refused with its name."""
    try:
        form = format_of(text, PATH)
        if form.runs is not None:
            list(form.runs(text, PATH))
    except InputError as error:
        assert str(PATH) in str(error)
    try:
        form = format_of(text, PATH)
        list(form.rows(text, PATH, Trace(kind="trace", file=PATH)))
    except InputError as error:
        assert str(PATH) in str(error)


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_file_that_is_cut_off(name, data):
    text = TEXTS[name]
    read_all(text[: data.draw(st.integers(1, len(text)))])


def places(value, above=()):
    """Every place in a JSON document."""
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        if isinstance(below, dict | list):
            yield from places(below, (*above, key))
        else:
            yield (*above, key)


@pytest.mark.parametrize(
    "document",
    [files.DETAILED, files.SGLANG, files.AIPERF, files.GENAI_PERF, files.AIPERF_RECORDS[1],
     files.GUIDELLM, files.INFERENCEX, files.LLAMA_ROWS, files.SPANS, files.SHAREGPT],
    ids=["vllm", "sglang", "aiperf", "genai-perf", "records", "guidellm", "inferencex", "llama",
         "spans", "sharegpt"],
)  # fmt: skip
@settings(max_examples=80)
@given(data=st.data())
def test_a_value_that_is_something_else(document, data):
    changed = json.loads(json.dumps(document))
    *parents, last = data.draw(st.sampled_from([p for p in places(document) if p]))
    at = changed
    for parent in parents:
        at = at[parent]
    at[last] = data.draw(ODD)
    read_all(json.dumps(changed))

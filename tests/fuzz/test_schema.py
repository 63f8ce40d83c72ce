"""Questions made from the schema itself: answered with sense, and asked alike in every way."""

import json
import os

from from_schema import content_of, leaves
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import Fault, fault_of
from kinds import answered

from simulator.errors import InputError
from simulator.specs.question import ask, from_settings
from simulator.specs.scenario import Scenario

BUDGET = int(os.environ.get("ROOFSIM_FUZZ", "40"))
RANDOM = st.randoms(use_true_random=False)
SHARES = st.sampled_from([0.0, 0.05, 0.15, 0.4])


@settings(max_examples=BUDGET, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=RANDOM, share=SHARES)
def test_what_the_schema_allows_is_answered_or_refused_with_a_reason(random, share):
    content = content_of(random, Scenario, share)
    if content["workload"].get("kind") == "trace":
        return
    fault: Fault | None = fault_of(lambda: answered(ask(content)))
    assert fault is None, content


@settings(max_examples=BUDGET, deadline=None)
@given(random=RANDOM, share=SHARES)
def test_a_file_and_settings_ask_the_same(random, share):
    content = content_of(random, Scenario, share)
    base = {key: content[key] for key in ("name", "hardware", "model")}
    rest = {key: value for key, value in content.items() if key not in base}
    texts = [f"{path}={json.dumps(value)}" for path, value in leaves(rest)]
    asked = []
    for way in (lambda: ask(content), lambda: ask(base, from_settings(texts))):
        try:
            asked.append(way())
        except InputError as error:
            asked.append(error.problem)
    assert asked[0] == asked[1]

"""One way from question to answer: the same file has the same numbers from every command."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty
from shipped import shortened

from simulator.errors import InputError
from simulator.planning.compare import compare
from simulator.simulate.best import at_load_and_best
from simulator.simulate.cases import predict_cases
from simulator.simulate.cluster import resolve
from simulator.simulate.export import export
from simulator.simulate.predict import answer, predict, question
from simulator.simulate.run import simulate
from simulator.specs import catalogue
from simulator.specs.question import PREDICT, ask, flags, from_fields, from_settings
from simulator.specs.scenario import Scenario

POOLED = {
    "precision": "fp8",
    "prefill": {"tp": 1, "replicas": 2},
    "decode": {"tp": 2},
}
DEPLOYMENTS = {
    "one device": {},
    "replicas": {"replicas": 3},
    "spread": {"tp": 2, "engine": "sglang"},
    "pools": POOLED,
    "pools of two engines": {
        **POOLED,
        "kv_precision": "fp8",
        "decode": {"tp": 2, "engine": "trtllm"},
    },
}


def scenario(deployment, **fields) -> Scenario:
    return Scenario.model_validate({
        "name": "one-way",
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "deployment": deployment,
        "workload": {
            "arrivals": {"process": "poisson", "rate": 8},
            "input_tokens": 900,
            "output_tokens": 40,
            "requests": 60,
        },
        **fields,
    })  # fmt: skip


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_run_compare_and_export_agree(deployment, tmp_path):
    agree(scenario(deployment), tmp_path)


@pytest.mark.parametrize("name", catalogue.all_scenarios())
def test_run_compare_and_export_agree_on_shipped_scenarios(name, tmp_path):
    agree(shortened(name), tmp_path)


def agree(asked: Scenario, folder):
    """Run, comparison and both exports say the same of the same question."""
    ran = at_load_and_best(asked)
    other = "b300" if asked.hardware == "b200" else "b200"
    here, _ = compare(asked, [str(asked.hardware), other], workers=1).results
    assert here.to_dict() == ran.to_dict() | {"notes": here.to_dict()["notes"]}
    export(asked, "vllm-bench", folder / "bench.json")
    bench = json.loads((folder / "bench.json").read_text())
    assert bench["mean_ttft_ms"] == pytest.approx(1e3 * ran.ttft_s)
    assert bench["output_throughput"] == pytest.approx(ran.output_tokens_per_s)
    export(asked, "infx", folder / "agg.json")
    aggregate = json.loads((folder / "agg.json").read_text())
    assert aggregate["mean_tpot"] == pytest.approx(ran.tpot_s)
    assert aggregate["tput_per_gpu"] * ran.devices == pytest.approx(ran.total_tokens_per_s)
    assert aggregate["avg_power_w"] == pytest.approx(ran.power_w / ran.devices)


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_a_serving_point_is_a_scenario_of_its_own(deployment):
    point = {"phase": "serve", "isl": 700, "osl": 30, "concurrency": 6, "requests": 40}
    predicted = predict("h100-sxm", "llama-3.1-8b", **point, **deployment)
    named = {"kind" if k == "phase" else k: v for k, v in point.items()}
    ran = simulate(scenario(deployment, workload=named))
    for key, value in predicted.figures.items():
        assert ran.figures[key] == value, key
    assert predicted.intervals == ran.intervals


def test_steps_of_a_pooled_deployment_are_those_of_its_pools():
    large = {
        "precision": "fp8",
        "prefill": {"tp": 2},
        "decode": {"tp": 4},
    }
    for phase, tp in (("prefill", 2), ("decode", 4)):
        asked = {"phase": phase, "batch": 2, "context": 500}
        pooled = predict("h100-sxm", "llama-3.1-70b", **asked, **large)
        alone = predict("h100-sxm", "llama-3.1-70b", **asked, precision="fp8", tp=tp)
        assert pooled.step_time_s == alone.step_time_s


def test_a_pool_that_does_not_fit_is_told_by_name():
    with pytest.raises(InputError, match="the decode pool"):
        resolve(scenario({"prefill": {"tp": 8}, "decode": {"tp": 1}}, model="llama-3.1-70b"))


VALUES = {
    "tp": 2, "precision": "fp8", "engine": "sglang", "phase": "decode", "batch": 3, "context": 700,
    "max_sequences": 64, "deployment.kv_block_tokens": 32, "economics.pue": 1.2,
    "hardware.memory.main.bandwidth": "3 TB/s", "model.layers": 20,
}  # fmt: skip


@settings(max_examples=25)
@given(st.permutations(sorted(VALUES)), st.integers(1, len(VALUES)))
def test_flags_columns_and_settings_are_one_question(names, count):
    chosen = {name: VALUES[name] for name in names[:count]}
    what = {"hardware": "h100-sxm", "model": "llama-3.1-8b"}
    by_name = question(*what.values(), chosen)
    as_text = from_fields({k: str(v) for k, v in {**what, **chosen}.items()}, "--{}")
    by_setting = from_settings(f"{k}={v}" for k, v in {**what, **chosen}.items())
    assert ask(PREDICT, by_setting) == by_name
    if "model.layers" not in chosen:
        assert ask(PREDICT, as_text) == by_name
    (row,) = predict_cases([{k: str(v) for k, v in {**what, **chosen}.items()}])
    found = answer(by_name).to_dict()
    for key, value in found.items():
        number = isinstance(value, float)
        assert row[key] == (pytest.approx(value, rel=1e-12) if number else value), key


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("workload.nonsense=1", "unknown field"),
        ("economics.pue=0.2", "at least 1"),
        ("hardware.memory.main.bandwith=1 TB/s", "bandwidth"),
        ("hardware.memory.main.bandwidth=6 parsecs", "unknown unit"),
        ("model.layers=0", "whole number from 1"),
        ("model.layer=3", "layers"),
        ("hardware.engines.gpu.peak.bf16=fast", "number with a unit"),
        ("isl=7", "no effect where the kind is decode"),
        ("tp.x=1", "whole number"),
        ("phase=dream", "there is no kind"),
        ("deployment.engine=[1]", "must be a text"),
    ],
)
def test_what_names_nothing_or_has_no_effect_is_refused(settings, says):
    named = {"hardware": "h100-sxm", "model": "llama-3.1-8b"}
    with pytest.raises(InputError) as refused:
        answer(ask(PREDICT, [*from_fields(named), *from_settings([settings])]))
    assert says in str(refused.value)
    assert settings.split(".")[-1].split("=")[0][:3] in str(refused.value)


def test_every_flag_reaches_its_field():
    for name, field in nonempty(flags().items()):
        (change,) = from_fields({name: "x"})
        assert change.path == field.path


def test_a_what_if_changes_the_chip_and_the_model():
    usual = predict("h100-sxm", "llama-3.1-8b", batch=1)
    faster = predict("h100-sxm", "llama-3.1-8b", **{"hardware.memory.main.bandwidth": "6.7 TB/s"})
    assert 0.45 < faster.step_time_s / usual.step_time_s < 0.7
    assert "what-if: hardware.memory.main.bandwidth = 6.7 TB/s" in faster.notes
    halved = predict("h100-sxm", "llama-3.1-8b", **{"model.layers": 16})
    assert 0.5 < halved.step_time_s / usual.step_time_s < 0.65

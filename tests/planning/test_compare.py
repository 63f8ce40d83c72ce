"""Systems side by side: each differs in what it likes, and one that cannot serve says why."""

import json
import shlex
from pathlib import Path

import pytest
from command import roofsim
from nonempty import nonempty

from simulator.errors import InputError
from simulator.planning.compare import compare
from simulator.planning.system import NoLayoutError, System, laid_out, system_named
from simulator.simulate.best import at_load_and_best
from simulator.simulate.cluster import resolve
from simulator.specs.question import changed, from_fields
from simulator.specs.scenario import Scenario


@pytest.fixture
def large(scenario) -> Scenario:
    """A model that one H100 does not hold."""
    return changed(scenario, from_fields({"model": "llama-3.1-70b", "workload.requests": 20}))


def test_a_system_is_a_device_with_fields_of_its_own(scenario):
    system = system_named("h200-sxm:tp=2:engine=sglang:economics.term=spot", scenario)
    asked = system.serving(scenario)
    assert asked.hardware == "h200-sxm"
    assert (asked.deployment.tp, asked.deployment.engine) == (2, "sglang")
    assert asked.economics.term == "spot"
    assert asked.workload == scenario.workload
    assert asked.objectives == scenario.objectives
    assert System.of(asked, system.name) == system


def test_a_devices_own_engine_and_a_what_if_are_kept(scenario):
    faster = changed(scenario, from_fields({"hardware.memory.main.bandwidth": "4 TB/s"}))
    found = system_named("apple-m4-pro:cpu:precision=q4_0", faster)
    assert found.hardware == {
        "base": "apple-m4-pro:cpu",
        "memory": {"main": {"bandwidth": "4 TB/s"}},
    }
    assert found.deployment.precision == "q4_0"


@pytest.mark.parametrize("device", ["h100-sxm", "b200", "mi300x"])
def test_auto_takes_the_fewest_devices_that_hold_the_model(large, device):
    found = system_named(f"{device}:auto", large).serving(large)
    resolve(found)
    devices = found.deployment.devices_per_replica
    assert any("auto: " in note for note in found.notes)
    if device == "h100-sxm":
        assert devices > 1
    for fewer in (n for n in (1, 2, 4) if n < devices):
        try:
            replica = resolve(changed(large.on(device), from_fields({"tp": fewer}))).answers
        except InputError:
            continue
        assert replica.budget.cache < 0.02 * replica.device.memory_bytes


def test_auto_says_where_nothing_fits_and_where_it_has_no_say(large):
    with pytest.raises(NoLayoutError, match="no layout of"):
        system_named("rtx-4090:auto", changed(large, from_fields({"model": "deepseek-v3"})))
    pools = changed(large, from_fields({"prefill": {"tp": 4}, "decode": {"tp": 4}}))
    with pytest.raises(InputError, match="two pools"):
        laid_out(System.of(pools), pools)


def test_systems_are_answered_as_each_alone_and_one_that_does_not_fit_has_a_row(large):
    found = compare(large, ["h100-sxm", "h100-sxm:tp=4", "b200"], workers=1)
    assert found.systems == ("h100-sxm:tp=4", "b200")
    for name, result in zip(nonempty(found.systems), found.results, strict=True):
        alone = at_load_and_best(system_named(name, large).serving(large))
        assert result.to_dict() == alone.to_dict()
    (without,) = found.unanswered
    assert without.system == "h100-sxm"
    assert "memory" in without.reason or "fit" in without.reason
    rows = {row["system"]: row for row in found.rows()}
    assert rows["h100-sxm"]["error"] == without.reason
    assert rows["h100-sxm"]["ttft_s"] is None
    first, second = found.results
    assert rows["b200"]["tpot_s_relative"] == pytest.approx(second.tpot_s / first.tpot_s)
    assert rows["h100-sxm:tp=4"]["tpot_s_relative"] == 1.0


def test_others_are_relative_to_the_one_that_is_chosen(scenario):
    systems = ["h100-sxm", "h200-sxm", "b200"]
    found = compare(scenario, systems, relative_to="b200", workers=1)
    assert found.systems == ("b200", "h100-sxm", "h200-sxm")
    assert found.rows()[0]["ttft_s_relative"] == 1.0
    with pytest.raises(InputError, match="b200"):
        compare(scenario, systems, relative_to="b20", workers=1)


def test_scenarios_may_differ_in_everything(scenario, large):
    other = large.model_copy(update={"name": "large"})
    fits = changed(other, from_fields({"hardware": "b200", "precision": "fp8"}))
    found = compare([scenario, fits], workers=1)
    assert found.systems == ("test", "large")
    assert [r.model for r in found.results] == ["llama-3.1-8b", "llama-3.1-70b"]
    crossed = compare([scenario, fits], ["h200-sxm", "b200"], workers=1)
    assert crossed.systems == (
        "test: h200-sxm", "test: b200", "large: h200-sxm", "large: b200",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("systems", "says"),
    [
        (["h100-sxm"], "at least two"),
        (["h100-sxm", "h100-sxm"], "named twice"),
        (["h100-sxm", "h10-sxm"], "h100-sxm"),
        (["h100-sxm", "b200:tpp=2"], "did you mean tp"),
        (["h100-sxm", "b200:tp=0"], "at least 1"),
        (["h100-sxm", "b200:engine=vlm"], "vllm"),
    ],
)
def test_slips_of_the_pen_are_told(scenario, systems, says):
    with pytest.raises(InputError) as refused:
        compare(scenario, systems, workers=1)
    assert says in str(refused.value)


def test_where_nothing_can_serve_every_reason_is_told(large):
    with pytest.raises(InputError, match="no system can serve") as refused:
        compare(large, ["h100-sxm", "rtx-4090"], workers=1)
    assert "h100-sxm: " in str(refused.value)
    assert "rtx-4090: " in str(refused.value)


def test_the_command_tells_whom_a_note_is_about_and_who_has_no_answer(tmp_path):
    asked = ("compare", "quickstart", "--model", "llama-3.1-70b", "--set", "workload.requests=20",
             "--hardware", "h100-sxm,h100-sxm:tp=4,mi300x:auto", "--workers", 1)  # fmt: skip
    told = roofsim(*asked, "--out", tmp_path / "report")
    assert told.returncode == 0, told.stderr
    words = " ".join(told.stdout.split())
    assert "No answer because h100-sxm " in words
    assert "AMD Instinct MI300X 192 GB: auto: " in words
    page = (tmp_path / "report" / "comparison.html").read_text()
    assert "No answer" in page
    rows = json.loads(roofsim(*asked, "--json").stdout)["results"]
    assert [row["system"] for row in rows] == ["h100-sxm:tp=4", "mi300x:auto", "h100-sxm"]
    assert [bool(row["error"]) for row in rows] == [False, False, True]


def test_the_command_takes_several_scenarios(tmp_path):
    told = roofsim(
        "compare", "quickstart", "closed-loop", "--set", "workload.requests=20", "--workers", 1,
        "--json",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)["results"]
    assert [row["system"] for row in rows] == ["quickstart", "closed-loop"]


@pytest.mark.parametrize("example", ["layouts", "scenarios"])
def test_the_guide_can_be_followed(example, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    (_, block) = text.split(f"<!-- example: {example} -->\n```sh\n")
    tool, *arguments = shlex.split(block.splitlines()[0])
    assert tool == "roofsim"
    short = ("--set", "workload.requests=5", "--workers", 1, "--json")
    told = roofsim(*arguments, *short, cwd=tmp_path)
    assert told.returncode == 0, told.stderr

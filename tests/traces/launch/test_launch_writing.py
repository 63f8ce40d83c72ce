"""Deployments as launch lines and manifests, read back as the same deployments."""

from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.specs.question import ask
from simulator.traces.launch.export import launch_forms
from simulator.traces.launch.kubernetes import read_manifest
from simulator.traces.launch.read import read_text
from simulator.traces.launch.write import launch_line

DENSE, EXPERTS = "Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B"
WORKLOAD = {"kind": "serve", "concurrency": 4}

few, many = st.sampled_from([1, 2, 4, 8]), st.integers(1, 100_000)
COMMON = {
    "tp": few,
    "pp": few,
    "max_sequences": many,
    "max_batched_tokens": many,
    "max_context": st.integers(1, 40_000),
    "memory_fraction": st.floats(0.01, 1.0),
    "captured_tokens": st.integers(0, 4096),
    "kv_block_tokens": st.sampled_from([1, 16, 32, 64]),
    "chunked_prefill": st.booleans(),
    "prefix_caching": st.booleans(),
}
OFFLOAD = st.one_of(
    st.builds(
        lambda size: {"weights": {"policy": "on-demand", "gigabytes": size}},
        st.floats(0.1, 100),
    ),
    st.builds(
        lambda group, inside, ahead: {
            "weights": {
                "policy": "prefetch", "group": group, "layers_in_group": min(inside, group),
                "prefetch_depth": ahead,
            }
        },
        few, few, few,
    ),
    st.builds(lambda size: {"kv": {"host": size}}, st.floats(1e6, 1e12)),
)  # fmt: skip


def optional(values):
    """Any of the fields, each there or not."""
    return st.fixed_dictionaries({}, optional=values)


VLLM = {
    **COMMON,
    "dp": few,
    "cp": few,
    "kv_precision": st.sampled_from(["fp8", "bf16", "fp16", "nvfp4", "int8"]),
    "kv_blocks": many,
    "precision": st.just("fp8"),
    "policy": st.sampled_from(["fcfs", "priority"]),
    "two_batch_overlap": st.booleans(),
    "expert_exchange": st.sampled_from(["all_gather", "normal", "low_latency"]),
    "offload": OFFLOAD,
    "scheduling": optional(
        {
            "asynchronous": st.booleans(),
            "watermark": st.floats(0, 0.9),
            "whole_prompt_fits": st.booleans(),
        }
    ),
}
# What SGLang does unless it is told otherwise has no argument.
SGLANG = {
    **COMMON,
    "dp": few,
    "cp": few,
    "replicas": few,
    "kv_precision": st.sampled_from(["fp8", "bf16", "nvfp4"]),
    "precision": st.just("fp8"),
    "chunked_prefill": st.just(False),
    "prefix_caching": st.just(False),
    "redundant_experts": few,
    "two_batch_overlap": st.just(True),
    "offload": OFFLOAD,
    "scheduling": optional(
        {
            "asynchronous": st.just(False),
            "receive_interval": st.integers(2, 50),
            "steps": st.just("mixed"),
        }
    ),
}
TRTLLM = {
    **COMMON,
    "ep": few,
    "cp": few,
    "kv_precision": st.sampled_from(["fp8", "bf16", "nvfp4"]),
    "offload": st.builds(lambda size: {"kv": {"host": size}}, st.integers(10**6, 10**12)),
    "scheduling": st.one_of(
        optional({"output_reserve": st.sampled_from([0.0, 1.0]), "asynchronous": st.just(False)}),
        optional({"gather_steps": many, "gather_share": st.floats(0.01, 1.0)}),
        optional({"balance_steps": st.integers(1, 100)}),
    ),
}
FIELDS = {"vllm": VLLM, "sglang": SGLANG, "trtllm": TRTLLM}


def scenario_of(deployment, model=EXPERTS):
    return ask(
        {
            "name": "any", "model": model, "hardware": "h200-sxm", "workload": WORKLOAD,
            "deployment": deployment,
        }
    )  # fmt: skip


def plain(scenario):
    """A deployment as values, without those that are as if nobody had set them."""

    def pruned(value):
        if not isinstance(value, dict):
            return value
        return {k: found for k, v in value.items() if (found := pruned(v)) not in (None, {})}

    found = pruned(scenario.deployment.model_dump())
    offload = found.get("offload", {})
    offload.get("weights", {}).pop("gigabytes", None)
    offload.get("kv", {}).pop("host", None)
    return found


def sizes(scenario):
    offload = scenario.deployment.offload
    if offload is None:
        return []
    weights, cache = offload.weights, offload.kv
    return [weights.gigabytes or 0.0 if weights else 0.0, cache.host if cache else 0.0]


def assume_within_a_stage(deployment):
    """More experts' ranks than devices of a stage would be ranks of attention too."""
    beside = deployment.get("tp", 1) * deployment.get("cp", 1)
    assume(deployment.get("ep", 1) <= beside)


def read_back(launch):
    content = {"name": "any", "hardware": "h200-sxm", "workload": WORKLOAD}
    return ask(content, launch.changes)


@pytest.mark.parametrize("engine", FIELDS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_line_reads_back_as_the_deployment(engine, data):
    deployment = data.draw(optional(FIELDS[engine]))
    assume_within_a_stage(deployment)
    if engine == "vllm" and data.draw(st.booleans()):
        deployment["ep"] = (
            deployment.get("tp", 1) * deployment.get("dp", 1) * deployment.get("cp", 1)
        )
    if engine == "trtllm" and data.draw(st.booleans()) and "tp" not in deployment:
        deployment["dp"] = data.draw(few)
    asked = scenario_of({"engine": engine, **deployment})
    line = launch_line(asked, engine)
    assert line.left_out == ()
    launch = read_text(line.script())
    assert launch.notes == ()
    found = read_back(launch)
    assert found.model == EXPERTS
    assert plain(found) == plain(asked)
    assert sizes(found) == pytest.approx(sizes(asked))


@pytest.mark.parametrize("engine", FIELDS)
@settings(max_examples=15)
@given(data=st.data())
def test_a_manifest_reads_back_as_the_deployment(engine, data):
    deployment = data.draw(optional(FIELDS[engine] | {"replicas": few}))
    assume_within_a_stage(deployment)
    asked = scenario_of({"engine": engine, **deployment})
    text, left_out = launch_forms()["k8s"](asked)
    assert all("one pod" in note for note in left_out)
    launch, hardware = read_manifest(text, Path("m.yaml"))
    assert hardware == "h200-sxm"
    found = read_back(launch)
    assert plain(found) == plain(asked)
    assert sizes(found) == pytest.approx(sizes(asked))


def test_a_manifest_asks_for_the_devices_of_one_replica():
    asked = scenario_of({"tp": 4, "replicas": 3}, DENSE)
    text, _ = launch_forms()["k8s"](asked)
    documents = {d["kind"]: d for d in yaml.safe_load_all(text)}
    spec = documents["Deployment"]["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == 3
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 4}
    assert container["command"] + container["args"][:2] == ["vllm", "serve", DENSE]
    assert documents["Service"]["spec"]["selector"] == spec["selector"]["matchLabels"]
    # Whatever an engine's own default is, the Service reaches it.
    port = str(documents["Service"]["spec"]["ports"][0]["targetPort"])
    assert container["args"][-4:] == ["--host", "0.0.0.0", "--port", port]


def test_devices_that_kubernetes_knows_no_name_of_are_told():
    asked = scenario_of({}, DENSE).model_copy(update={"hardware": "gaudi-3"})
    _, left_out = launch_forms()["k8s"](asked)
    assert any("Intel" in note for note in left_out)


def test_manifests_of_other_hands_are_read():
    text = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
spec:
  replicas: 2
  leaderWorkerTemplate:
    leaderTemplate:
      spec:
        containers:
        - name: x
          image: vllm/vllm-openai:v0.11.0
          command: [sh, -c, "vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2 --port 8080"]
          env: [{name: HF_TOKEN, value: x}]
        - name: sidecar
          image: busybox
"""
    launch, hardware = read_manifest(text, Path("m.yaml"))
    assert hardware is None
    assert read_back(launch).deployment.replicas == 2
    assert read_back(launch).deployment.tp == 2
    assert any("HF_TOKEN" in note for note in launch.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Deployment\nspec: {}\n", "no containers in it start a server"),
        ("a: [1\n", "not valid YAML"),
        ("", "no containers"),
    ],
)
def test_what_is_no_manifest_of_a_server_is_told(text, said):
    with pytest.raises(InputError, match=said) as caught:
        read_manifest(text, Path("m.yaml"))
    assert "m.yaml" in str(caught.value)


def test_what_an_engine_has_no_argument_for_is_said():
    asked = scenario_of({"tp": 2, "expert_skew": 1.2, "scheduling": {"router": "round-robin"}})
    said = "\n".join(launch_line(asked, "vllm").left_out)
    assert "deployment.expert_skew" in said
    assert "deployment.scheduling.router" in said
    assert "catalogue" in "\n".join(launch_line(scenario_of({}, "qwen3-8b"), "vllm").left_out)


def test_two_pools_are_two_lines():
    pools = {"prefill": {"tp": 1}, "decode": {"tp": 2}}
    with pytest.raises(InputError, match="two pools"):
        launch_line(scenario_of(pools), "vllm")


def test_what_vllm_is_told_it_understands():
    utils = pytest.importorskip("vllm.engine.arg_utils", reason="vLLM is not installed")
    argparse_utils = pytest.importorskip("vllm.utils.argparse_utils")
    parser = argparse_utils.FlexibleArgumentParser()
    utils.AsyncEngineArgs.add_cli_args(parser)
    asked = scenario_of({"tp": 2, "max_sequences": 64, "kv_precision": "fp8", "captured_tokens": 0})
    words = launch_line(asked, "vllm").words
    found = parser.parse_args(["--model", *words[2:]])
    assert found.tensor_parallel_size == 2
    assert found.max_num_seqs == 64
    assert found.enforce_eager

"""Launch lines as people paste them, and what is said about bad ones."""

import pytest
from nonempty import nonempty

from simulator.errors import InputError
from simulator.traces.launch.read import read_text
from simulator.traces.launch.table import engines, known


def fields(text, engine=None):
    """What a line sets, by the path below the deployment."""
    launch = read_text(text, engine)
    first, *rest = launch.changes
    assert first.value == {"engine": launch.engine}
    return {c.path.removeprefix("deployment."): c.value for c in rest if c.path != "model"}


def refused(text):
    with pytest.raises(InputError) as caught:
        read_text(text)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    "spelled",
    [
        "vllm serve M -tp 8",
        "vllm serve M --tensor-parallel-size=8",
        "vllm serve --model M --tensor_parallel_size 8",
        "/opt/venv/bin/vllm serve M \\\n  -tp 8 > log.txt 2>&1 &",
        "python3 -m vllm.entrypoints.openai.api_server --model M -tp 8",
        "docker run -d --gpus all -v ~/m:/m -e A=1 --ipc=host vllm/vllm-openai:v1 --model M -tp 8",
        "export TP=8\nCUDA_VISIBLE_DEVICES=0 nohup vllm serve M -tp ${TP}  # eight of them",
        "vllm serve M --tensor-parallel 8",
        "python3.12 -u -m vllm.entrypoints.openai.api_server --model M -tp 8",
        "bash -lc 'cd /x && vllm serve M -tp 8'",
        "docker run --entrypoint bash vllm/vllm-openai:v1 -c 'vllm serve M -tp 8'",
        "vllm serve M -tp 8 -O3 --max-seq-len-to-capture 99",
    ],
)
def test_one_setting_in_every_spelling(spelled):
    launch = read_text(spelled)
    assert launch.engine == "vllm"
    assert launch.model == "M"
    assert [(c.path, c.value) for c in launch.changes if c.path == "deployment.tp"] == [
        ("deployment.tp", "8")
    ]


def test_values_come_in_the_engines_own_words():
    found = fields(
        "vllm serve M --max-model-len 32k --max-num-batched-tokens 8K --kv-cache-dtype fp8_e4m3 "
        "--no-enable-prefix-caching --gpu-memory-utilization 0.9 --enforce-eager --cpu-offload-gb 4"
    )
    assert found["max_context"] == "32000"
    assert found["max_batched_tokens"] == "8192"
    assert found["kv_precision"] == "fp8"
    assert found["prefix_caching"] is False
    assert found["memory_fraction"] == "0.9"
    assert found["captured_tokens"] == 0
    assert found["offload.weights.gigabytes"] == pytest.approx(4 * 2**30 / 1e9)


def test_data_parallel_ranks_are_copies_of_a_dense_model():
    assert fields("vllm serve Qwen/Qwen3-8B -dp 4") == {"replicas": 4}
    assert fields("vllm serve Qwen/Qwen3-30B-A3B -dp 4 -ep") == {"dp": 4, "ep": 4}


def test_sglang_counts_attention_ranks_within_a_stage():
    found = fields(
        "python -m sglang.launch_server --model-path M --tp 8 --dp 4 --enable-dp-attention "
        "--chunked-prefill-size 32768 --max-running-requests 512"
    )
    assert (found["tp"], found["dp"]) == (2, 4)
    assert (found["max_batched_tokens"], found["max_sequences"]) == (8192, 128)
    assert fields("python -m sglang.launch_server --model M --tp 2 --dp 4")["replicas"] == 4
    found = fields(
        "sglang serve M --chunked-prefill-size -1 --max-prefill-tokens 9000 --disable-radix-cache"
    )
    assert found == {"chunked_prefill": False, "max_batched_tokens": 9000, "prefix_caching": False}


def test_trtllm_reads_the_file_that_a_script_writes():
    found = fields(
        "F=x.yaml\ncat > $F << EOF\nkv_cache_config:\n  dtype: fp8\n  tokens_per_block: 64\n"
        "enable_attention_dp: true\ncuda_graph_config: null\n"
        "scheduler_config: {capacity_scheduler_policy: MAX_UTILIZATION}\nEOF\n"
        "trtllm-serve M --tp_size 8 --ep_size 8 --extra_llm_api_options $F"
    )
    assert (found["tp"], found["dp"], found["ep"]) == (1, 8, "8")
    assert (found["kv_precision"], found["kv_block_tokens"]) == ("fp8", "64")
    assert found["captured_tokens"] == 0
    assert found["scheduling.output_reserve"] == 0.0


def test_trtllms_sub_command_is_no_model():
    assert read_text("trtllm-serve serve M --tp_size 2").model == "M"
    assert read_text("trtllm-serve M --tp_size 2").model == "M"


def test_objects_come_as_json_and_by_their_members():
    for text in (
        'vllm serve M -cc \'{"cudagraph_mode": "NONE", "mode": 3}\'',
        "vllm serve M --compilation-config.cudagraph_mode NONE -cc.mode=3",
    ):
        launch = read_text(text)
        assert launch.changes[-1].value == 0
        assert any("not used in part: mode" in note for note in launch.notes)


def test_nothing_is_left_out_silently():
    launch = read_text(
        "FOO=1 numactl -N 0 vllm serve M --port 1 --trust-remote-code --moe-backend x "
        "--kv-transfer-config '{}'"
    )
    said = "\n".join(launch.notes)
    for word in ("FOO", "numactl -N 0", "--port", "--trust-remote-code", "--moe-backend"):
        assert word in said
    line = next(note for note in launch.notes if "--kv-transfer-config" in note)
    assert "not used, though speed may depend on it" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vllm serve M --tensor-paralel-size 2", "--tensor-parallel-size"),
        ("vllm serve M --max-num 2", "--max-num-seqs"),
        ("vllm serve M -tp 2 -tp 4", "-tp 4 contradicts -tp 2"),
        ("vllm serve M -tp 2 --tensor-parallel-size 4", "contradicts"),
        ("vllm serve M --enable-prefix-caching --no-enable-prefix-caching", "contradicts"),
        ("vllm serve M --enforce-eager --max-cudagraph-capture-size 8", "contradicts"),
        ("vllm serve M --cpu-offload-gb 4 --offload-group-size 8", "contradicts"),
        ("vllm serve M --enforce-eager=yes", "takes no value"),
        ("vllm serve M -tp", "has no value"),
        ("vllm serve M -tp --enforce-eager", "has no value"),
        ("vllm serve M --kv-cache-dtype fp9", "'fp9'"),
        ("vllm serve M --compilation-config '{\"a\": 1'", "not valid JSON"),
        ("vllm serve M N", "'N' belongs to no argument"),
        ("vllm serve -tp 2", "names no model"),
        ("vllm serve M -tp $GPUS", "$GPUS"),
        ("vllm serve 'M", "quot"),
        ("ls -la", "no command in it starts a server"),
        ("vllm serve M\nvllm serve N", "2 commands"),
        ("sglang serve M --tp 4 --dp 3 --enable-dp-attention", "--tp-size 3"),
        ("sglang serve M --enable-dp-attention", "needs --dp-size"),
        ("trtllm-serve M --config nowhere.yaml", "no such file"),
    ],
)
def test_bad_lines_are_told_with_place_and_remedy(text, said):
    assert said in refused(text)


def test_unknown_fields_of_a_file_are_told_by_their_path():
    script = (
        "cat > x.yaml << EOF\nkv_cache_config:\n  dtpe: fp8\nEOF\ntrtllm-serve M --config x.yaml"
    )
    message = refused(script)
    assert "x.yaml: kv_cache_config.dtpe" in message
    assert "kv_cache_config.dtype" in message


@pytest.mark.parametrize("engine", engines())
def test_every_argument_stands_once_in_its_table(engine):
    table = known(engine).table
    names = [n for name, each in table.sets.items() for n in (name, *each.also)]
    names += [name for group in table.unused for name, _ in group.names()]
    assert len(names) == len(set(names)) > 80
    assert all(group.because for group in table.unused)


def test_every_field_that_a_table_names_is_one_of_the_schema():
    from simulator.specs.question import paths

    for engine in nonempty(engines()):
        for setting in nonempty(known(engine).table.sets.values()):
            assert setting.field in paths()


def test_vllms_own_arguments_are_all_known():
    utils = pytest.importorskip("vllm.engine.arg_utils", reason="vLLM is not installed")
    argparse_utils = pytest.importorskip("vllm.utils.argparse_utils")
    parser = argparse_utils.FlexibleArgumentParser()
    utils.AsyncEngineArgs.add_cli_args(parser)
    spelled = {s for action in parser._actions for s in action.option_strings} - {"-h", "--help"}
    assert {s for s in spelled if known("vllm").find(s) is None} == set()


def test_sglangs_own_arguments_are_all_known():
    args = pytest.importorskip("sglang.srt.server_args", reason="SGLang is not installed")
    from argparse import ArgumentParser

    parser = ArgumentParser()
    args.ServerArgs.add_cli_args(parser)
    spelled = {s for action in parser._actions for s in action.option_strings} - {"-h", "--help"}
    assert {s for s in spelled if known("sglang").find(s) is None} == set()


def test_switches_that_a_file_turns_off_are_off(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "tp-size: 4\ndp-size: 2\nenable_dp_attention: false\nenable-mixed-chunk: false\n"
        "disable-radix-cache: false\ncontext-length: null\n"
    )
    found = fields(f"sglang serve M --config {file}")
    assert found == {"tp": 4, "replicas": 2, "prefix_caching": True}

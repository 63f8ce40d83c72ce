"""What benchmarks, tracers and servers wrote, read as measured runs and as traffic."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import files

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.formats import FORMATS, format_of, format_shown
from simulator.traces.read import told_trace

TEXTS = {
    "vllm-bench": json.dumps(files.VLLM, indent=1),
    "aiperf": json.dumps(files.AIPERF),
    "aiperf-records": files.lines_of(files.AIPERF_RECORDS),
    "guidellm": json.dumps(files.GUIDELLM, indent=1),
    "inferencex": json.dumps(files.INFERENCEX),
    "llama-bench": json.dumps(files.LLAMA_ROWS, indent=1),
    "llama-bench-csv": files.llama_csv(),
    "llama-bench-table": files.LLAMA_TABLE,
    "spans": json.dumps(files.SPANS),
    "sharegpt": json.dumps(files.SHAREGPT),
    "prometheus": files.scrape(),
}
VARIANTS = {
    "vllm-bench": [json.dumps(files.DETAILED), files.lines_of([files.SGLANG, files.SGLANG])],
    "aiperf": [json.dumps(files.GENAI_PERF)],
    "llama-bench": [files.lines_of(files.LLAMA_ROWS)],
    "spans": [files.lines_of([files.SPANS, files.SPANS])],
    "inferencex": [json.dumps([files.INFERENCEX, files.INFERENCEX])],
}
PATH = Path("some.file")


def runs(text):
    return list(format_of(text, PATH).runs(text, PATH))


def read(tmp_path, text, **options):
    file = tmp_path / "trace"
    file.write_text(text)
    return told_trace(Trace(kind="trace", file=file, **options))


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_is_known_by_its_content(name):
    for text in (TEXTS[name], *VARIANTS.get(name, ())):
        assert format_shown(text) is FORMATS[name]


def test_vllms_result():
    (run,) = runs(TEXTS["vllm-bench"])
    assert run.load == {"isl": 1024, "osl": 512, "concurrency": 32, "requests": 100}
    assert run.figures["ttft_s"] == pytest.approx(0.6)
    assert run.figures["tpot_p99_s"] == pytest.approx(0.011)
    assert run.figures["e2e_s"] == pytest.approx(5.455)
    assert run.figures["output_tokens_per_s"] == 1347.4
    assert (run.model, run.deployment) == ("Qwen/Qwen3-8B", {"engine": "vllm"})


def test_metadata_of_a_result_describes_the_deployment():
    (run,) = runs(json.dumps(files.VLLM | {"tp": "4", "precision": "fp8", "hardware": "b200"}))
    assert run.deployment == {"engine": "vllm", "tp": "4", "precision": "fp8"}
    assert run.hardware == "b200"


def test_sglangs_lines_are_runs_with_their_servers_layout():
    first, second = runs(files.lines_of([files.SGLANG, files.SGLANG | {"accept_length": 2.4}]))
    assert first.load == {"isl": 1024, "osl": 128, "rate": 4.0, "requests": 40}
    assert first.deployment == {"engine": "sglang", "tp": 2, "dp": 2, "ep": 1}
    assert first.figures["e2e_s"] == 1.5
    assert first.figures["total_tokens_per_s"] == 4608.0
    assert (first.place, second.place) == ("line 1", "line 2")
    assert "drafted" in second.unasked


OLDER = files.GENAI_PERF | {"input_config": {"model": ["Qwen/Qwen3-8B"], "concurrency": [8]}}


@pytest.mark.parametrize("text", [TEXTS["aiperf"], json.dumps(files.GENAI_PERF), json.dumps(OLDER)])
def test_aiperfs_and_genai_perfs_summaries(text):
    (run,) = runs(text)
    assert run.load == {"isl": 550, "osl": 128, "concurrency": 8}
    assert run.model == "Qwen/Qwen3-8B"
    assert run.figures["ttft_s"] == pytest.approx(0.12)
    assert run.figures["tpot_p50_s"] == pytest.approx(0.0125)
    assert run.figures["requests_per_s"] == 2.5


def test_aiperfs_records_are_requests_and_a_run(tmp_path):
    text = TEXTS["aiperf-records"]
    table = read(tmp_path, text).table
    assert table.input_tokens.tolist() == [100, 110]
    assert table.arrival_s.tolist() == [0, 1]
    (run,) = runs(text)
    # Two requests of two seconds each within three.
    assert run.load == {"isl": 105, "osl": 15, "concurrency": 1}
    assert run.figures["ttft_s"] == pytest.approx(0.1)


def test_guidellms_report(tmp_path):
    (run,) = runs(TEXTS["guidellm"])
    assert run.load == {"isl": 256, "osl": 128, "concurrency": 8}
    # Its time per output token counts the first one, TPOT does not.
    assert run.figures["tpot_s"] == pytest.approx(0.011)
    assert run.figures["ttft_p99_s"] == pytest.approx(0.18)
    assert run.model == "Qwen/Qwen3-8B"
    assert read(tmp_path, TEXTS["guidellm"]).table.input_tokens.tolist() == [260, 250]


@pytest.mark.parametrize(
    ("strategy", "load"),
    [
        ({"type_": "synchronous"}, {"concurrency": 1}),
        ({"type_": "poisson", "rate": 3.0}, {"rate": 3.0}),
        ({"type_": "constant", "rate": 3.0}, {"rate": 3.0}),
        ({"type_": "throughput"}, {"concurrency": 8}),
    ],
)
def test_guidellms_strategies(strategy, load):
    report = files.GUIDELLM | {"benchmarks": [files.guidellm_benchmark(strategy)]}
    (run,) = runs(json.dumps(report))
    assert {key: run.load[key] for key in load} == load
    assert bool(run.notes) == (strategy["type_"] in ("constant", "throughput"))


def test_inferencex_tells_throughput_of_all_devices():
    (run,) = runs(TEXTS["inferencex"])
    assert run.hardware == "h200-sxm"
    assert run.load == {"isl": 1024, "osl": 1024, "concurrency": 64, "length_spread": 0.2}
    # The checkpoint is stored in 8 bits by itself, with a scale a block.
    assert run.deployment == {"tp": 8, "engine": "sglang"}
    assert run.figures["total_tokens_per_s"] == 8 * 1875.0
    assert run.figures["tpot_p50_s"] == 0.025
    assert run.figures["tpot_s"] == 0.026


@pytest.mark.parametrize(
    ("more", "precision"),
    [
        ({"model": "Qwen/Qwen3-8B"}, "fp8"),
        ({"precision": "bf16"}, "bf16"),
        ({"precision": "fp4"}, "nvfp4"),
        ({"precision": "fp4", "hw": "mi355x"}, "mxfp4"),
        ({"precision": "fp4", "model": "openai/gpt-oss-120b"}, None),
    ],
)
def test_inferencex_precisions_are_those_of_the_checkpoints(more, precision):
    (run,) = runs(json.dumps(files.INFERENCEX | more))
    assert run.deployment.get("precision") == precision


def test_inferencex_two_pools():
    pools = {
        "disagg": True, "prefill_tp": 4, "prefill_ep": 4, "prefill_dp_attention": "true",
        "prefill_num_workers": 2, "num_prefill_gpu": 8, "decode_tp": 8, "decode_num_workers": 1,
        "num_decode_gpu": 8,
    }  # fmt: skip
    (run,) = runs(json.dumps(files.INFERENCEX | pools))
    assert run.deployment["prefill"] == {"tp": 1, "dp": 4, "ep": 4, "replicas": 2}
    assert run.deployment["decode"] == {"tp": 8, "replicas": 1}
    assert run.figures["output_tokens_per_s"] == 8 * 900.0
    assert run.figures["total_tokens_per_s"] == 16 * 1875.0


def test_the_example_of_inferencex(shared_data):
    text = (shared_data / "formats/examples/inferencex_agg_from_fixture.json").read_text()
    (run,) = runs(text)
    assert run.figures["tpot_p50_s"] == 0.025
    assert run.hardware == "mi300x"


@pytest.mark.parametrize("name", ["llama-bench", "llama-bench-csv", "llama-bench-table"])
def test_llama_bench_in_every_form(name):
    prompt, answer, *more = runs(TEXTS[name])
    assert prompt.phase == "prefill"
    assert prompt.load == {"batch": 1, "context": 512}
    assert prompt.figures["step_time_s"] == pytest.approx(512 / 600)
    assert answer.phase == "decode"
    assert answer.load == {"batch": 1, "context": 4096 + 64}
    assert answer.figures == {"output_tokens_per_s": 45.0}
    assert {run.deployment["precision"] for run in (prompt, answer)} == {"q4_k_m"}
    assert {run.model for run in (prompt, answer)} == {"qwen3-8b"}
    if name == "llama-bench-table":
        assert more[0].phase == "run"
        assert more[0].load == {"batch": 1, "isl": 512, "osl": 128}
    else:
        assert prompt.hardware == "Apple M2 Max"


def test_spans_are_requests_and_a_run(tmp_path):
    found = read(tmp_path, TEXTS["spans"])
    assert found.table.input_tokens.tolist() == [100, 200]
    assert found.table.arrival_s.tolist() == [0, 1]
    (run,) = runs(TEXTS["spans"])
    assert run.model == "Qwen/Qwen3-8B"
    assert run.figures["ttft_s"] == pytest.approx(0.1)
    assert run.figures["tpot_s"] == pytest.approx(0.95 / 19)


def test_sharegpt_needs_a_rate_and_counts_characters(tmp_path):
    found = read(tmp_path, TEXTS["sharegpt"], rate=2.0)
    assert found.table.input_tokens.tolist() == [100, 10]
    assert found.table.output_tokens.tolist() == [50, 20]
    assert any("4 characters" in note for note in found.notes)
    with pytest.raises(InputError, match="does not tell when") as caught:
        read(tmp_path, TEXTS["sharegpt"])
    assert "workload.rate" in caught.value.remedy


def test_sharegpt_arrives_at_its_rate(tmp_path):
    turns = files.SHAREGPT[0]["conversations"]
    text = json.dumps([{"id": str(i), "conversations": turns} for i in range(2000)])
    arrival_s = read(tmp_path, text, rate=5.0).table.arrival_s
    assert len(arrival_s) / arrival_s[-1] == pytest.approx(5.0, rel=0.1)


def test_what_a_trace_is_read_as_is_said(tmp_path):
    text = '{"timestamp": 0, "input_length": 600, "output_length": 5}\n'
    assert "Mooncake" in read(tmp_path, text).notes[0]


def test_a_rate_scales_the_gaps(tmp_path):
    text = "\n".join(["arrival_s,input_tokens,output_tokens", *(f"{t},5,5" for t in (0, 1, 5, 20))])
    found = read(tmp_path, text, rate=0.3)
    np.testing.assert_allclose(found.table.arrival_s, [0, 0.5, 2.5, 10])
    assert "0.5" in found.notes[-1]
    with pytest.raises(InputError, match="one moment"):
        read(tmp_path, "arrival_s,input_tokens,output_tokens\n0,5,5\n0,5,5\n", rate=1.0)


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        (TEXTS["vllm-bench"], "without its requests", "--save-detailed"),
        (TEXTS["aiperf"], "without its requests", "profile_export.jsonl"),
        (TEXTS["inferencex"], "keeps no requests", "roofsim import bench"),
        (TEXTS["llama-bench"], "keeps no requests", "roofsim validate --data"),
        (TEXTS["prometheus"], "no single requests", "roofsim import prometheus"),
    ],
)
def test_results_without_requests_say_what_to_do(tmp_path, text, said, remedy):
    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path, text)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"colour": "red", "shape": "round"}', "fields 'colour', 'shape'"),
        ('[{"colour": "red"}]', "fields 'colour'"),
        ("[]", "expected an object"),
        ("[\n]", "JSON without an object"),
        (TEXTS["guidellm"][:400], "not valid JSON"),
        (TEXTS["aiperf"][:400], "line 1: not valid JSON"),
        (TEXTS["aiperf-records"] + '{"metadata": {"sess', "line 5: not valid JSON"),
        (json.dumps(files.VLLM | {"completed": 0}), "completed is missing or not above zero"),
        (TEXTS["llama-bench-table"].replace("| 600.00 ± 20.55 |", "|"), "columns"),
        (TEXTS["llama-bench-table"].replace("pp512 ", "xy512 "), "'xy512' is not known"),
        (TEXTS["prometheus"] + "vllm:half_a_lin", "no sample"),
        (json.dumps({"resourceSpans": []}), "no span in it has token counts"),
        (json.dumps({"metadata": {}, "benchmarks": [1]}), "not a list of objects"),
        ("colour,shape\nred,round\n", "not recognised"),
    ],
)
def test_bad_files_are_told_with_their_place(text, said):
    with pytest.raises(InputError) as caught:
        runs(text)
    assert said in str(caught.value)
    assert str(PATH) in str(caught.value)
    assert caught.value.remedy or caught.value.field


def test_an_unknown_object_is_told_what_was_tried():
    with pytest.raises(InputError) as caught:
        format_of('{"a": 1}', PATH)
    for name in ("guidellm", "llama-bench", "mooncake", "inferencex", "spans", "sharegpt"):
        assert name in caught.value.remedy

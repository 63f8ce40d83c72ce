"""What launch lines say of drafted tokens, engine by engine."""

import pytest

from simulator.errors import InputError
from simulator.specs.question import PREDICT, ask
from simulator.traces.launch.read import read_text

VLLM = "vllm serve meta-llama/Llama-3.1-8B-Instruct "
SGLANG = "python -m sglang.launch_server --model-path meta-llama/Llama-3.1-8B-Instruct "
DEEPSEEK = "python -m sglang.launch_server --model-path deepseek-ai/DeepSeek-R1 --tp 8 "


def drafting(line):
    launch = read_text(line)
    content = {**PREDICT, "hardware": "h200-sxm", "model": "llama-3.1-8b"}
    return ask(content, launch.changes).deployment.speculation, launch.notes


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            VLLM + '--speculative-config \'{"method": "ngram", "num_speculative_tokens": 4}\'',
            {"method": "ngram", "depth": 4},
        ),
        (
            VLLM + "--speculative-config.method eagle3 "
            "--speculative-config.num_speculative_tokens 3",
            {"method": "eagle3", "depth": 3},
        ),
        (
            VLLM + '-sc \'{"model": "llama-3.2-1b", "num_speculative_tokens": 5, '
            '"disable_by_batch_size": 32}\'',
            {"method": "draft", "model": "llama-3.2-1b", "depth": 5, "up_to": 32},
        ),
        (
            VLLM
            + '--speculative-config \'{"method": "deepseek_mtp", "num_speculative_tokens": 2}\'',
            {"method": "mtp", "depth": 2, "repeat": True},
        ),
        (
            SGLANG + "--speculative-algorithm EAGLE3 --speculative-draft-model-path x/y "
            "--speculative-num-steps 5 --speculative-eagle-topk 8 "
            "--speculative-num-draft-tokens 64",
            {"method": "eagle3", "depth": 5, "widths": (8,) * 5, "verified": 63},
        ),
        (
            DEEPSEEK + "--speculative-algorithm EAGLE --speculative-num-steps 2 "
            "--speculative-eagle-topk 1 --speculative-num-draft-tokens 3",
            {"method": "mtp", "depth": 2, "repeat": True, "widths": None},
        ),
    ],
)
def test_lines_say_how_tokens_are_drafted(line, fields):
    found, _ = drafting(line)
    assert {name: getattr(found, name) for name in fields} == fields


def test_a_file_of_tensorrt_llm_says_how_tokens_are_drafted(tmp_path):
    (tmp_path / "more.yml").write_text(
        "speculative_config:\n  decoding_type: MTP\n  num_nextn_predict_layers: 3\n"
    )
    line = f"trtllm-serve deepseek-ai/DeepSeek-R1 --config {tmp_path / 'more.yml'}"
    found, _ = drafting(line)
    assert (found.method, found.depth, found.repeat) == ("mtp", 3, True)


def test_a_head_is_said_to_be_like_the_model():
    config = '{"method": "eagle", "model": "some/head", "num_speculative_tokens": 2}'
    found, notes = drafting(VLLM + f"--speculative-config '{config}'")
    assert found.model is None
    assert any("some/head is taken to be a head of one layer" in note for note in notes)


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        ('{"method": "mlp_speculator", "num_speculative_tokens": 3}', "eagle3"),
        ('{"method": "eagle3"}', "number"),
    ],
)
def test_what_cannot_be_predicted_is_refused(config, remedy):
    with pytest.raises(InputError) as refused:
        read_text(VLLM + f"--speculative-config '{config}'")
    assert remedy in refused.value.remedy

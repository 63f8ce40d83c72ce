"""A .gguf path as a model: its header alone tells architecture, formats and bytes."""

import os

import pytest
from gguf_files import LLAMA, Q4_K, Q6_K, llama_tensors, size_of, write_gguf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulator as rs
from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.specs import catalogue
from simulator.specs.gguf.read import read_gguf
from simulator.specs.kept import Reader

RESERVE = 1e9


def test_a_header_is_a_model(tmp_path):
    path = write_gguf(tmp_path / "tiny-Q4_K_M.gguf", LLAMA, llama_tensors())
    model = catalogue.model(str(path))
    assert model.title == "Tiny"
    assert (len(model.layers), model.hidden_size, model.vocabulary) == (2, 512, 2000)
    assert (model.max_context, model.tied_embeddings) == (4096, False)
    assert model.weight_precision == "q4_k_m"
    # All but norms, which engines keep in 16 bits and the file in 32.
    held = build(model).weight_bytes
    assert held == pytest.approx(size_of(llama_tensors()), rel=2e-3)
    elements = sum(a * (b[0] if b else 1) for (a, *b), _ in llama_tensors().values())
    assert count_parameters(model).total == elements


def test_its_answer_says_what_the_file_holds(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", LLAMA, llama_tensors())
    found = rs.predict("rtx-4090", str(path), engine="llamacpp", context=1)
    assert found.precision == "q4_k_m"
    assert any("in the checkpoint's files" in note for note in found.notes)
    held = found.memory_used_bytes - RESERVE
    assert held == pytest.approx(size_of(llama_tensors()), rel=0.01)


def test_formats_are_those_of_the_tensors_not_of_the_name(tmp_path):
    four = write_gguf(tmp_path / "four.gguf", LLAMA, llama_tensors(down=Q4_K))
    six = write_gguf(tmp_path / "six.gguf", LLAMA, llama_tensors(down=Q6_K))
    less, more = (build(catalogue.model(str(path))).weight_bytes for path in (four, six))
    assert more - less == pytest.approx(2 * 1024 * 512 * (6.5625 - 4.5) / 8)


def test_tied_embeddings_are_a_file_without_a_head(tmp_path):
    tensors = {k: v for k, v in llama_tensors().items() if k != "output.weight"}
    model = catalogue.model(str(write_gguf(tmp_path / "tied.gguf", LLAMA, tensors)))
    assert model.tied_embeddings
    assert build(model).weight_bytes == pytest.approx(size_of(tensors), rel=2e-3)


def test_shards_are_read_together(tmp_path):
    first = {k: v for k, v in llama_tensors().items() if not k.startswith("blk.1.")}
    second = {k: v for k, v in llama_tensors().items() if k.startswith("blk.1.")}
    one = write_gguf(tmp_path / "big-00001-of-00002.gguf", LLAMA, first)
    with pytest.raises(rs.InputError, match="00002-of-00002") as error:
        catalogue.model(str(one))
    assert "one folder" in error.value.remedy
    write_gguf(tmp_path / "big-00002-of-00002.gguf", {"split.no": 1}, second)
    by_folder = catalogue.model(str(tmp_path))
    assert by_folder.stored_bytes == size_of(llama_tensors())


def test_several_files_in_a_folder_are_not_guessed_among(tmp_path):
    write_gguf(tmp_path / "mmproj-tiny.gguf", LLAMA, {})
    one = write_gguf(tmp_path / "tiny-Q4_K_M.gguf", LLAMA, llama_tensors())
    assert catalogue.model(str(tmp_path)).stored_bytes == size_of(llama_tensors())
    write_gguf(tmp_path / "tiny-Q8_0.gguf", LLAMA, llama_tensors())
    with pytest.raises(rs.InputError, match="2 GGUF files") as error:
        catalogue.model(str(tmp_path))
    assert str(one) in error.value.remedy


def test_a_header_alone_says_so(tmp_path):
    path = write_gguf(tmp_path / "head.gguf", LLAMA, llama_tensors(), data=False)
    assert any("header alone" in said for said in catalogue.model(str(path)).assumptions)


def test_another_endianness_is_refused(tmp_path):
    path = write_gguf(tmp_path / "big.gguf", LLAMA, llama_tensors(), order=">")
    with pytest.raises(rs.InputError, match="big-endian") as error:
        rs.predict("rtx-4090", str(path))
    assert error.value.file == str(path)
    assert "convert" in error.value.remedy


@pytest.mark.parametrize("kept", [0, 3, 20, 200, 0.5, -40])
def test_a_file_that_is_cut_short_is_refused(tmp_path, kept):
    path = write_gguf(tmp_path / "cut.gguf", LLAMA, llama_tensors())
    size = path.stat().st_size
    os.truncate(path, int(kept * size) if isinstance(kept, float) else kept % size)
    with pytest.raises(rs.InputError) as error:
        rs.predict("rtx-4090", str(path))
    assert error.value.file == str(path)
    assert "again" in error.value.remedy


def test_what_is_no_gguf_is_told_as_such(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04 something else altogether")
    with pytest.raises(rs.InputError, match="not a GGUF file"):
        catalogue.model(str(path))
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(rs.InputError, match="LFS") as error:
        catalogue.model(str(path))
    assert "git lfs pull" in error.value.remedy


def test_an_unknown_architecture_is_refused_by_name(tmp_path):
    path = write_gguf(tmp_path / "x.gguf", {**LLAMA, "general.architecture": "bert9"}, {})
    with pytest.raises(rs.InputError, match="bert9") as error:
        catalogue.model(str(path))
    assert error.value.field == "general.architecture"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_header_is_a_model_or_a_message(tmp_path, changes):
    path = write_gguf(tmp_path / "damaged.gguf", LLAMA, llama_tensors(), data=False)
    content = bytearray(path.read_bytes())
    for where, byte in changes:
        content[4 + int(where * (len(content) - 5))] = byte
    path.write_bytes(bytes(content))
    try:
        assert build(read_gguf(path, Reader())).weight_bytes > 0
    except rs.InputError as error:
        assert error.file == str(path)


MIXTURE = {
    "general.architecture": "qwen3moe",
    "general.file_type": 15,
    "qwen3moe.block_count": 1,
    "qwen3moe.embedding_length": 512,
    "qwen3moe.feed_forward_length": 1024,
    "qwen3moe.attention.head_count": 8,
    "qwen3moe.attention.head_count_kv": 2,
    "qwen3moe.attention.key_length": 64,
    "qwen3moe.context_length": 4096,
    "qwen3moe.expert_count": 16,
    "qwen3moe.expert_used_count": 4,
    "qwen3moe.expert_feed_forward_length": 256,
}


def test_a_mixture_is_read_with_its_experts(tmp_path):
    dense = {k: v for k, v in llama_tensors(1).items() if ".ffn_" not in k}
    tensors = dense | {
        "blk.0.ffn_gate_inp.weight": ((512, 16), 0),
        "blk.0.ffn_gate_exps.weight": ((512, 256, 16), Q4_K),
        "blk.0.ffn_up_exps.weight": ((512, 256, 16), Q4_K),
        "blk.0.ffn_down_exps.weight": ((256, 512, 16), Q6_K),
    }
    path = write_gguf(tmp_path / "moe.gguf", MIXTURE, tensors)
    model = catalogue.model(str(path))
    assert model.layers[0].feedforward.experts == 16
    # The router is kept in 32 bits by the file, and in 16 by the engine.
    assert build(model).weight_bytes == pytest.approx(size_of(tensors), rel=0.01)


def metadata(architecture, **fields):
    named = {f"{architecture}.{key.replace('__', '.')}": v for key, v in fields.items()}
    return {"general.architecture": architecture, "general.file_type": 7, **named}


# As the converters of llama.cpp write them for the published checkpoints.
PUBLISHED = {
    "gpt-oss-20b": (
        metadata(
            "gpt-oss", block_count=24, context_length=131072, embedding_length=2880,
            feed_forward_length=2880, attention__head_count=64, attention__head_count_kv=8,
            attention__key_length=64, attention__value_length=64, expert_count=32,
            expert_used_count=4, expert_feed_forward_length=2880, attention__sliding_window=128,
            rope__scaling__type="yarn", rope__scaling__factor=32.0,
            rope__scaling__original_context_length=4096,
        ),
        201088, False,
    ),
    "gemma-3-27b": (
        metadata(
            "gemma3", block_count=62, context_length=131072, embedding_length=5376,
            feed_forward_length=21504, attention__head_count=32, attention__head_count_kv=16,
            attention__key_length=128, attention__value_length=128,
            attention__sliding_window=1024, rope__scaling__type="linear",
            rope__scaling__factor=8.0,
        ),
        262208, True,
    ),
    "deepseek-v3": (
        metadata(
            "deepseek2", block_count=61, context_length=163840, embedding_length=7168,
            feed_forward_length=18432, attention__head_count=128, attention__head_count_kv=1,
            attention__key_length=576, attention__key_length_mla=192,
            attention__value_length=512, attention__value_length_mla=128,
            attention__q_lora_rank=1536, attention__kv_lora_rank=512,
            rope__dimension_count=64, expert_count=256, expert_used_count=8,
            expert_feed_forward_length=2048, expert_shared_count=1, leading_dense_block_count=3,
            rope__scaling__type="yarn", rope__scaling__factor=40.0,
            rope__scaling__original_context_length=4096,
        ),
        129280, False,
    ),
    "qwen3-next-80b-a3b": (
        metadata(
            "qwen3next", block_count=48, context_length=262144, embedding_length=2048,
            feed_forward_length=5120, attention__head_count=16, attention__head_count_kv=2,
            attention__key_length=256, attention__value_length=256, ssm__conv_kernel=4,
            ssm__state_size=128, ssm__group_count=16, ssm__time_step_rank=32,
            ssm__inner_size=4096, expert_count=512, expert_used_count=10,
            expert_feed_forward_length=512, expert_shared_feed_forward_length=512,
            full_attention_interval=4,
        ),
        151936, False,
    ),
    "lfm2-1.2b": (
        metadata(
            "lfm2", block_count=16, context_length=128000, embedding_length=2048,
            feed_forward_length=8192, attention__head_count=32,
            attention__head_count_kv=[0, 0, 8, 0, 0, 8, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0],
            shortconv__l_cache=3,
        ),
        65536, True,
    ),
    "qwen3-30b-a3b": (
        metadata(
            "qwen3moe", block_count=48, context_length=40960, embedding_length=2048,
            feed_forward_length=6144, attention__head_count=32, attention__head_count_kv=4,
            attention__key_length=128, attention__value_length=128, expert_count=128,
            expert_used_count=8, expert_feed_forward_length=768,
        ),
        151936, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_metadata_is_the_catalogues_model(tmp_path, name):
    said, vocabulary, tied = PUBLISHED[name]
    width = next(v for k, v in said.items() if k.endswith(".embedding_length"))
    tensors = {"token_embd.weight": ((width, vocabulary), 8)}
    for part in ("attn_q", "attn_kv_a_mqa", "ffn_down", "ffn_down_exps", "shortconv.in_proj"):
        tensors[f"blk.0.{part}.weight"] = ((width, 32), 8)
    if not tied:
        tensors["output.weight"] = ((width, vocabulary), 8)
    if "gpt-oss" in name:
        tensors["blk.0.attn_q.bias"] = ((4096,), 0)
    path = write_gguf(tmp_path / "model.gguf", said, tensors, data=False)
    mine, theirs = catalogue.model(str(path)), catalogue.model(name)
    assert count_parameters(mine).total == pytest.approx(count_parameters(theirs).total, rel=2e-4)
    assert [layer.attention for layer in mine.layers] == [x.attention for x in theirs.layers]
    assert mine.max_context == theirs.max_context
    assert any("mmproj" in said for said in mine.assumptions) == (name == "gemma-3-27b")

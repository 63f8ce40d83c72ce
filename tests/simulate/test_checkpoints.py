"""Checkpoints as people have them, from the folder to the answer."""

import json
import os

import pytest
from checkpoints import ATTENTION, MLP, config, gigabytes, write_safetensors, written

import simulator as rs

ACTIVATIONS = 2e9


def answer(tmp_path, content, **asked):
    asked = {"context": 1, **asked}
    return rs.predict("b200", written(tmp_path / "model", content), **asked)


def weights(found):
    return (found.memory_used_bytes - ACTIVATIONS) / 1e9


def modelopt(algorithm, ignore, **more):
    return {"quant_method": "modelopt", "quant_algo": algorithm, "ignore": ignore, **more}


def compressed(weights, activations=None, **more):
    group = {"targets": ["Linear"], "weights": weights, "input_activations": activations}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, **more}


INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
FP8 = {"num_bits": 8, "type": "float"}


def test_quantisation_in_a_file_beside_the_config(tmp_path):
    folder = tmp_path / "model"
    said = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}
    written(
        folder, {"producer": {"name": "modelopt"}, "quantization": said}, "hf_quant_config.json"
    )
    found = answer(tmp_path, config())
    assert (found.precision, found.kv_precision) == ("fp8", "fp8")
    assert weights(found) == pytest.approx(gigabytes(8), rel=2e-3)
    assert any("cache in fp8" in note for note in found.notes)
    named = rs.predict("b200", str(folder / "config.json"), context=1)
    assert named.memory_used_bytes == found.memory_used_bytes


def test_attention_that_is_left_alone_leaves_the_rest_quantised(tmp_path):
    kept = [f"model.layers.{i}.self_attn*" for i in range(10)]
    found = answer(tmp_path, config(quantization_config=modelopt("NVFP4", ["lm_head", *kept])))
    assert weights(found) == pytest.approx(gigabytes(4.5, attention=16), rel=2e-3)


def test_a_tower_that_is_left_alone_touches_no_layer_of_the_decoder(tmp_path):
    ignore = ["lm_head", "vision_tower.encoder.layers.0.self_attn.q_proj"]
    found = answer(tmp_path, config(quantization_config=compressed(INT4, ignore=ignore)))
    assert weights(found) == pytest.approx(gigabytes(4.125), rel=2e-3)


def test_one_projection_that_is_left_alone_is_one_projection(tmp_path):
    ignore = ["lm_head", "model.layers.0.self_attn.o_proj"]
    found = answer(tmp_path, config(quantization_config=compressed(INT4, ignore=ignore)))
    more = 4096 * 4096 * (16 - 4.125) / 8e9
    assert weights(found) == pytest.approx(gigabytes(4.125) + more, rel=2e-3)
    assert any("99.2 % w4a16" in note for note in found.notes)


def test_mlx_quantises_embedding_and_head_too(tmp_path):
    found = answer(tmp_path, config(quantization={"group_size": 64, "bits": 4}))
    assert found.precision == "mlx4"
    assert weights(found) == pytest.approx(gigabytes(4.5, table=4.5), rel=2e-3)


def test_yarn_stretches_the_context(tmp_path):
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    found = answer(tmp_path, config(rope_scaling=yarn), context=131_072)
    assert any("stretched 4 times by yarn" in note for note in found.notes)
    with pytest.raises(rs.InputError, match="131072"):
        answer(tmp_path, config(rope_scaling=yarn), context=131_073)


def test_other_names_of_the_context(tmp_path):
    content = config(max_position_embeddings=..., model_max_length=1_048_576)
    assert answer(tmp_path, content, context=1_048_576).step_time_s > 0


def test_windows_from_some_layer_on(tmp_path):
    content = config(
        model_type="qwen2", use_sliding_window=True, sliding_window=1024, max_window_layers=5
    )
    short, long = (
        answer(tmp_path, content, context=tokens).memory_used_bytes for tokens in (20_000, 30_000)
    )
    assert (long - short) / 10_000 == 20_480
    full = answer(tmp_path, content, context=1).memory_used_bytes
    assert (long - full) / 1e6 == pytest.approx(635, rel=0.01)


def test_the_cache_is_stored_as_the_checkpoint_names_it(tmp_path):
    scheme = compressed(FP8, FP8, kv_cache_scheme={"num_bits": 8, "type": "float"})
    named = answer(tmp_path / "named", config(quantization_config=scheme))
    plain = answer(tmp_path / "plain", config(quantization_config=compressed(FP8, FP8)))
    assert (named.kv_precision, plain.kv_precision) == ("fp8", "bf16")
    assert named.kv_capacity_tokens == pytest.approx(2 * plain.kv_capacity_tokens, rel=1e-4)
    asked = answer(tmp_path / "named", config(quantization_config=scheme), kv_precision="bf16")
    assert asked.kv_capacity_tokens == plain.kv_capacity_tokens


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_engines_serve_32_bits_as_16(tmp_path, engine):
    content = config(torch_dtype="float32")
    found = answer(tmp_path, content, engine=engine)
    half = answer(tmp_path, config(), engine=engine)
    assert found.memory_used_bytes == half.memory_used_bytes
    assert any("checkpoint is in fp32" in note for note in found.notes)
    whole = answer(tmp_path, content, engine=engine, precision="fp32")
    more = (MLP + ATTENTION) * 2
    assert whole.memory_used_bytes - half.memory_used_bytes == pytest.approx(more, rel=1e-3)


def test_another_architecture_is_never_read_as_a_llama(tmp_path):
    with pytest.raises(rs.InputError, match="NoSuchThingForCausalLM"):
        answer(tmp_path, config(model_type=..., architectures=["NoSuchThingForCausalLM"]))


def test_the_encoder_of_images_is_loaded_and_counted(tmp_path):
    vision = {
        "model_type": "qwen3_vl", "depth": 24, "hidden_size": 1024, "intermediate_size": 4096,
        "num_heads": 16, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "out_hidden_size": 1024, "in_channels": 3, "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [5, 11, 17],
    }  # fmt: skip
    text = config(
        model_type="qwen3_vl_text", hidden_size=1024, intermediate_size=3072, num_hidden_layers=4,
        num_attention_heads=16, head_dim=64, tie_word_embeddings=True, architectures=...,
    )  # fmt: skip
    whole = {"model_type": "qwen3_vl", "text_config": text, "vision_config": vision}
    seeing = answer(tmp_path / "seeing", whole)
    blind = answer(tmp_path / "blind", {**whole, "vision_config": None})
    encoder = weights(seeing) - weights(blind)
    assert encoder == pytest.approx(0.78, rel=0.01)
    assert weights(seeing) >= 0.77
    assert any("vision encoder" in note for note in seeing.notes)


def test_llama_cpp_quantises_the_embedding_too():
    found = rs.predict("b300", "qwen3-8b", precision="q4_k_m", engine="llamacpp", context=1)
    # bartowski/Qwen_Qwen3-8B-GGUF: 5.03 GB; llama.cpp keeps 1 GB for activations.
    assert (found.memory_used_bytes - 1e9) / 1e9 == pytest.approx(5.03, rel=5e-3)


def test_what_is_asked_for_takes_the_place_of_what_is_stored(tmp_path):
    kept = ["model.layers.*.self_attn*"]
    content = config(quantization_config=modelopt("NVFP4", kept))
    found = answer(tmp_path, content, precision="fp8")
    assert weights(found) == pytest.approx(gigabytes(8), rel=2e-3)
    assert any("fp8 as asked" in note for note in found.notes)


def test_two_files_that_contradict_each_other_are_refused(tmp_path):
    folder = tmp_path / "model"
    said = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}
    written(folder, said, "hf_quant_config.json")
    with pytest.raises(rs.InputError, match="NVFP4") as error:
        answer(tmp_path, config(quantization_config=modelopt("NVFP4", [])))
    assert error.value.file == str(folder / "hf_quant_config.json")
    assert "delete" in error.value.remedy


def test_what_is_wrong_in_the_file_beside_is_told_of_that_file(tmp_path):
    folder = tmp_path / "model"
    written(folder, {"quantization": {"quant_algo": "FP9"}}, "hf_quant_config.json")
    with pytest.raises(rs.InputError, match="FP9") as error:
        answer(tmp_path, config())
    assert error.value.file == str(folder / "hf_quant_config.json")
    assert error.value.field == "quantization.quant_algo"


def test_two_blocks_that_contradict_each_other_are_refused(tmp_path):
    text = config(quantization_config={"quant_method": "fp8"})
    whole = {"text_config": text, "quantization_config": {"quant_method": "awq", "bits": 4}}
    with pytest.raises(rs.InputError, match="awq and fp8") as error:
        answer(tmp_path, whole)
    assert error.value.field == "text_config.quantization_config"


def test_a_shard_index_alone_is_no_model(tmp_path):
    name = "model.safetensors.index.json"
    index = {"metadata": {"total_size": 1}, "weight_map": {"lm_head.weight": "model.safetensors"}}
    folder = written(tmp_path / "model", index, name)
    for named in (folder, f"{folder}/{name}"):
        with pytest.raises(rs.InputError, match=r"config\.json") as error:
            rs.predict("b200", named)
        assert name in error.value.file


def test_a_folder_without_a_model_is_told_as_such(tmp_path):
    with pytest.raises(rs.InputError, match="the folder holds no model") as error:
        rs.predict("b200", str(tmp_path))
    assert error.value.file == str(tmp_path)


def test_a_truncated_config_is_told_with_its_line(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    text = json.dumps(config(), indent=1)
    (folder / "config.json").write_text(text[: len(text) // 2])
    with pytest.raises(rs.InputError, match="line") as error:
        rs.predict("b200", str(folder))
    assert "cut short" in error.value.remedy


WHOLE = int(gigabytes(16) * 1e9)


def size_note(found):
    return next((note for note in found.notes if "in the checkpoint's files" in note), None)


def test_what_the_files_hold_is_told_beside_what_is_counted(tmp_path):
    folder = tmp_path / "model"
    assert size_note(answer(tmp_path, config())) is None
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for i, name in enumerate(shards):
        write_safetensors(folder / name, {f"tensor.{i}": WHOLE // 2})
    note = size_note(answer(tmp_path, config()))
    assert "4.89 GB of weights counted" in note
    assert "4.89 GB in the checkpoint's files" in note
    assert "%" not in note
    # A repository may hold everything once more.
    write_safetensors(folder / "consolidated.safetensors", {"all": WHOLE})
    assert size_note(answer(tmp_path, config())) == note
    write_safetensors(folder / shards[0], {"tensor.0": WHOLE})
    assert "stored otherwise" in size_note(answer(tmp_path, config()))


def test_an_index_tells_the_size_of_shards_that_are_not_there(tmp_path):
    index = {"metadata": {"total_size": WHOLE}, "weight_map": {"x": "model-1.safetensors"}}
    written(tmp_path / "model", index, "model.safetensors.index.json")
    assert "4.89 GB in the checkpoint's files" in size_note(answer(tmp_path, config()))


def test_a_pointer_of_git_lfs_tells_the_size_too(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize {WHOLE}\n"
    (folder / "model.safetensors").write_text(pointer)
    assert "4.89 GB in the checkpoint's files" in size_note(answer(tmp_path, config()))


@pytest.mark.parametrize("kept", [4, 40, -100])
def test_weights_that_are_cut_short_are_refused(tmp_path, kept):
    folder = tmp_path / "model"
    folder.mkdir()
    path = write_safetensors(folder / "model.safetensors", {"x": 5000})
    os.truncate(path, kept % path.stat().st_size)
    with pytest.raises(rs.InputError, match="ends after") as error:
        answer(tmp_path, config())
    assert error.value.file == str(path)
    assert "again" in error.value.remedy

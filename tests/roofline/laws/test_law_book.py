"""The law book: every name is checked when a device is resolved, and laws are built once."""

from dataclasses import dataclass, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty
from pydantic import ValidationError

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.operator import Experts, LatentCore
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.device.law_book import law_book
from simulator.roofline.laws.attention.constants import DECODE
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.experts.constants import EXPERTS
from simulator.roofline.laws.experts.kernels import KERNEL_FAMILIES
from simulator.roofline.laws.kinds import built_in, is_law, kind_of, names_of_laws
from simulator.roofline.laws.law import LawKind
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.machine.constants import MACHINE
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.specs import catalogue
from simulator.specs.calibration import Calibration

GPU = catalogue.class_calibration("datacenter-gpu")


def own(**parts) -> Calibration:
    return Calibration.model_validate({"measured_with": "a test", **parts})


def book(**parts) -> LawBook:
    return law_book("my-chip", GPU, own(**parts))


@pytest.mark.parametrize(
    ("parts", "field", "nearest"),
    [
        ({"constants": {"matmull": {"start_s": 1e-6}}}, "constants.matmull", "matmul"),
        ({"constants": {"matmul.fp9": {"start_s": 1e-6}}}, "constants.matmul.fp9", "matmul.fp8"),
        ({"constants": {"attention": {"item_s": 1e-6}}}, "constants.attention", "attention.decode"),
        ({"constants": {"matmul": {"start": 1e-6}}}, "constants.matmul.start", "start_s"),
        ({"constants": {"matmul": {"overlap": 0.5}}}, "constants.matmul", "overlap"),
        ({"constants": {"power": {"idel": 0.1}}}, "constants.power.idel", "idle"),
        ({"constants": {"link": {"base_s": 0.1}}}, "constants.link.base_s", "scale_up"),
        ({"kernels": {"matmul": "my-kernels"}}, "kernels.matmul", "cublas"),
        ({"kernels": {"expert": "triton"}}, "kernels.expert", "experts"),
        ({"residual": {"prompt": 0.1}}, "residual.prompt", "prompts"),
        ({"residual": {"attention.decod": 0.1}}, "residual.attention.decod", "attention.decode"),
        ({"constants": {"machine.cerebra": {}}}, "constants.machine.cerebra", "machine.cerebras"),
        ({"constants": {"benchmark.matmul.fp9": {}}}, "benchmark.matmul.fp9", "matmul.fp8"),
    ],
)
def test_a_name_that_no_law_knows_is_refused_where_the_device_is_resolved(parts, field, nearest):
    with pytest.raises(InputError) as refused:
        book(**parts)
    assert refused.value.file == "my-chip"
    assert field in refused.value.field
    assert nearest in str(refused.value)


def test_every_device_of_the_catalogue_has_a_book_without_an_unknown_name():
    for hardware in nonempty(catalogue.all_hardware()):
        for engine in nonempty(hardware.engines):
            found = resolve(hardware, engine).book
            kinds = [k for k in built_in().values() if k is not MACHINE or found.has(MACHINE)]
            for kind in nonempty(kinds):
                assert isinstance(found.law(kind).constants, kind.constants)


def test_a_variant_is_laid_over_the_wider_law_and_a_device_over_its_class():
    found = book(constants={"matmul": {"start_s": 9e-6}, "matmul.fp8": {"overlap": 3.5}})
    plain, fp8 = found.law(MATMUL), found.law(MATMUL, "fp8")
    assert (plain.constants.start_s, plain.origin) == (9e-6, "a test")
    # The class says how fast 8-bit products start, which is narrower than the device's own word.
    assert fp8.constants.start_s == GPU.constants["matmul.fp8"]["start_s"].value
    assert (fp8.constants.overlap, plain.constants.overlap) == (3.5, 2.27)
    assert found.law(MATMUL, "int8") is plain
    assert plain.is_calibrated and not found.law(EXPERTS).is_calibrated


def test_a_law_carries_its_kernels_and_its_error():
    found = book(
        constants={"matmul": {"peak_fraction": 0.8}},
        kernels={"matmul": "cublas"},
        residual={"attention": 0.11, "matmul.fp8": 0.22},
    )
    law = found.law(MATMUL)
    assert (law.family, law.kernels.name) == ("cublas", "cublas")
    assert law.constants.peak_fraction == 0.8
    assert found.law(DECODE).residual == 0.11
    assert found.law(MATMUL, "fp8").residual == 0.22


def test_an_interval_of_a_constant_is_refused_for_it_would_reach_nothing():
    with pytest.raises(ValidationError, match="residual says"):
        own(constants={"matmul": {"peak_fraction": {"value": 0.8, "low": 0.7, "high": 0.9}}})


def test_what_no_section_tells_is_built_from_defaults_or_refused_by_name():
    bare = LawBook.of("my-chip", {})

    @dataclass(frozen=True)
    class Doubling:
        factor: float = 2.0

    kind: LawKind[Doubling, None] = LawKind("doubling", Doubling)
    assert bare.law(kind).constants == Doubling()
    with pytest.raises(InputError, match="missing calibration constant") as refused:
        bare.law(LOOKUP)
    assert refused.value.file == "my-chip"


def test_benchmarks_constants_hold_in_benchmarks_alone():
    found = book(
        constants={
            "benchmark.matmul.fp8": {"peak_fraction": 0.6, "burst_fraction": 0.9},
            "matmul.fp8": {"start_s": 7e-6},
        }
    )
    cool = found.in_benchmark(MATMUL, "fp8")
    assert (cool.constants.burst_fraction, cool.constants.start_s) == (0.9, 7e-6)
    assert found.law(MATMUL, "fp8").constants.burst_fraction != 0.9
    assert found.in_benchmark(MATMUL, "nvfp4") is found.law(MATMUL, "nvfp4")


@pytest.mark.parametrize(
    ("family", "told"), [("cutlas", "unknown kernel family 'cutlas'"), ("", "no kernel family")]
)
def test_a_law_without_its_kernels_says_which_it_was_given(family, told):
    with pytest.raises(InputError, match=told):
        book().changed(families={"matmul": family})


def test_an_engines_changes_make_a_new_book_and_leave_the_old_one():
    found = book()
    faster = found.changed({"matmul": {**found.constants["matmul"], "start_s": 0.0}})
    assert faster.law(MATMUL).constants.start_s == 0.0 < found.law(MATMUL).constants.start_s
    other = found.changed(families={"matmul": "gguf"})
    assert (other.law(MATMUL).family, found.law(MATMUL).family) == ("gguf", "generic")
    with pytest.raises(InputError, match="gguf"):
        found.changed(families={"matmul": "ggu"})


@given(st.sampled_from(sorted(names_of_laws())))
def test_every_name_belongs_to_the_law_whose_constants_it_tells(name):
    kind = kind_of(name)
    assert kind is not None
    assert name == kind.name or name.removeprefix(kind.name + ".") in kind.variants
    assert is_law(name) and not is_law(name + ".x")
    constant = next(iter(fields(kind.constants))).name
    with pytest.raises(InputError, match=f"{name}.{constant}_") as refused:
        book(constants={name: {f"{constant}_": 0.5}})
    assert refused.value.problem == "unknown calibration constant"


def test_an_engine_is_of_its_own_class_and_says_whose_kernels_it_runs():
    spark, mac = catalogue.hardware("dgx-spark"), catalogue.hardware("apple-m4-max")
    assert resolve(spark, "cpu").device_class == resolve(mac, "cpu").device_class == "cpu"
    assert resolve(mac).device_class == resolve(spark).device_class == "unified-memory-soc"
    runs = {
        name: resolve(catalogue.hardware(name)).runs_gpu_kernels
        for name in ("h100-sxm", "rtx-4090", "mi300x", "dgx-spark", "apple-m4-max", "tpu-v6e")
    }
    assert [name for name, is_so in runs.items() if is_so] == [
        "h100-sxm", "rtx-4090", "mi300x", "dgx-spark"
    ]  # fmt: skip
    assert not resolve(spark, "cpu").runs_gpu_kernels


@pytest.mark.parametrize(
    ("chip", "eight_bits"), [("h100-sxm", "bf16"), ("h200-sxm", "bf16"), ("b200", "fp8")]
)
def test_latent_attention_widens_a_narrow_cache_on_hopper_alone(chip, eight_bits):
    """FlashMLA multiplies in 16 bits whatever the cache holds; Blackwell's kernels in 8."""
    device = resolve(catalogue.hardware(chip))
    for cache, datatype in (("bf16", "bf16"), ("fp8", eight_bits)):
        graph = build(catalogue.model("deepseek-v3"), weights="fp8", kv=cache)
        (core,) = {op for op in graph.operators if isinstance(op, LatentCore)}
        decode = cost(core, StepShape.decode(8, 1000), device, device.book)[0]
        assert list(decode.flops) == [datatype]


@pytest.mark.parametrize(("tokens", "family"), [(1, "mul_mat_id"), (2, "mul_mat_q_id")])
def test_vectors_serve_one_token_and_tiles_serve_more(tokens, family):
    """llama.cpp on CUDA; what the host launches follows the kernels that run."""
    device = resolve(catalogue.hardware("h200-sxm"))
    graph = build(catalogue.model("qwen3-30b-a3b"))
    op = next(o for o in graph.operators if isinstance(o, Experts))

    def layers(name):
        book = device.book.changed(families={EXPERTS.named(op.precision.name): name})
        return cost(op, StepShape.decode(tokens, 100), device, book)[0]

    either, one = layers("mul_mat_id_cuda"), layers(family)
    assert either.time_s == one.time_s
    assert either.kernels == one.kernels == op.count * KERNEL_FAMILIES[family].host_launches
    assert layers("triton").kernels > layers("mul_mat_q_id").kernels > layers("mul_mat_id").kernels

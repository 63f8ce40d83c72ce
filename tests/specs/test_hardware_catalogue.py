"""The hardware catalogue: every file loads, is consistent, and says what its sources say."""

import re
from functools import cache

import pytest
from nonempty import nonempty
from specs.toy_device import device, fields

from simulator.errors import InputError
from simulator.specs import consistency
from simulator.specs.catalogue import all_hardware, hardware
from simulator.specs.consistency import check
from simulator.specs.folders import data_folder, names
from simulator.specs.hardware import Hardware
from simulator.specs.reading import read_mapping

FILES = names(data_folder("hardware_specs"))

PROMISED = """
h100-sxm h100-pcie h200-sxm h800 h20 a100-sxm-80gb b200 b300 gb200-nvl72 gb300-nvl72 l40s rtx-4090
rtx-5090 rtx-pro-6000 mi300x mi325x mi355x tpu-v5e tpu-v5p tpu-v6e tpu-v7 maia-200 trainium2
trainium3 gaudi-3 cerebras-wse-3 groq-lpu ascend-910b ascend-910c cloudmatrix-384
snapdragon-x-elite snapdragon-x2-elite snapdragon-x2-elite-extreme snapdragon-8-elite apple-m4
apple-m4-pro apple-m4-max apple-m3-ultra apple-m5 ryzen-ai-9-hx-370 ryzen-ai-max-395 xeon-6980p
epyc-9965 core-i7-13700h dgx-spark jetson-orin jetson-thor l4 a10 a10g t4 v100-sxm h100-nvl tpu-v4
h20-141gb a30 l40 b100 mi210 mi308x rtx-5080 rtx-4070-super rtx-pro-6000-workstation
rtx-pro-6000-max-q rx-7900-xtx r9700 arc-b580 apple-m2 apple-m3 apple-m3-pro apple-m3-max
apple-m4-max-32 raspberry-pi-5 jetson-orin-nano ascend-950dt graviton-4 epyc-9654 xeon-8480-plus
xeon-8592-plus
"""

# (device, path, value in SI): figures of data sheets, checked by hand.
FACTS = [
    ("h100-sxm", "engines.gpu.peak.bf16", 989.4e12),
    ("h100-sxm", "engines.gpu.peak.fp8", 1979e12),
    ("h100-sxm", "engines.gpu.peak_sparse.bf16", 1979e12),
    ("h100-sxm", "memory.main.bandwidth", 3.35e12),
    ("h100-sxm", "links.scale_up.bandwidth", 450e9),
    ("h100-sxm", "power.limit", 700),
    ("h200-sxm", "memory.main.bandwidth", 4.8e12),
    ("h200-sxm", "memory.main.capacity", 141 * 2**30),
    ("h800", "links.scale_up.bandwidth", 200e9),
    ("h800", "engines.gpu.peak.bf16", 989.4e12),
    ("h20", "engines.gpu.peak.bf16", 148e12),
    ("a100-sxm-80gb", "engines.gpu.peak.bf16", 312e12),
    ("a100-sxm-80gb", "memory.main.bandwidth", 2.039e12),
    ("b200", "engines.gpu.peak.fp4", 9000e12),
    ("b200", "links.scale_up.bandwidth", 900e9),
    ("b300", "engines.gpu.peak.int8", 153.5e12),
    ("gb200-nvl72", "links.scale_up.domain", 72),
    ("gb200-nvl72", "memory.main.bandwidth", 8.0e12),
    ("mi300x", "engines.gpu.peak.bf16", 1307.4e12),
    ("mi300x", "memory.main.bandwidth", 5.3e12),
    ("mi300x", "links.scale_up.per_peer", 64e9),
    ("tpu-v6e", "engines.tensorcore.peak.bf16", 918e12),
    ("tpu-v6e", "engines.tensorcore.peak.fp8", 918e12),
    ("tpu-v6e", "memory.main.bandwidth", 1.638e12),
    ("tpu-v7", "engines.tensorcore.peak.fp8", 4614e12 / 2),
    ("maia-200", "memory.main.capacity", 216 * 2**30),
    ("maia-200", "memory.main.bandwidth", 7e12),
    ("maia-200", "engines.tensor.peak.fp4", 10000e12),
    ("maia-200", "links.scale_up.bandwidth", 1.4e12),
    ("trainium2", "engines.neuroncore.peak.bf16", 667e12),
    ("gaudi-3", "engines.mme.peak.bf16", 1677e12),
    ("cerebras-wse-3", "memory.main.bandwidth", 21e15),
    ("cerebras-wse-3", "engines.wafer.peak_sparse.fp16", 125e15),
    ("groq-lpu", "memory.main.capacity", 230e6),
    ("snapdragon-x2-elite-extreme", "memory.main.bandwidth", 228e9),
    ("snapdragon-x2-elite", "memory.main.bandwidth", 152e9),
    ("snapdragon-x2-elite", "engines.npu.peak.int8", 80e12),
    ("apple-m4", "memory.main.bandwidth", 120e9),
    ("apple-m4-pro", "memory.main.bandwidth", 273e9),
    ("apple-m4-max", "memory.main.bandwidth", 546e9),
    ("apple-m3-ultra", "memory.main.bandwidth", 819e9),
    ("ryzen-ai-max-395", "memory.main.bandwidth", 256e9),
    ("xeon-6980p", "memory.main.bandwidth", 844.8e9),
    ("dgx-spark", "engines.gpu.peak.fp4", 500e12),
    ("jetson-thor", "engines.gpu.peak.fp4", 1035e12),
    ("l4", "engines.gpu.peak.bf16", 121e12),
    ("a10g", "engines.gpu.peak.bf16", 70e12),
    ("t4", "engines.gpu.peak.fp16", 65e12),
    ("v100-sxm", "links.scale_up.bandwidth", 150e9),
    ("h100-nvl", "memory.main.bandwidth", 3.9e12),
    ("tpu-v4", "engines.tensorcore.peak.bf16", 275e12),
    ("rtx-pro-6000-workstation", "memory.main.bandwidth", 1.792e12),
    ("rtx-5080", "engines.gpu.peak.fp16", 112.6e12),
]


@cache
def every_device() -> tuple[Hardware, ...]:
    return tuple(all_hardware())


def at(device: Hardware, path: str):
    node = device
    for part in path.split("."):
        node = node[part] if isinstance(node, dict) else getattr(node, part)
    return node


@pytest.mark.parametrize("name", FILES)
def test_every_file_loads_under_its_own_name(name):
    assert hardware(name).name == name


@pytest.mark.parametrize("name", FILES)
def test_no_file_has_errors(name):
    findings = check(hardware(name))
    assert [f for f in findings if f.severity == "error"] == []


def test_promised_names_are_all_there():
    assert set(PROMISED.split()) <= set(FILES)


def test_names_and_aliases_are_unique():
    seen: dict[str, str] = {}
    for each in nonempty(every_device()):
        for name in (each.name, *each.aliases):
            assert seen.setdefault(name, each.name) == each.name, name


def test_an_alias_finds_its_device():
    assert hardware("h100").name == "h100-sxm"
    assert hardware("m4-pro").name == "apple-m4-pro"


@pytest.mark.parametrize(("name", "path", "expected"), FACTS)
def test_figures_of_data_sheets(name, path, expected):
    assert at(hardware(name), path).value == pytest.approx(expected, rel=1e-6)


def test_b200_bandwidth_spans_what_nvidia_writes():
    bandwidth = hardware("b200").memory.main.bandwidth
    assert bandwidth.value == 7.7e12
    assert bandwidth.high == 8.0e12


def test_published_figures_that_fell_in_traps_stay_out():
    assert hardware("b300").engines["gpu"].peak["int8"].value < 200e12
    assert hardware("cerebras-wse-3").engines["wafer"].peak["fp16"].value < 40e15
    gaudi = hardware("gaudi-3").engines["mme"].peak
    assert gaudi["fp8"].value == gaudi["bf16"].value
    assert all(leaf.kind == "assumed" for _, leaf, _ in consistency.leaves(hardware("mlu590")))


def test_a_system_keeps_its_device_and_adds_the_rest():
    system, chip = hardware("dgx-h100"), hardware("h100-sxm")
    assert system.engines == chip.engines
    assert system.system.power.value == 10_200
    assert hardware("maia-200-cluster").system.nodes.value * 4 == 6144


def test_soc_names_the_engine_people_run():
    socs = [each for each in every_device() if each.device_class == "unified-memory-soc"]
    for each in nonempty([each for each in socs if len(each.engines) > 1]):
        assert each.default_engine in each.engines, each.name
    for each in nonempty([each for each in socs if each.vendor == "Apple"]):
        assert each.default_engine == "gpu", each.name
        assert 0.5 < each.memory_share_for_accelerator.value < 0.9, each.name


ABSOLUTE_PATH = re.compile(r"""(?<![^\s"'(=:])/[\w.-]+/""")


def test_files_hold_no_path_of_a_machine():
    assert ABSOLUTE_PATH.search("source: /home/somebody/notes.txt")
    assert not ABSOLUTE_PATH.search("https://example.org/a/b 3/4/5 tokens/s/user")
    for path in FILES.values():
        assert not ABSOLUTE_PATH.search(path.read_text(encoding="utf-8")), path


def test_every_source_that_is_explained_is_used():
    explained = [
        (path, key) for path in FILES.values() for key in read_mapping(path).get("sources", {})
    ]
    for path, key in nonempty(explained):
        text = path.read_text(encoding="utf-8")
        assert f"source: {key}," in text or f"source: {key}}}" in text, f"{path.name}: {key}"


# The checks themselves, on a device built for the purpose.


def test_a_consistent_device_has_no_findings():
    assert check(device()) == []


def test_a_number_without_source_is_an_error():
    found = check(device(memory__main__usable={"value": "79 GB"}))
    assert fields(found) == ["memory.main.usable"]
    assert "no source" in found[0].problem
    assert found[0].severity == "error"


def test_a_source_key_must_be_explained():
    leaf = {"value": "79 GB", "source": "seet", "kind": "vendor", "confidence": "high"}
    assert fields(check(device(memory__main__usable=leaf))) == ["memory.main.usable"]
    free = leaf | {"source": "Toys data sheet, page 3"}
    assert check(device(memory__main__usable=free)) == []


def test_an_assumption_needs_an_interval():
    guess = {"value": "500 W", "source": "sheet", "kind": "assumed", "confidence": "low"}
    assert fields(check(device(power__limit=guess))) == ["power.limit"]
    assert check(device(power__limit=guess | {"low": "400 W", "high": "600 W"})) == []


def test_fp8_must_be_twice_bf16_or_explained():
    flat = {"value": "1 PFLOP/s", "source": "sheet", "kind": "vendor", "confidence": "high"}
    assert fields(check(device(engines__gpu__peak__fp8=flat))) == ["engines.gpu.peak.fp8"]
    assert check(device(engines__gpu__peak__fp8=flat | {"note": "runs at the bf16 rate"})) == []


@pytest.mark.parametrize("sparse", ["1000 TFLOP/s", "900 TFLOP/s"])
def test_a_sparse_rate_must_exceed_the_dense_one(sparse):
    found = check(device(engines__gpu__peak_sparse__bf16=sparse))
    assert fields(found) == ["engines.gpu.peak_sparse.bf16"]


@pytest.mark.parametrize("bandwidth", ["3 GB/s", "300 TB/s"])
def test_memory_must_be_buildable(bandwidth):
    assert fields(check(device(memory__main__bandwidth=bandwidth))) == ["memory.main.bandwidth"]


def test_a_cache_must_be_smaller_and_faster():
    found = check(device(memory__cache__capacity="90 GB", memory__cache__bandwidth="1 TB/s"))
    assert fields(found) == ["memory.cache.capacity", "memory.cache.bandwidth"]


def test_an_engine_cannot_draw_more_than_the_memory_gives():
    found = check(device(engines__gpu__memory_bandwidth="4 TB/s"))
    assert fields(found) == ["engines.gpu.memory_bandwidth"]


def test_links_must_add_up():
    known = {"source": "sheet", "kind": "vendor", "confidence": "high"}
    link = {
        "technology": "NVLink",
        "bandwidth": {"value": "100 GB/s", **known},
        "per_peer": {"value": "200 GB/s", **known},
        "domain": {"value": 8, **known},
        "dimensions": [2, 4],
    }
    found = check(device(links__scale_up=link))
    assert fields(found) == ["links.scale_up.per_peer"]
    with pytest.raises(InputError, match="multiply to 6, not to the domain of 8"):
        device(links__scale_up={**link, "dimensions": [2, 3]})


def test_idle_power_stays_below_the_limit():
    with pytest.raises(InputError, match=r"idle \(700 W\) is not below the limit"):
        device(power__idle="700 W")

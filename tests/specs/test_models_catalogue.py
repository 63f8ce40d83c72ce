"""The model catalogue: every file loads, every figure fits what its publisher says."""

import pytest
from nonempty import nonempty
from pydantic import ValidationError

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.published import compare_published
from simulator.specs import catalogue, folders
from simulator.specs.model import Alias
from simulator.specs.reading import read_mapping

NAMES = sorted(folders.names(folders.data_folder("models")))
PROMISED = [
    "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b", "llama-2-7b", "llama-2-13b",
    "llama-2-70b", "llama-3.2-1b", "llama-3.2-3b", "llama-3.3-70b", "qwen3-0.6b",
    "qwen3-1.7b", "qwen3-4b", "qwen3-8b", "qwen3-14b", "qwen3-32b", "qwen3-30b-a3b",
    "qwen3-235b-a22b", "qwen3-coder-480b-a35b", "qwen3-next-80b-a3b", "qwen3.5-27b",
    "qwen3.5-35b-a3b", "qwen3.5-122b-a10b", "qwen3.5-397b-a17b", "gemma-3-1b", "gemma-3-27b",
    "gemma-4-26b-a4b", "mistral-7b", "phi-4", "mixtral-8x7b", "mixtral-8x22b", "deepseek-v3",
    "deepseek-r1", "deepseek-v3.2", "deepseek-v4-flash", "deepseek-v4-pro", "gpt-oss-20b",
    "gpt-oss-120b", "kimi-k2", "kimi-k2.5", "kimi-k3", "glm-4.5", "glm-4.5-air", "glm-5",
    "glm-5.1", "glm-5.2", "minimax-m2.5", "minimax-m3", "llama-4-scout", "llama-4-maverick",
    "engram-27b", "engram-40b", "bitnet-b1.58-2b-4t", "lfm2.5-1.2b", "qwen3-vl-2b",
    "qwen3-vl-4b", "mano-p-4b", "bloom-176b", "deepseek-v4-as-announced",
]  # fmt: skip


def test_the_promised_models_are_there():
    assert set(PROMISED) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_its_name_its_source_and_what_is_published(name):
    model = catalogue.model(name)
    assert model.name == name
    assert model.source
    assert model.published.parameters is not None or model.hypothetical
    for figure in (model.published.parameters, model.published.active_parameters):
        assert figure is None or (figure.source and figure.kind and figure.confidence)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_give_the_published_figures(name):
    """Within 1 %, or within the rounding that a figure of few digits declares."""
    rows = compare_published(catalogue.model(name))
    if not rows:
        pytest.skip("its file quotes no published figure")
    for row in nonempty(rows):
        assert abs(row.error) <= 0.01 or row.within_rounding, row


@pytest.mark.parametrize("name", NAMES)
def test_rounding_is_declared_for_few_digits_only(name):
    published = catalogue.model(name).published
    for figure in (published.parameters, published.active_parameters):
        if figure is None or figure.low is None:
            continue
        # Half a unit of the second digit at most, one digit where no more is published.
        assert (figure.high - figure.low) / figure.value <= 0.34


@pytest.mark.parametrize("name", NAMES)
def test_every_model_builds(name):
    graph = build(catalogue.model(name))
    assert graph.weight_bytes > 0
    assert graph.kv_bytes(1000) >= 0


def test_aliases_lead_to_one_model_each():
    owners = {}
    files = folders.names(folders.data_folder("models"))
    aliases = [(name, a) for name in NAMES for a in read_mapping(files[name]).get("aliases", [])]
    for name, written in nonempty(aliases):
        alias = written if isinstance(written, str) else written["name"]
        key = alias.lower().split("/")[-1]
        assert owners.setdefault(key, name) == name, f"{alias} stands in two files"
        assert key == name or key not in NAMES, f"{alias} is the name of another model"
        assert catalogue.model(alias).name == name


@pytest.mark.parametrize(
    ("alias", "own"),
    [
        ("meta-llama/Meta-Llama-3-8B", {"max_context": 8192, "weight_precision": "bf16"}),
        ("zai-org/GLM-4.7", {"max_context": 202752, "weight_precision": "bf16"}),
        ("zai-org/GLM-4.7-FP8", {"max_context": 202752, "weight_precision": "fp8"}),
        ("codellama/CodeLlama-7b-hf", {"max_context": 16384}),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", {"weight_precision": "nvfp4", "max_context": 131072}),
    ],
)
def test_an_alias_has_its_own_context_and_formats(alias, own):
    model = catalogue.model(alias)
    assert {name: getattr(model, name) for name in own} == own
    assert model.title == alias.split("/")[-1]
    assert model.layers == catalogue.model(model.name).layers
    # The same object each time: what was computed of it is kept by identity.
    assert catalogue.model(alias) is model


def test_an_alias_that_says_nothing_is_written_plainly():
    with pytest.raises(ValidationError, match="without braces"):
        Alias(name="twin")


def test_suggestions_stay_in_the_line():
    for name, said in (("kimi-k9", "kimi-k2"), ("qwen3-9b", "qwen3-8b"), ("olmo-9", "olmo-2-32b")):
        with pytest.raises(InputError) as error:
            catalogue.model(name)
        assert said in error.value.remedy
    with pytest.raises(InputError) as error:
        catalogue.model("zephyr-7b")
    assert "catalogue list models" in error.value.remedy


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("Qwen/Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-r1"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("LFM2.5-1.2B", "lfm2.5-1.2b"),
    ],
)
def test_names_as_people_write_them(written, name):
    assert catalogue.model(written).name == name


def test_only_made_up_models_are_hypothetical():
    made_up = {name for name in NAMES if catalogue.model(name).hypothetical}
    allowed = {"deepseek-v4-as-announced", "nazrin-gnn"}
    assert {name for name in made_up if not name.startswith("bitnet-dummy")} == allowed

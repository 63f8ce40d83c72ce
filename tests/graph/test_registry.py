"""A kind of one's own is one class: found by its kind, checked when the model is read."""

from importlib.metadata import EntryPoint
from typing import Annotated, Literal

import numpy as np
import pytest
import yaml
from pydantic import Field

from simulator import extensions
from simulator.errors import InputError
from simulator.graph.block import AttentionBlock
from simulator.graph.build import build
from simulator.graph.operator import Matmul
from simulator.graph.parallel import Layout
from simulator.graph.parameters import count_parameters
from simulator.specs import catalogue
from simulator.specs.kinds.kind import AttentionKind, FeedforwardKind, Kind
from simulator.specs.model import Layer
from simulator.specs.quantity import Whole


class LookBack(AttentionBlock):
    """A made-up kind: every token reads the one before it."""

    kind: Literal["look-back"] = "look-back"
    width: Annotated[Whole, Field(ge=1, le=1_000_000)]

    def operators(self, context):
        return [
            Matmul(
                name="attention.mix",
                n=context.hidden,
                k=self.width,
                precision=context.linear,
                count=context.count,
            )
        ]

    def cache_bytes(self, context_tokens, cache):
        return np.minimum(np.asarray(context_tokens, dtype=np.float64), 1) * self.width * 2.0


@pytest.fixture
def read(tmp_path):
    """A model whose layers have the attention that the test names, read from a file."""

    def reads(**attention):
        feedforward = {"kind": "dense", "width": 128}
        content = {
            "name": "new",
            "title": "New",
            "source": "test",
            "hidden_size": 64,
            "vocabulary": 100,
            "max_context": 1000,
            "layers": [{"repeat": 5, "attention": attention, "feedforward": feedforward}],
        }
        path = tmp_path / f"new-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return catalogue.model(str(path))

    return reads


def test_a_class_is_all_that_a_new_kind_takes(read):
    model = read(kind="look-back", width=32)
    graph = build(model)
    assert graph.kv_bytes(500) == 5 * 32 * 2
    mix = next(op for op in graph.operators if op.name == "attention.mix")
    assert (mix.count, mix.n, mix.k) == (5, 64, 32)
    parts = 5 * (64 * 32 + 3 * 64 * 128 + 2 * 64)
    assert count_parameters(model).total == parts + 2 * 100 * 64 + 64
    assert build(model, Layout(tp=2)).kv_bytes(1) == 5 * 32 * 2


@pytest.mark.parametrize(
    ("attention", "field", "said"),
    [
        ({"kind": "look-bak", "width": 32}, "kind", r"look-bak.*\n.*look-back"),
        ({"width": 32}, "kind", "names no kind"),
        ({"kind": "dense", "width": 3}, "kind", "nobody defined attention of kind 'dense'"),
        ({"kind": "look-back", "width": 32, "query_heads": 4}, "query_heads", "unknown field"),
        ({"kind": "look-back", "widht": 32}, "widht", "did you mean width"),
        ({"kind": "gqa", "kv_heads": 4, "head_size": 8}, "query_heads", "missing field"),
        ({"kind": "gqa", "query_heads": 0, "kv_heads": 1, "head_size": 8}, "query_heads", "0"),
    ],
)
def test_what_is_wrong_is_told_when_the_file_is_read(read, attention, field, said):
    with pytest.raises(InputError, match=said) as error:
        read(**attention)
    assert error.value.field == f"layers.0.attention.{field}"
    assert error.value.file.endswith(".yaml")


def test_sizes_that_do_not_fit_are_told_when_the_file_is_read(read):
    with pytest.raises(InputError, match="cannot share 3 KV heads") as error:
        read(kind="gqa", query_heads=8, kv_heads=3, head_size=8)
    assert error.value.field == "layers.0.attention"


def installed(monkeypatch, value, name="sometimes"):
    point = EntryPoint(name=name, value=value, group="roofsim.kinds")
    monkeypatch.setattr(extensions, "_points", {"roofsim.kinds": (point,)}.__getitem__)


def test_a_kind_of_an_installed_package_is_found(read, monkeypatch, tmp_path):
    (tmp_path / "roofsim_sometimes.py").write_text(
        "from typing import Annotated, Literal\n"
        "from simulator.graph.block import AttentionBlock\n\n\n"
        "class Sometimes(AttentionBlock):\n"
        "    kind: Literal['sometimes'] = 'sometimes'\n"
        "    often: int\n\n"
        "    def operators(self, context):\n"
        "        return []\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="nobody defined"):
        read(kind="sometimes", often=3)
    installed(monkeypatch, "roofsim_sometimes:Sometimes")
    assert read(kind="sometimes", often=3).layers[0].attention.often == 3
    with pytest.raises(InputError, match="did you mean often"):
        read(kind="sometimes", oftn=3)


def test_a_near_name_suggests_what_is_installed(read, monkeypatch):
    installed(monkeypatch, "nowhere:Nothing", name="seldom")
    with pytest.raises(InputError, match="did you mean seldom"):
        read(kind="seldm")


def test_a_part_of_a_package_that_is_no_kind_is_refused(read, monkeypatch):
    installed(monkeypatch, "collections:OrderedDict", name="ordered")
    with pytest.raises(InputError, match="OrderedDict that a package adds as 'ordered' is no att"):
        read(kind="ordered")


def test_a_kind_that_does_not_say_what_it_computes_is_refused(read):
    class Silent(AttentionKind):
        kind: Literal["silent"] = "silent"

    with pytest.raises(InputError, match="Silent does not say what it computes") as error:
        build(read(kind="silent"))
    assert error.value.field == "layers.attention.kind"


def test_every_kind_of_the_package_is_listed():
    assert {
        "gqa", "mla", "dsa", "compressed", "block-sparse", "gated-delta-net", "kda", "mamba-2",
        "short-convolution", "message-passing",
    } <= set(AttentionKind.kinds())  # fmt: skip
    assert {"none", "dense", "moe"} <= set(FeedforwardKind.kinds())


def test_a_model_says_nothing_of_devices():
    """How a model is sharded is a parameter of building the graph, not a field of a kind."""
    fields = {name for kind in Kind.kinds().values() for name in kind.model_fields}
    assert not fields & {*Layout.model_fields, "ranks", "tokens_from", "gathered"}


def test_a_layer_is_written_as_it_was_read():
    layer = catalogue.model("deepseek-v3.2").layers[-1]
    assert Layer.model_validate(layer.model_dump()) == layer

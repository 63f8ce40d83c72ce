"""A new kind of part is one class: found by its kind, checked field by field."""

from typing import Literal

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.graph.attention import attention_block, attention_kinds
from simulator.graph.block import AttentionBlock
from simulator.graph.build import build
from simulator.graph.operator import Matmul
from simulator.graph.parallel import Layout
from simulator.graph.parameters import count_parameters
from simulator.specs.model import ModelFile, Part
from simulator.specs.model_file import model_of


class LookBack(AttentionBlock):
    """A made-up kind: every token reads the one before it."""

    kind: Literal["look-back"] = "look-back"
    width: int

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


def model_with(**attention):
    entry = {
        "name": "new",
        "title": "New",
        "source": "test",
        "hidden_size": 64,
        "vocabulary": 100,
        "max_context": 1000,
        "layers": [
            {
                "repeat": 5,
                "attention": attention,
                "feedforward": {"kind": "dense", "width": 128},
            }
        ],
    }
    return model_of(ModelFile.model_validate(entry))


def test_a_class_is_all_that_a_new_kind_takes():
    model = model_with(kind="look-back", width=32)
    graph = build(model)
    assert graph.kv_bytes(500) == 5 * 32 * 2
    mix = next(op for op in graph.operators if op.name == "attention.mix")
    assert (mix.count, mix.n, mix.k) == (5, 64, 32)
    blocks = 5 * (64 * 32 + 3 * 64 * 128 + 2 * 64)
    assert count_parameters(model).total == blocks + 2 * 100 * 64 + 64
    assert build(model, Layout(tp=2)).kv_bytes(1) == 5 * 32 * 2


def test_an_unknown_kind_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"look-bak.*\n.*look-back") as error:
        build(model_with(kind="look-bak", width=32))
    assert error.value.field == "layers.attention.kind"


def test_a_field_of_another_kind_is_refused():
    with pytest.raises(InputError, match="unknown field") as error:
        build(model_with(kind="look-back", width=32, query_heads=4))
    assert error.value.field == "layers.attention.query_heads"


def test_a_missing_field_is_named():
    with pytest.raises(InputError, match="missing field") as error:
        build(model_with(kind="gqa", kv_heads=4, head_size=8))
    assert error.value.field == "layers.attention.query_heads"


def test_a_part_of_another_role_is_not_found():
    with pytest.raises(InputError, match="nobody defined attention of kind 'dense'"):
        attention_block(Part.model_validate({"kind": "dense", "width": 3}))


def test_every_kind_of_the_package_is_listed():
    assert {
        "gqa", "mla", "dsa", "compressed", "block-sparse", "gated-delta-net", "kda", "mamba-2",
        "short-convolution", "message-passing",
    } <= set(attention_kinds())  # fmt: skip

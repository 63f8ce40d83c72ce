"""A GGUF file as a model: its architecture from the metadata, its formats tensor by tensor."""

import re
from collections.abc import Mapping
from pathlib import Path

from simulator.errors import InputError
from simulator.specs.gguf.config import config_of
from simulator.specs.gguf.header import Header, Tensor, read_header
from simulator.specs.gguf.types import FILE_TYPES
from simulator.specs.huggingface.read import read_config
from simulator.specs.kept import Reader
from simulator.specs.model import Layer, Model, stored_otherwise
from simulator.specs.modules import modules_of_layer, usual_products
from simulator.specs.precision import Precision, precision
from simulator.specs.stored import EMBEDDING, HEAD, Stored, deviating, together, usual_ends

_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")


_SEEING = (
    "gemma3", "gemma3n", "gemma4", "glm4v", "glm4vmoe", "llama4", "mistral3", "qwen2vl", "qwen3vl",
    "qwen3vlmoe", "qwen35", "qwen35moe",
)  # fmt: skip
"""Architectures whose models see, with an encoder that llama.cpp keeps apart."""


def read_gguf(path: Path, reader: Reader) -> Model:
    """The model in the file at ``path``, all of its shards taken together.

    Raises:
        InputError: no GGUF file, a shard that is missing, or an architecture that is not known.
    """
    paths = _shards(path, reader)
    headers = [read_header(shard) for shard in paths]
    tensors = {tensor.name: tensor for header in headers for tensor in header.tensors}
    first = Header(headers[0].metadata, tuple(tensors.values()), headers[0].has_data)
    title = first.text("general.name") or path.stem
    model = read_config(config_of(first, paths[0]), name=path.stem.lower(), title=title, file=path)
    name = _name(first, tensors)
    said = list(model.assumptions)
    if not all(header.has_data for header in headers):
        said.append("the file is a header alone, without weights")
    if first.text("general.architecture") in _SEEING:
        said.append("its encoder of images is in a file of its own (mmproj), which is not counted")
    stored = _stored(model, tensors, name, path)
    return stored.model_copy(
        update={
            "weight_precision": name,
            "stored_bytes": float(sum(tensor.bytes for tensor in tensors.values())),
            "assumptions": tuple(said),
        }
    )


def _shards(path: Path, reader: Reader) -> list[Path]:
    """The file itself, or all files that it is split into."""
    reader.exists(path)
    split = _SHARD.match(path.name)
    if split is None:
        return [path]
    count = int(split["count"])
    names = [f"{split['stem']}-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1)]
    found = [path.parent / name for name in names]
    missing = [shard.name for shard in found if not reader.exists(shard)]
    if missing:
        raise InputError(
            f"one of {count} files, of which {len(missing)} are missing: {missing[0]}",
            file=path,
            remedy="put all of them into one folder",
        )
    return found


def _name(header: Header, tensors: Mapping[str, Tensor]) -> str:
    """What the file is called by its mix, or by the format of most of its weights."""
    called = FILE_TYPES.get(header.number("general.file_type") or 0)
    if called is not None and "general.file_type" in header.metadata:
        return called
    weights: dict[str, int] = {}
    for tensor in tensors.values():
        weights[tensor.type.precision] = weights.get(tensor.type.precision, 0) + tensor.elements
    return max(weights, key=weights.__getitem__, default="bf16")


def _stored(model: Model, tensors: Mapping[str, Tensor], name: str, path: Path) -> Model:
    """``model`` with each product stored as its tensors are."""
    seen = 0

    def of_layer(place: int, layer: Layer) -> Stored:
        nonlocal seen
        parts: dict[str, list[tuple[float, Precision]]] = {}
        for module in modules_of_layer(layer, model.hidden_size):
            names = (f"blk.{place}.{own}.weight" for own in module.gguf)
            found = next((tensors[one] for one in names if one in tensors), None)
            if found is not None:
                seen += 1
                stored = precision(found.type.precision)
                parts.setdefault(module.product, []).append((module.parameters, stored))
        wanted = {product: together(found) for product, found in parts.items()}
        return deviating(wanted, usual_products(layer, model.hidden_size, name))

    table = tensors.get("token_embd.weight")
    head = tensors.get("output.weight", table)
    ends = {
        end: precision(tensor.type.precision)
        for end, tensor in ((HEAD, head), (EMBEDDING, table))
        if tensor is not None
    }
    found = stored_otherwise(model, of_layer, deviating(ends, usual_ends(name)))
    if not seen:
        raise InputError(
            "none of the tensors that the architecture has is in the file",
            file=path,
            field="general.architecture",
            remedy="name the model's config.json instead, with --precision",
        )
    return found

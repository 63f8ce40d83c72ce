"""A checkpoint as it lies in a folder: its ``config.json``, and what stands beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simulator.errors import InputError
from simulator.specs.huggingface.fields import Config
from simulator.specs.kept import Reader

CONFIG = "config.json"
QUANTISATION = "hf_quant_config.json"
"""Where ModelOpt writes how weights are stored, if not into the config itself."""

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Which shard holds which tensor."""


def described_by(folder: Path) -> Path | None:
    """The file of ``folder`` that describes its model; None where it holds no checkpoint.

    Raises:
        InputError: shards without the config that tells their shapes.
    """
    config = folder / CONFIG
    if config.is_file():
        return config
    for name in (*INDEXES, "model.safetensors"):
        if (folder / name).is_file():
            raise InputError(
                f"weights, but no {CONFIG} beside them that tells the model's shapes",
                file=folder / name,
                remedy=f"put the model's {CONFIG} into the folder {folder}",
            )
    return _gguf_in(folder)


_FURTHER_SHARD = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")


def _gguf_in(folder: Path) -> Path | None:
    """The one GGUF file of a folder, encoders (mmproj) and further shards apart."""
    found = [
        path
        for path in sorted(folder.glob("*.gguf"))
        if not path.name.startswith("mmproj") and not _FURTHER_SHARD.search(path.name)
    ]
    if len(found) > 1:
        raise InputError(
            f"{len(found)} GGUF files: " + ", ".join(path.name for path in found[:6]),
            file=folder,
            remedy=f"name one of them, as {found[0]}",
        )
    return found[0] if found else None


class Checkpoint(NamedTuple):
    """A config, the file that it is in, and the quantisation that stands in a file beside it."""

    path: Path
    content: dict[str, Any]
    quantisation: Config | None = None


def read_checkpoint(path: Path, reader: Reader) -> Checkpoint:
    """The config at ``path``, with the quantisation beside it.

    A shard index or ``hf_quant_config.json`` stands for the ``config.json`` of its folder.

    Raises:
        InputError: not a config; or two places say differently how weights are stored.
    """
    content = reader.mapping(path)
    if "weight_map" in content or (path.name == QUANTISATION and "quantization" in content):
        config = path.parent / CONFIG
        if not reader.exists(config):
            raise InputError(
                "this tells how weights are stored, not what the model's shapes are",
                file=path,
                remedy=f"put the model's {CONFIG} beside it and name the folder",
            )
        path, content = config, reader.mapping(config)
    beside = path.parent / QUANTISATION
    if path.name != CONFIG or not reader.exists(beside):
        return Checkpoint(path, content)
    return _with_quantisation(Checkpoint(path, content), reader.mapping(beside), beside)


def _with_quantisation(found: Checkpoint, beside: Mapping[str, Any], file: Path) -> Checkpoint:
    """The checkpoint with what ModelOpt's own file adds to its config, or with that file itself."""
    said = beside.get("quantization")
    if not isinstance(said, dict):
        raise InputError(
            "missing field", file=file, field="quantization",
            remedy="delete the file, if the checkpoint is not quantised",
        )  # fmt: skip
    own = found.content.get("quantization_config")
    if not own:
        block = Config({"quant_method": "modelopt", **said}, file, "quantization.")
        return found._replace(quantisation=block)
    mine, theirs = (str(q.get("quant_algo") or "").upper() for q in (own, said))
    if str(own.get("quant_method")) != "modelopt" or (mine and theirs and mine != theirs):
        raise InputError(
            f"says {theirs or 'nothing'}, but quantization_config in {found.path.name} says "
            f"{mine or own.get('quant_method')}",
            file=file,
            field="quantization.quant_algo",
            remedy="delete the one of the two that is not true of the weights",
        )
    return found._replace(content={**found.content, "quantization_config": {**said, **own}})

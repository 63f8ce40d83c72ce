"""Reading unmodified Hugging Face checkpoints into the project's own model shapes."""

from simulator.specs.huggingface.read import read_config

__all__ = ["read_config"]

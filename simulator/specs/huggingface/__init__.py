"""Reading unmodified Hugging Face checkpoints into the project's own model shapes."""

from simulator.specs.huggingface.checkpoint import described_by, read_checkpoint
from simulator.specs.huggingface.read import read_config

__all__ = ["described_by", "read_checkpoint", "read_config"]

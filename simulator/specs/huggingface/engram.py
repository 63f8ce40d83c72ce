"""Engram's published table of shapes (arXiv:2601.07372, Table 5), completed to a config.

The table names neither the latent attention's ranks nor the widths of experts and of the dense
layer. They are taken from the family it builds on: a latent of 512 + 64 and heads of 128 as in
DeepSeek-V2 and V3, a query compressed to 512 as well, experts of 1536. With these the
totals come out at the paper's 26.7B and 39.5B and the active count at its 3.8B, which is all
that the paper says to tell them by. A config that names the fields is taken at its word.
"""

import re

from simulator.specs.huggingface.fields import Config

ASSUMED = {
    "q_lora_rank": 512,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "moe_intermediate_size": 1536,
    "intermediate_size": 12288,
}


def complete_engram(config: Config) -> Config:
    """The config with what Table 5 leaves out, in the common spelling.

    Raises:
        InputError: the attention's heads are not told.
    """
    fields = {**ASSUMED, **config.fields}
    if "leading_dense_layers" in fields:
        fields.setdefault("first_k_dense_replace", fields["leading_dense_layers"])
    if "num_attention_heads" not in fields:
        heads = re.fullmatch(r"MLA, (\d+) heads", config.text("attention"))
        if heads is None:
            raise config.error("num_attention_heads", "missing field", "add it")
        fields["num_attention_heads"] = int(heads.group(1))
    return Config(fields, config.file, config.prefix)

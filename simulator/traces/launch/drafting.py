"""How engines' arguments say that tokens are drafted, in their own words."""

from collections.abc import Mapping
from typing import Any

from simulator.traces.launch.arguments import Arguments, Given
from simulator.traces.launch.settled import Settled

PATH = "deployment.speculation"

_VLLM = {
    "draft_model": "draft", "eagle": "eagle", "eagle3": "eagle3", "medusa": "medusa",
    "ngram": "ngram", "ngram_gpu": "ngram", "suffix": "suffix", "mtp": "mtp",
    "deepseek_mtp": "mtp", "mimo_mtp": "mtp", "glm4_moe_mtp": "mtp", "ernie_mtp": "mtp",
    "qwen3_next_mtp": "mtp", "qwen3_5_mtp": "mtp", "longcat_flash_mtp": "mtp",
    "pangu_ultra_moe_mtp": "mtp",
}  # fmt: skip
"""``method`` of vLLM's speculative configuration (``vllm/config/speculative.py``)."""

_SGLANG = {
    "EAGLE": "eagle", "EAGLE3": "eagle3", "NEXTN": "mtp", "STANDALONE": "draft", "NGRAM": "ngram",
}  # fmt: skip
"""``--speculative-algorithm``; EAGLE without a draft model runs the checkpoint's own layers."""

_SGLANG_STEPS = 3
"""Steps that it takes for most models where none are given, one candidate each."""

_TRTLLM = {
    "MTP": "mtp", "Eagle": "eagle", "Eagle3": "eagle3", "DraftTarget": "draft",
    "Draft_Target": "draft", "NGram": "ngram", "Medusa": "medusa",
}  # fmt: skip
"""``decoding_type`` of its ``speculative_config``."""

_HEADS = ("eagle", "eagle3", "medusa")


def of_vllm(arguments: Arguments, settled: Settled) -> None:
    """``--speculative-config``, or the arguments that stand for single keys of it.

    Raises:
        InputError: a method that is not predicted, or no number of tokens; says what is.
    """
    config = arguments.get("--speculative-config")
    single = {
        key: arguments[name]
        for key, name in (
            ("method", "--spec-method"), ("model", "--spec-model"),
            ("num_speculative_tokens", "--spec-tokens"),
        )
        if name in arguments
    }  # fmt: skip
    if config is None and not single:
        return
    given = config or next(iter(single.values()))
    inside: dict[str, Any] = dict(config.value) if config is not None else {}
    inside |= {key: value.value for key, value in single.items()}
    model, word = inside.pop("model", None), inside.pop("method", None)
    method = _method(given, _VLLM, word or ("draft_model" if model else "mtp"))
    tokens = inside.pop("num_speculative_tokens", None)
    depth = None if tokens is None else Given(given.written, tokens).whole()
    _put(given, settled, method, depth, model)
    most = inside.pop("disable_by_batch_size", None)
    if most is not None:
        settled.put(f"{PATH}.up_to", Given(given.written, most).whole(), given)
    _left(given, inside, settled)


def of_sglang(arguments: Arguments, settled: Settled) -> None:
    """``--speculative-algorithm`` and how deep and wide it drafts.

    Raises:
        InputError: an algorithm that is not predicted; says which are.
    """
    given = arguments.get("--speculative-algorithm")
    if given is None:
        return
    method = _method(given, _SGLANG, given.value)
    head = arguments.get("--speculative-draft-model-path")
    if method == "eagle" and head is None:
        method = "mtp"
    steps, wide = (
        arguments.get("--speculative-num-steps"),
        arguments.get("--speculative-eagle-topk"),
    )
    depth = _SGLANG_STEPS if steps is None else steps.whole()
    if steps is None:
        settled.notes.append(f"{given.written} does not say how deep: {depth} tokens are assumed")
    _put(given, settled, method, depth, None if head is None else head.value)
    verified = arguments.get("--speculative-num-draft-tokens")
    if wide is not None and wide.whole() > 1 and method != "mtp":
        settled.put(f"{PATH}.widths", [wide.whole()] * depth, wide)
        if verified is not None:
            settled.put(f"{PATH}.verified", max(1, verified.whole() - 1), verified)
    elif verified is not None and verified.whole() != depth + 1:
        settled.notes.append(
            f"{verified.written} {verified.whole()} not used: a chain of {depth} is verified whole"
        )


def of_trtllm(arguments: Arguments, settled: Settled) -> None:
    """``speculative_config``.

    Raises:
        InputError: a decoding type that is not predicted; says which are.
    """
    given = arguments.get("--speculative_config")
    if given is None or given.value is None:
        return
    inside: dict[str, Any] = dict(given.value)
    method = _method(given, _TRTLLM, inside.pop("decoding_type", None))
    layers = inside.pop("num_nextn_predict_layers", None)
    longest = inside.pop("max_draft_len", layers)
    depth = None if longest is None else Given(given.written, longest).whole()
    head = inside.pop("speculative_model_dir", inside.pop("speculative_model", None))
    _put(given, settled, method, depth, head)
    most = inside.pop("max_concurrency", None)
    if most is not None:
        settled.put(f"{PATH}.up_to", Given(given.written, most).whole(), given)
    _left(given, inside, settled)


def _method(given: Given, words: Mapping[str, str], word: object) -> str:
    found = words.get(str(word))
    if found is None:
        raise given.refused(
            f"drafting by {word!r} is not predicted", f"one of {', '.join(words)} is"
        )
    return found


def _put(given: Given, settled: Settled, method: str, depth: int | None, model: object) -> None:
    settled.put(f"{PATH}.method", method, given)
    if depth is None and method != "mtp":
        raise given.refused("does not say how many tokens it drafts", "add their number")
    if depth is not None:
        settled.put(f"{PATH}.depth", depth, given)
    if method == "mtp":
        # Engines run the last layer again for tokens beyond those there are layers for.
        settled.put(f"{PATH}.repeat", True, given)
    elif method == "draft":
        settled.put(f"{PATH}.model", model, given)
    elif method in _HEADS and model is not None:
        settled.notes.append(
            f"{model} is taken to be a head of one layer like the model's; speculation.model names "
            "another"
        )


def _left(given: Given, inside: Mapping[str, object], settled: Settled) -> None:
    if inside:
        settled.notes.append(f"{given.written} not used in part: {', '.join(sorted(inside))}")

"""Every figure that an answer may hold: its name, unit, meaning, and how it comes about.

JSON, CSV, data frames, the terminal, charts, pages and the documentation are printed from this
one table, in its order. A new figure is one entry: ``measured`` says how it follows from what a
simulation measured, ``derived`` how it follows from figures that are known; one without either is
given by whoever asks the question.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.simulate.derived import device_hour, over, total_tokens
from simulator.simulate.figure import Error, Figure, Known, Value
from simulator.simulate.figure_groups import COST, ENERGY

if TYPE_CHECKING:
    from simulator.serving.outcome.metrics import ServingMetrics


_STEP: tuple[Error, ...] = ("step",)
_ENERGY: tuple[Error, ...] = ("step", "power")


def _percentile(mean: Figure, percent: int) -> Figure:
    """A percentile over requests of what ``mean`` is the mean of."""
    stem = mean.key.removesuffix("_s")
    return Figure(
        f"{stem}_p{percent}_s",
        "seconds",
        f"{mean.label}, p{percent}",
        f"what {percent} % of requests stay within of `{mean.key}`",
        short=f"{mean.short} p{percent}",
        better="lower",
        errors=mean.errors,
        column=mean.column,
        measured=lambda m: getattr(getattr(m, mean.key), f"p{percent}"),
    )


def _mean(
    key: str,
    label: str,
    short: str,
    definition: str,
    errors: tuple[Error, ...] = ("step", "first token"),
    column: bool = False,
) -> Figure:
    return Figure(
        key, "seconds", label, definition, short, "", "lower", errors, column,
        measured=lambda m: getattr(m, key).mean,
    )  # fmt: skip


def _price_text(what: str, label: str, definition: str) -> Figure:
    """What is said of a price, beside its number."""
    return Figure(f"price_{what}", "text", label, definition, column=True, prose=True)


def _spread(mean: Figure) -> tuple[Figure, ...]:
    return tuple(_percentile(mean, percent) for percent in (50, 90, 99))


_TTFT = _mean(
    "ttft_s", "Time to first token", "TTFT",
    "from a request's arrival until its first token is out; of a prefill, its steps and the "
    "engine's handling of the request", column=True,
)  # fmt: skip
_TPOT = _mean(
    "tpot_s", "Time per output token", "TPOT",
    "(e2e − TTFT)/(output tokens − 1), a mean within each request, which one-token answers have "
    "not; of a decode step, its time", _STEP, column=True,
)  # fmt: skip
_ITL = _mean(
    "itl_s", "Inter-token latency", "ITL",
    "time between two messages of one sequence, which hold the tokens of a step; of all such gaps",
    _STEP,
)  # fmt: skip
_E2E = _mean("e2e_s", "End to end", "End to end", "from arrival until the last token is out")
_QUEUE = _mean(
    "queue_s", "In queue", "In queue", "from arrival until the engine starts on the prompt"
)
_FROM_ADMISSION = _mean(
    "ttft_from_admission_s", "First token from admission", "Admitted",
    "from the start of the prompt's first chunk until the first token is out",
)  # fmt: skip

AT_LOAD: tuple[Figure, ...] = (
    Figure(
        "step_time_s", "seconds", "Step time",
        "of a decode step, that of serving with the mean batch; of a prefill, all its steps",
        better="lower", errors=_STEP, column=True,
    ),
    _TTFT,
    _TPOT,
    Figure(
        "output_tokens_per_s", "tokens/s", "Output throughput",
        "output tokens of finished requests over the makespan; of a decode step, its sequences "
        "over its time", "Output", better="higher", errors=_STEP, column=True,
        measured=lambda m: m.output_tokens_per_s,
    ),
    Figure(
        "output_tokens_per_s_per_device", "tokens/s", "Output throughput a device",
        "output throughput over the number of devices", "Output a device", "a device",
        better="higher", errors=_STEP, column=True,
        derived=over("output_tokens_per_s", "devices"),
    ),
    Figure(
        "total_tokens_per_s", "tokens/s", "Throughput with prompts",
        "input and output tokens a second", "Total", better="higher", errors=_STEP, column=True,
        derived=total_tokens,
    ),
    Figure(
        "requests_per_s", "requests/s", "Requests", "finished requests over the makespan",
        better="higher", errors=_STEP, column=True, measured=lambda m: m.requests_per_s,
    ),
    Figure(
        "bound", "text", "Bound by",
        "what takes most of a step: compute, memory, link, latency or the engine's host",
        column=True,
    ),
    Figure(
        "memory_used_bytes", "bytes", "Memory in use",
        "of one device: weights, the engine's reserve, and the cache in use", column=True,
    ),
    Figure(
        "kv_capacity_tokens", "count", "Cache capacity", "tokens that the KV cache holds",
        column=True,
    ),
    Figure(
        "max_batch", "count", "Largest batch",
        "sequences that the KV cache holds at once; of a run, requests of its mean length",
        column=True,
    ),
    *ENERGY,
    *COST,
    *_spread(_TTFT),
    *_spread(_TPOT),
    Figure("requests", "count", "Requests", "requests that came", measured=lambda m: m.requests),
    Figure(
        "finished", "count", "Finished", "requests that were answered",
        measured=lambda m: m.finished,
    ),
    Figure(
        "rejected", "count", "Rejected", "requests that no replica could ever hold",
        measured=lambda m: m.rejected,
    ),
    Figure(
        "makespan_s", "seconds", "Makespan", "from the first arrival to the last token",
        errors=_STEP, measured=lambda m: m.makespan_s,
    ),
    Figure(
        "input_tokens", "count", "Input tokens", "prompt tokens of finished requests",
        measured=lambda m: m.input_tokens,
    ),
    Figure(
        "output_tokens", "count", "Output tokens", "answered tokens of finished requests",
        measured=lambda m: m.output_tokens,
    ),
    Figure(
        "cached_tokens", "count", "Cached tokens", "prompt tokens that the prefix cache spared",
        measured=lambda m: m.cached_tokens,
    ),
    Figure(
        "hit_rate", "fraction", "Hit rate", "cached tokens over input tokens", better="higher",
        errors=_STEP, measured=lambda m: m.hit_rate,
    ),
    Figure(
        "hits_by_tier", "fraction", "Hits by tier",
        "hit rate by the tier in which a request found them when it was first admitted",
        measured=lambda m: m.hits_by_tier,
    ),
    Figure(
        "bytes_by_tier", "bytes", "Bytes by tier",
        "cache entries that came from a tier off the device, or went down to it",
        measured=lambda m: m.bytes_by_tier,
    ),
    Figure(
        "read_bytes_by_tier", "bytes", "Bytes read by tier",
        "cache entries that came from a tier off the device",
        measured=lambda m: m.read_bytes_by_tier,
    ),
    Figure(
        "written_bytes_by_tier", "bytes", "Bytes written by tier",
        "cache entries that went down to a tier off the device",
        measured=lambda m: m.written_bytes_by_tier,
    ),
    Figure(
        "goodput_requests_per_s", "requests/s", "Goodput",
        "finished requests a second that met every objective; a one-token answer has no TPOT and "
        "cannot miss its objective", better="higher",
        errors=_STEP, measured=lambda m: m.goodput_requests_per_s,
    ),
    _ITL,
    *_spread(_ITL),
    _E2E,
    *_spread(_E2E),
    _QUEUE,
    *_spread(_QUEUE),
    _FROM_ADMISSION,
    *_spread(_FROM_ADMISSION),
    Figure(
        "output_tokens_per_s_per_user", "tokens/s", "Throughput a user",
        "output tokens a second that one user sees while being answered, 1/TPOT", "A user",
        "a user", better="higher", errors=_STEP, measured=lambda m: m.output_tokens_per_s_per_user,
    ),
    Figure(
        "mean_running", "count", "Running", "requests running, mean over time",
        errors=_STEP, measured=lambda m: m.mean_running,
    ),
    Figure(
        "mean_waiting", "count", "Waiting", "requests waiting, mean over time", better="lower",
        errors=_STEP, measured=lambda m: m.mean_waiting,
    ),
    Figure(
        "energy_j", "joules", "Energy of the run", "energy of all devices over the makespan",
        better="lower", errors=_ENERGY, measured=lambda m: m.energy_j,
    ),
    Figure(
        "usd_per_device_hour", "usd/hour", "Price",
        "of an hour of one device; owned, with the power that it drew", "Price",
        errors=("price",), column=True, derived=device_hour,
    ),
    _price_text(
        "basis", "Basis of the price",
        "rental with its term and percentile over providers, owned, or the scenario's own price; "
        "one for every device of an answer",
    ),
    Figure(
        "price_offers", "count", "Offers", "how many offers the price rests on",
        column=True, prose=True,
    ),
    _price_text("providers", "Providers", "who makes these offers"),
    _price_text("regions", "Regions", "where, as far as it is known"),
    _price_text("dates", "Dates", "of the oldest and the newest offer"),
    _price_text(
        "mark", "Marked",
        "where the price is no market's: one provider, or an estimate that is no offer",
    ),
    _price_text("origin", "Where the price is from", "all of that in one sentence"),
    _price_text(
        "nearest", "Nearest basis",
        "of a device without an offer on the basis: where it has one, and what that gives",
    ),
    Figure("bound_prefill", "text", "Prefill bound by", "bound of a prefill of the mean prompt"),
    Figure(
        "bound_decode", "text", "Decode bound by", "bound of a decode step of the mean batch",
    ),
    Figure(
        "peak_kv_fraction", "fraction", "Cache in use", "of the fullest replica, at most",
        errors=_STEP, measured=lambda m: m.peak_kv_fraction,
    ),
    Figure("weight_bytes", "bytes", "Weights", "bytes of weights on one device"),
    Figure(
        "preemptions", "count", "Preemptions",
        "times that a request was thrown out of the cache", better="lower",
        measured=lambda m: m.preemptions,
    ),
    Figure("steps", "count", "Steps", "engine steps of all replicas", measured=lambda m: m.steps),
    Figure(
        "busy_fraction", "fraction", "Busy",
        "share of the makespan in which replicas compute, however small their batches",
        errors=_STEP, measured=lambda m: m.busy_fraction,
    ),
    Figure(
        "capacity_fraction", "fraction", "Share of capacity",
        "requests a second over the most that the machine takes within the objectives",
        errors=_STEP,
    ),
    Figure(
        "overloaded", "text", "Overloaded",
        "whether the queue grew throughout, so that latencies depend on the run's length",
        measured=lambda m: m.overloaded,
    ),
)  # fmt: skip
"""Figures of what was asked: a step, or a machine at a load."""

AT_BEST: Mapping[str, str] = {
    f"best_{key}": key
    for key in (
        "requests_per_s", "output_tokens_per_s", "joules_per_output_token",
        "usd_per_million_input_tokens", "usd_per_million_cached_input_tokens",
        "usd_per_million_output_tokens", "usd_per_million_tokens",
    )
}  # fmt: skip
"""Figures at the most load within the objectives, and what each is at any load."""


def _at_best(key: str, of: Figure) -> Figure:
    return Figure(
        key,
        of.unit,
        f"{of.label} at best",
        f"`{of.key}` at the most load that the machine takes within the objectives",
        "Cost at best" if of.unit == "usd" else "At best",
        of.per,
        of.better,
        of.errors,
    )


FIGURES: tuple[Figure, ...] = (
    *AT_LOAD,
    *(_at_best(best, of) for best, key in AT_BEST.items() for of in AT_LOAD if of.key == key),
    Figure(
        "best_users", "count", "Users at best",
        "users of a closed loop at the most load within the objectives",
    ),
    Figure(
        "best_within", "text", "At best",
        "within which objectives the figures at best are, and for which share of requests",
        prose=True,
    ),
)  # fmt: skip
"""All of them, in the order in which they are written."""

FIGURE: Mapping[str, Figure] = {figure.key: figure for figure in FIGURES}
"""The table by key."""

COLUMNS: tuple[Figure, ...] = tuple(figure for figure in FIGURES if figure.column)
"""What ``predict`` answers."""

HEADLINE: tuple[Figure, ...] = tuple(
    FIGURE[key]
    for key in (
        "output_tokens_per_s", "ttft_s", "tpot_s", "usd_per_million_tokens",
        "joules_per_output_token",
    )
)  # fmt: skip
"""What an answer is known by, in the order in which it is shown."""

COMPARED: tuple[Figure, ...] = tuple(
    FIGURE[key]
    for key in (
        "output_tokens_per_s", "ttft_s", "tpot_s", "usd_per_million_tokens",
        "best_usd_per_million_tokens", "joules_per_output_token",
    )
)  # fmt: skip
"""What systems are compared by, where they have it."""


def figures_of(known: Known, metrics: "ServingMetrics | None" = None) -> dict[str, Value]:
    """Every figure that follows from what is ``known`` and was measured; None where it cannot be.

    Numbers, or arrays of one shape. What is known stands as it is given.
    """
    found: dict[str, Value] = dict(known)
    for figure in FIGURES:
        if figure.key not in found and figure.measured is not None and metrics is not None:
            found[figure.key] = figure.measured(metrics)
    for figure in FIGURES:
        if figure.key not in found and figure.derived is not None:
            found[figure.key] = figure.derived(found)
    return {f.key: _existing(found[f.key]) for f in FIGURES if f.key in found}


def _existing(value: Value) -> Value:
    """None for the NaN of a figure that does not exist."""
    return None if isinstance(value, float) and math.isnan(value) else value

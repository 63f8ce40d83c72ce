"""Scrapes of a server's metrics (Prometheus' text format): how busy it was, and with what lengths.

Counters and histograms count since the server began; two scrapes tell what came between them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.results.measured_run import MeasuredRun, positive
from simulator.traces.row import Row, bad_row


@dataclass(frozen=True, slots=True)
class _Names:
    """What one engine calls its metrics; the first that a scrape has counts."""

    engine: str
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    ttft: tuple[str, ...]
    tpot: tuple[str, ...]
    e2e: tuple[str, ...]
    in_flight: tuple[str, ...]


_ENGINES = (
    _Names(
        "vllm",
        ("vllm:request_prompt_tokens",),
        ("vllm:request_generation_tokens",),
        ("vllm:time_to_first_token_seconds",),
        (
            "vllm:request_time_per_output_token_seconds",
            "vllm:time_per_output_token_seconds",
            "vllm:inter_token_latency_seconds",
        ),
        ("vllm:e2e_request_latency_seconds",),
        ("vllm:num_requests_running", "vllm:num_requests_waiting"),
    ),
    _Names(
        "sglang",
        ("sglang:prompt_tokens_histogram",),
        ("sglang:generation_tokens_histogram",),
        ("sglang:time_to_first_token_seconds",),
        ("sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"),
        ("sglang:e2e_request_latency_seconds",),
        ("sglang:num_running_reqs", "sglang:num_queue_reqs"),
    ),
)
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values fell below each bound, their sum, and how many there were."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float
    count: float

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.total / self.count


class Scrape:
    """The samples of one scrape, or of what came between two."""

    def __init__(self, samples: Mapping[tuple[str, str], float], models: frozenset[str]) -> None:
        self._samples = samples
        self.models = models

    @classmethod
    def of(cls, text: str, path: Path) -> "Scrape":
        """Read a scrape; samples that differ in other labels than ``le`` are added up.

        Raises:
            InputError: a line that is no sample; names it.
        """
        samples: dict[tuple[str, str], float] = {}
        models = set()
        for line, content in enumerate(text.splitlines(), start=1):
            if not content.strip() or content.startswith("#"):
                continue
            found = _SAMPLE.fullmatch(content.strip())
            try:
                value = float(found[3]) if found is not None else None
            except ValueError:
                value = None
            if found is None or value is None:
                raise bad_row(
                    path, line, f"is no sample of a metric: {content[:60]!r}",
                    "is the scrape whole? fetch it again: curl -s http://HOST:8000/metrics",
                )  # fmt: skip
            labels = dict(_LABEL.findall(found[2] or ""))
            models |= {labels["model_name"]} if "model_name" in labels else set()
            key = found[1], labels.get("le", "")
            samples[key] = samples.get(key, 0.0) + value
        return cls(samples, frozenset(models))

    def value(self, name: str) -> float | None:
        """A gauge or a counter."""
        return self._samples.get((name, ""), self._samples.get((f"{name}_total", "")))

    def histogram(self, names: Sequence[str]) -> Histogram | None:
        """The first of ``names`` that anything was counted in."""
        for name in names:
            count = self._samples.get((f"{name}_count", ""), 0.0)
            if count <= 0:
                continue
            below = sorted(
                (float(le), value)
                for (key, le), value in self._samples.items()
                if key == f"{name}_bucket"
            )
            cumulative = [value for _, value in below]
            counts = np.diff([0.0, *cumulative]).tolist()
            total = self._samples.get((f"{name}_sum", ""), 0.0)
            return Histogram(tuple(bound for bound, _ in below), tuple(counts), total, count)
        return None

    def since(self, earlier: "Scrape", path: Path) -> "Scrape":
        """What came after an earlier scrape: counters fall by it, gauges stay.

        Raises:
            InputError: a counter that fell.
        """
        found = dict(self._samples)
        for key in found:
            name = key[0]
            if name.endswith(("_total", "_count", "_sum", "_bucket")):
                found[key] -= earlier._samples.get(key, 0.0)
                if found[key] < 0:
                    raise InputError(
                        f"{name} is lower than in the scrape before", file=path,
                        remedy="name the earlier scrape first; a server that began anew counts "
                        "from zero, so give the later one alone",
                    )  # fmt: skip
        return Scrape(found, self.models)

    @property
    def names(self) -> _Names | None:
        """The engine whose metrics these are."""
        known = {name.split(":")[0] for name, _ in self._samples}
        return next((names for names in _ENGINES if names.engine in known), None)


@dataclass(frozen=True, slots=True)
class Busy:
    """What a server was asked: lengths, a rate, and what remains to be said."""

    engine: str
    model: str
    prompts: Histogram
    answers: Histogram
    rate: float | None
    in_flight: float
    notes: tuple[str, ...]


def busy(scrape: Scrape, path: Path, seconds: float | None = None) -> Busy:
    """What a scrape says of a server's load; ``seconds`` is the time that it covers.

    Without that the rate follows from the requests in flight over the time each takes.

    Raises:
        InputError: no request was counted.
    """
    names = scrape.names
    prompts = None if names is None else scrape.histogram(names.prompts)
    answers = None if names is None else scrape.histogram(names.answers)
    if names is None or prompts is None or answers is None:
        wanted = " and ".join(f"{n.prompts[0]} and {n.answers[0]} ({n.engine})" for n in _ENGINES)
        raise InputError(
            "it counts no finished requests", file=path,
            remedy=f"scrape a server that has served some: {wanted} hold their lengths",
        )  # fmt: skip
    in_flight = sum(scrape.value(name) or 0.0 for name in names.in_flight)
    rate, notes = None, []
    latency = scrape.histogram(names.e2e)
    if seconds is not None:
        rate = prompts.count / seconds
        notes.append(f"{prompts.count:g} requests in {seconds:g} s")
    elif in_flight and latency is not None:
        rate = in_flight / latency.mean
        notes.append(
            f"the rate is what keeps {in_flight:g} requests in flight, which is what the scrape "
            f"saw, at {latency.mean:.3g} s each; --seconds makes it exact"
        )
    model = next(iter(sorted(scrape.models)), "")
    if len(scrape.models) > 1:
        notes.append(f"several models are added up: {', '.join(sorted(scrape.models))}")
    return Busy(names.engine, model, prompts, answers, rate, in_flight, tuple(notes))


def lengths(histogram: Histogram) -> dict[str, Any]:
    """Lengths drawn from a histogram: a few of each bucket, which together have its mean."""
    edges = [0.0, *histogram.bounds]
    low, high, weights = [], [], []
    for below, upto, count in zip(edges, edges[1:], histogram.counts, strict=False):
        if count > 0:
            low.append(below)
            high.append(upto if np.isfinite(upto) else 2 * max(below, histogram.mean))
            weights.append(count)
    bottom, top, share = (np.array(each)[:, None] for each in (low, high, weights))
    places = (np.arange(_POINTS) + 0.5) / _POINTS

    def values(bend: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = bottom + (top - bottom) * places**bend
        return found

    least, most = 0.02, 50.0
    for _ in range(60):
        bend = float(np.sqrt(least * most))
        mean = float((values(bend) * share).sum() / (share.sum() * _POINTS))
        least, most = (bend, most) if mean > histogram.mean else (least, bend)
    drawn = np.maximum(1, np.rint(values(bend))).astype(int)
    return {
        "kind": "empirical",
        "values": drawn.ravel().tolist(),
        "weights": np.repeat(np.array(weights) / _POINTS, _POINTS).tolist(),
    }


_POINTS = 5
"""Lengths that stand for one bucket."""


def workload(found: Busy, path: Path, requests: int) -> dict[str, Any]:
    """A workload of Poisson arrivals at the rate, with lengths as they were counted.

    Raises:
        InputError: the rate is not known.
    """
    if found.rate is None:
        raise InputError(
            "it does not tell how often requests came", file=path,
            remedy="say over how long it counted, --seconds 3600, or name two scrapes",
        )  # fmt: skip
    return {
        "kind": "synthetic",
        "arrivals": {"process": "poisson", "rate": found.rate},
        "input_tokens": lengths(found.prompts),
        "output_tokens": lengths(found.answers),
        "requests": requests,
    }


def _runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    scrape = Scrape.of(text, path)
    found = busy(scrape, path)
    names = scrape.names
    assert names is not None
    means = {
        key: histogram.mean
        for key, of in (("ttft_s", names.ttft), ("tpot_s", names.tpot), ("e2e_s", names.e2e))
        if (histogram := scrape.histogram(of)) is not None
    }
    users = max(1, round(found.in_flight))
    load: dict[str, Any] = {"concurrency": users}
    notes = (*found.notes, f"asked as {users} users in a closed loop: so many were in flight")
    yield MeasuredRun(
        figures=positive(dict(means)),
        load={
            "isl": max(1, round(found.prompts.mean)),
            "osl": max(1, round(found.answers.mean)),
            **load,
        },
        deployment={"engine": found.engine},
        model=found.model,
        source=f"metrics of {found.engine}",
        notes=notes,
        unasked="" if found.in_flight else "nothing was in flight when it was scraped",
    )


def _rows(_text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    raise InputError(
        "a scrape of metrics keeps no single requests",
        file=path,
        remedy=f"serve its rate and lengths: roofsim import prometheus {path}",
    )


def _is_scrape(head: Head) -> bool:
    prefixes = tuple(f"{names.engine}:" for names in _ENGINES)
    return not head.is_json and any(line.startswith(prefixes) for line in head.text.splitlines())


SCRAPE = Format(
    "scrapes of vLLM's or SGLang's metrics (Prometheus' text format)", _rows, _is_scrape, runs=_runs
)

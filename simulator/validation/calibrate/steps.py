"""Fitting a device to whole steps: one share of bandwidth, one of compute, one time a kernel.

Where nobody timed single kernels, tokens a second of whole models must do. They tell three
numbers apart at most: decoding shows the bandwidth, prompts show the compute, and small models
show what every kernel costs beside its work. The class's values are the prior, so that a device
with two rows moves a little and one with twenty is its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.constants import DECODE
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.simulate.point import decode_steps, prefill_steps
from simulator.simulate.predict import question
from simulator.simulate.replica import Replica, capacity_batch, replica_of
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.measured.point import Point

FloatArray = NDArray[np.float64]

RATES: Mapping[str, Parameter] = {
    "bandwidth": Parameter(0.8, 0.05, 0.97),
    "cache": Parameter(0.8, 0.005, 0.97),
    "compute": Parameter(0.6, 0.01, 0.95),
    "start_s": Parameter(4e-6, 2e-7, 2e-4),
}
"""What whole steps can tell: shares of the data sheet, and seconds beside the work of a kernel."""

PRIOR_SIGMA: Mapping[str, float] = {
    "bandwidth": 0.25, "cache": 0.8, "compute": 0.6, "start_s": 0.8,
}  # fmt: skip
"""How far devices of one class scatter (standard deviation of the logarithm)."""

_ROW_SIGMA = 0.1
_STEP_QUANTITIES = frozenset({"step_time_s", "tpot_s", "ttft_s", "output_tokens_per_s"})
_SLACK = 0.95  # formats count their bits a little differently
RATE_CONSTANTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "bandwidth": {
        "matmul": ("bandwidth_fraction",),
        "elementwise": ("bandwidth_fraction",),
        "experts": ("bandwidth_fraction", "row_fraction"),
    },
    "cache": {"attention": ("bandwidth_fraction",)},
    "compute": {
        "matmul": ("peak_fraction",),
        "attention": ("matrix_fraction",),
        "experts": ("peak_fraction",),
    },
    "start_s": {
        "matmul": ("start_s",),
        "elementwise": ("launch_s",),
        "attention": ("latency_s",),
        "experts": ("kernel_s",),
    },
}
"""Which constants of which laws a rate stands for."""

_ATTENTIONS = tuple(f"attention.{kind}" for kind in ("decode", "prefill", "latent_"))


def rated_names(law: str, rate: str) -> tuple[str, ...]:
    """The constants of ``law`` that a rate stands for; sparse and recurrent kernels have none."""
    if law.startswith("attention") and not law.startswith(_ATTENTIONS):
        return ()
    return RATE_CONSTANTS[rate].get(law.split(".")[0], ())


def static_runs(
    setup: Replica, batch: FloatArray, isl: FloatArray, osl: FloatArray
) -> dict[str, FloatArray]:
    """Batches that start together and end together: one prefill, then ``osl`` decode steps.

    What does not fit the cache at once runs in turns of equal size.
    """
    most = np.minimum(
        capacity_batch(setup, isl + osl) * setup.deployment.replicas, setup.limits.max_sequences
    )
    turns = np.ceil(batch / np.maximum(most, 1.0))
    together = batch / turns
    prefill = prefill_steps(setup, together, isl)
    decode = decode_steps(setup, together, isl + np.floor(osl / 2))
    seconds = turns * (prefill["step_time_s"] + osl * decode["step_time_s"])
    return {
        "total_tokens_per_s": batch * (isl + osl) / seconds,
        "output_tokens_per_s": batch * osl / seconds,
        "sigma": np.maximum(prefill["sigma"], decode["sigma"]),
    }


_STEPS: Mapping[str, Callable[..., dict[str, FloatArray]]] = {
    "decode": decode_steps,
    "prefill": prefill_steps,
    "run": static_runs,
}
_ASKED = {
    "decode": ("batch", "context"),
    "prefill": ("batch", "context"),
    "run": ("batch", "isl", "osl"),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that share one setup and phase, asked at once."""

    setup: Replica
    phase: str
    points: tuple[Point, ...]

    def values(self, device: Device | None = None) -> tuple[FloatArray, FloatArray]:
        """Predicted quantities of all points and their relative errors, on ``device`` if given."""
        setup = self.setup if device is None else replace(self.setup, device=device)
        batch, *lengths = (self.asked(name) for name in _ASKED[self.phase])
        figures = _STEPS[self.phase](setup, batch, *lengths)
        columns = [np.broadcast_to(figures[p.quantity], batch.shape) for p in self.points]
        sigma = np.broadcast_to(figures["sigma"], batch.shape)
        return np.array([c[i] for i, c in enumerate(columns)], float), np.asarray(sigma, float)

    def thinned(self, most: int) -> "Batch":
        """At most ``most`` of the points, evenly taken."""
        return replace(self, points=self.points[:: max(1, -(-len(self.points) // most))])

    def asked(self, name: str) -> FloatArray:
        """One number of the question, for every point."""
        return np.array([p.question[name] for p in self.points], float)


def batches(points: Iterable[Point]) -> tuple[list[Batch], list[tuple[Point, str]]]:
    """Steps grouped by setup, and the points that cannot be predicted with the reason."""
    groups: dict[tuple[object, ...], tuple[Replica, list[Point]]] = {}
    refused: list[tuple[Point, str]] = []
    for point in points:
        if point.unasked:
            refused.append((point, point.unasked))
            continue
        asked = _ASKED[point.phase]
        fields = {k: v for k, v in point.asked.items() if k not in asked}
        try:
            asks = question(point.hardware, point.model, fields)
            setup = replica_of(asks.hardware, asks.model, asks.deployment)
            one = Batch(setup, point.phase, (point,))
            predicted = one.values()[0][0]
        except (InputError, TypeError) as error:
            refused.append((point, str(error)))
            continue
        if point.phase == "prefill" and _overflows(one):
            refused.append((point, "the cache does not hold the batch at once"))
            continue
        if point.phase in ("decode", "prefill") and _is_impossible(one, predicted):
            refused.append((point, "is faster than the data sheet allows"))
            continue
        key = (id(setup), point.phase)
        groups.setdefault(key, (setup, []))[1].append(point)
    return [Batch(s, found[0].phase, tuple(found)) for s, found in groups.values()], refused


def _overflows(one: Batch) -> bool:
    most = capacity_batch(one.setup, one.asked("context")) * one.setup.deployment.replicas
    return bool(np.any(one.asked("batch") > most))


def _is_impossible(one: Batch, predicted: float) -> bool:
    """Whether a step was reported faster than the device's peaks and bandwidth allow."""
    point, model = one.points[0], one.setup.step_model
    if point.quantity not in _STEP_QUANTITIES:
        return False
    batch, context = one.asked("batch"), one.asked("context")
    shape = (StepShape.decode if point.phase == "decode" else StepShape.prefill)(batch, context)
    roof_s = sum(float(np.sum(p.roof_s)) for _, parts in model.loads(shape) for p in parts)
    faster = predicted / point.value
    if point.quantity == "output_tokens_per_s":
        faster = 1.0 / faster
    return float(model.evaluate(shape).time_s[0]) / faster < _SLACK * roof_s


def with_rates(device: Device, rates: Mapping[str, float]) -> Device:
    """``device`` with the given rates in every law that has such a constant."""
    if "bandwidth" in rates:
        # Without long contexts at large batches nothing tells the two apart.
        rates = {"cache": rates["bandwidth"], **rates}
    constants = {}
    for law, found in device.book.constants.items():
        changed = dict(found)
        for rate, value in rates.items():
            for name in rated_names(law, rate):
                if name in changed:
                    changed[name] = value
        if changed.get("burst_fraction", 1.0) < changed.get("peak_fraction", 0.0):
            changed["burst_fraction"] = changed["peak_fraction"]
        constants[law] = changed
    return replace(device, book=device.book.changed(constants))


def rates_of(device: Device) -> dict[str, float]:
    """The rates of ``device`` as its matrix products have them."""
    own = device.book.law(MATMUL).constants
    return {
        "bandwidth": own.bandwidth_fraction,
        "cache": device.book.law(DECODE).constants.bandwidth_fraction,
        "compute": own.peak_fraction,
        "start_s": own.start_s,
    }


def free_rates(found: Sequence[Batch]) -> tuple[str, ...]:
    """The rates that the phases of ``found`` can tell."""
    phases = {batch.phase for batch in found}
    decodes, prefills = bool(phases - {"prefill"}), bool(phases - {"decode"})
    long = "run" in phases
    told = {"bandwidth": decodes, "cache": long, "compute": prefills, "start_s": decodes}
    return tuple(rate for rate, is_told in told.items() if is_told)


def fit_steps(
    found: Sequence[Batch],
    free: Sequence[str] | None = None,
    device: Device | None = None,
    tolerance: float = 1e-5,
) -> Fit:
    """Fit the ``free`` rates of the one device that all of ``found`` run on.

    Without ``free``, those that the phases can tell. ``device`` gives the prior: by default the
    device as it stands.
    """
    free = free_rates(found) if free is None else free
    device = found[0].setup.device if device is None else device
    prior = rates_of(device)
    held = {k: v for k, v in prior.items() if k != "cache" or "bandwidth" not in free}
    measured = np.concatenate([[p.value for p in b.points] for b in found])
    weights = np.concatenate(
        [np.ones_like(measured), [(_ROW_SIGMA / PRIOR_SIGMA[name]) ** 2 for name in free]]
    )

    def predict(values: Mapping[str, float]) -> FloatArray:
        tried = with_rates(device, {**held, **values})
        steps = [b.values(tried)[0] for b in found]
        return np.concatenate([*steps, [values[name] for name in free]])

    target = np.concatenate([measured, [prior[name] for name in free]])
    parameters = {name: replace(RATES[name], start=prior[name]) for name in free}
    return fit_log_time(predict, target, parameters, weights, tolerance)

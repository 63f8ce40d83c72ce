"""Names become things: the device, model, engine and memory that one deployment amounts to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simulator.errors import InputError
from simulator.graph.build import Graph, build, with_filter
from simulator.graph.parallel import Layout, check_layout
from simulator.memory.kvcache import MemoryBudget, cache_blocks, memory_budget, require_fit
from simulator.roofline.device.device import Device, resolve
from simulator.roofline.laws.machine.constants import MACHINE
from simulator.roofline.modes.whole_step import WholeStep, notes_of
from simulator.roofline.step.drafted_table import DraftedTable
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.serving.replica.limits import EngineLimits
from simulator.simulate.layouts import advice, check_links, layout_of
from simulator.simulate.scheduling import filled_in, limits_of
from simulator.simulate.storage import remarks_on_size, storage_of
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Hardware
from simulator.specs.kept import Same
from simulator.specs.model import Model
from simulator.specs.quantity import Quantity
from simulator.specs.scenario import Named
from simulator.specs.what_if import hardware_of, model_of
from simulator.units import humane

_LONG_AGO = timedelta(days=540)
"""Software so much older than the engine is told of."""

if TYPE_CHECKING:
    # Imported where they are used: most deployments are no such machine and offload nothing.
    from simulator.roofline.off_device.offload import OffloadPlan
    from simulator.roofline.step.sram import Machine
    from simulator.simulate.drafting import Speculating

_ONCE_A_STEP = ("sequence_overhead", "prompt_layer_start")
"""What an engine's profile says of a step, not of each pass in it."""


@dataclass(frozen=True)
class Replica:
    """One deployment, resolved: everything that predictions and simulations share.

    ``kv_blocks`` and ``limits`` are of one replica; memory figures of one device.
    """

    hardware: Hardware
    device: Device
    model: Model
    graph: Graph
    profile: EngineProfile
    deployment: Deployment
    precision: str
    kv_precision: str
    budget: MemoryBudget
    limits: EngineLimits
    offload: "OffloadPlan | None" = None
    machine: "Machine | None" = None
    remarks: tuple[str, ...] = ()
    speculating: "Speculating | None" = None

    @cached_property
    def step_model(self) -> StepModel:
        """The cost of any pass of the model itself."""
        if self.machine is not None:
            from simulator.roofline.step.sram import SramStepModel

            return SramStepModel(self.graph, self.device, self.profile, self.machine)
        profile = self.profile
        if self.speculating is not None and profile.captures == "sequences":
            captured = profile.captured_tokens * self.speculating.mode.width
            profile = profile.model_copy(update={"captured_tokens": captured})
        return StepModel(self.graph, self.device, profile, self.offload)

    @cached_property
    def step(self) -> WholeStep:
        """The cost of any step: the model's passes, and those of what drafts for it."""
        if self.speculating is None:
            return WholeStep(self.step_model)
        drafting = self.speculating.drafting
        # What the engine does once a step counts for the model's pass.
        free = {name: Quantity(value=0.0) for name in _ONCE_A_STEP}
        free["step_overhead"] = self.profile.draft_pass
        profile = self.profile.model_copy(update=free)
        models = {id(r.graph): StepModel(r.graph, self.device, profile) for r in drafting.runs}
        runs = tuple((models[id(run.graph)], run.each) for run in drafting.runs)
        return WholeStep(self.step_model, self.speculating.mode, runs)

    @cached_property
    def step_table(self) -> StepTable | DraftedTable:
        """The same, compiled for simulation."""
        return self.step.table(self.limits.max_batched_tokens, self.limits.max_context)

    @property
    def kv_capacity_tokens(self) -> int:
        """Tokens that one replica's cache holds."""
        return self.limits.kv_blocks * self.limits.kv_block_tokens

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions and fallbacks that a user should hear of."""
        about = (*self.model.assumptions, *self.remarks)
        said = [f"{self.model.name}: {text}" for text in about]
        if self.hardware.hypothetical:
            said.append(f"{self.hardware.name} is hypothetical: its numbers are announcements")
        models = (self.step_model, *(model for model, _ in self.step.runs))
        return (*self._hardware_notes(), *said, *notes_of(models))

    def _hardware_notes(self) -> Iterator[str]:
        hardware, profile = self.hardware, self.profile
        if hardware.package is not None:
            yield (
                f"a {hardware.package.name} of {hardware.name} is "
                f"{float(hardware.package.devices):g} of these devices; figures are of one"
            )
        calibration = hardware.engines[self.device.engine].calibration
        software = None if calibration is None else calibration.under(profile.as_of).software
        if software is not None and profile.as_of - software.as_of > _LONG_AGO:
            yield (
                f"{hardware.name} was measured with {software.name} ({software.as_of:%Y-%m}); "
                f"{profile.name} of {profile.as_of:%Y-%m} may reach more"
            )

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the numbers behind it come from, each once."""
        hardware = self.hardware
        found = [f"{hardware.name}: {text}" for text in hardware.sources.values()]
        found += [f"calibration: {text}" for text in self.device.book.origins]
        if self.model.source:
            found.append(f"{self.model.name}: {self.model.source}")
        found.append(f"{self.profile.name}: {self.profile.source}")
        return tuple(dict.fromkeys(found))


def replica_of(hardware: Named, model: Named, deployment: Deployment) -> Replica:
    """One replica of ``deployment``: names looked up, what-ifs applied, everything resolved.

    Raises:
        InputError: unknown names, an impossible layout, or a model that does not fit; says by
            how much, and what would.
    """
    found, engine = hardware_of(hardware)
    host = _host(deployment)
    profile = Same(catalogue.engine_profile(deployment.engine))
    drafts = _drafts(deployment)
    return _resolved(Same(found), engine, Same(model_of(model)), profile, deployment, host, drafts)


def _drafts(deployment: Deployment) -> Same[Model] | None:
    """The model that a deployment names for drafting."""
    wanted = deployment.speculation
    if wanted is None or wanted.model is None:
        return None
    return Same(model_of(wanted.model))


def _host(deployment: Deployment) -> Same[Hardware] | None:
    """The processor that computes offloaded experts; its file may change like any other."""
    weights = None if deployment.offload is None else deployment.offload.weights
    if weights is None or weights.processor is None:
        return None
    return Same(catalogue.hardware(weights.processor))


@lru_cache(maxsize=512)
def _resolved(
    loaded: Same[Hardware],
    engine: str | None,
    read: Same[Model],
    known: Same[EngineProfile],
    deployment: Deployment,
    _host: Same[Hardware] | None,
    drafts: Same[Model] | None,
) -> Replica:
    hardware, model = loaded.thing, read.thing
    profile = known.thing
    device = resolve(hardware, engine, profile.as_of)
    if deployment.captured_tokens is not None:
        profile = profile.model_copy(update={"captured_tokens": deployment.captured_tokens})
    storage = storage_of(model, deployment, profile, device.peaks)
    precision, kv_precision = storage.precision, storage.kv_precision
    fraction = deployment.memory_fraction or float(profile.memory_fraction)
    machine: Machine | None = None
    plan: OffloadPlan | None = None
    memory_bytes = device.memory_bytes
    if device.book.has(MACHINE):
        from simulator.simulate.machines import on_machine

        deployment, machine = on_machine(model, device, deployment, precision, kv_precision)
        memory_bytes *= machine.chips
        layout, fraction = Layout(), deployment.memory_fraction or 1.0
    else:
        layout = layout_of(deployment, profile)
        check_layout(model, layout)
        check_links(model, device, layout)
    graph = build(model, layout, precision, kv_precision)
    sampling: tuple[str, ...] = ()
    if deployment.sampling == "filtered":
        graph = with_filter(graph, model.vocabulary, float(profile.filter_bytes))
        if not float(profile.filter_bytes):
            sampling = (f"{profile.title} draws from the top-k or top-p at no cost that is known",)
    if deployment.offload is not None or graph.table_bytes:
        from simulator.roofline.off_device.offload import offload

        away = offload(graph, hardware, device, deployment.offload)
        graph, device, plan = away.graph, away.device, away.plan
    device_bytes = None if plan is None else plan.device_bytes
    speculating: Speculating | None = None
    if deployment.speculation is not None:
        from simulator.simulate.drafting import speculate

        other = None if drafts is None else drafts.thing
        if machine is not None:
            raise InputError(
                f"how fast {device.title} drafts is not known: its speed is a latency law of "
                "single tokens",
                field="deployment.speculation",
                remedy="leave it out, or name other hardware",
            )
        speculating = speculate(model, other, deployment, layout, precision, kv_precision)
        graph, device_bytes = speculating.beside(graph, device_bytes)
    budget = memory_budget(
        graph,
        memory_bytes,
        fraction,
        profile.memory_rule,
        min(
            profile.reserve_bytes(device.memory_bytes),
            (0.1 if machine is None else 0.02) * memory_bytes,
        ),
        device_bytes,
    )
    if speculating is not None and budget.cache <= 0 < budget.cache + speculating.weight_bytes:
        raise InputError(
            f"{model.name} fits {device.title} by itself, but not with the "
            f"{humane(speculating.weight_bytes, 'B')} of weights that draft for it",
            field="deployment.speculation",
            remedy="draft with less: a smaller model, a lower speculation.precision, or ngram:3, "
            "which takes no memory",
        )
    settled = filled_in(deployment, profile, model, device.memory_bytes)
    block_tokens, max_context = settled.kv_block_tokens or 0, settled.max_context or 0
    fits = budget.cache > 0
    blocks = deployment.kv_blocks or 0
    if fits and not blocks:
        blocks = cache_blocks(graph, budget.cache, block_tokens, max_context)
    remedy = ""
    if not fits or blocks < 1:
        remedy = advice(model, device, profile, layout, precision, kv_precision, fraction)
    require_fit(budget, device.title, remedy)
    if blocks < 1:
        raise InputError(
            f"{humane(budget.cache, 'B')} of cache hold not one block of {block_tokens} tokens",
            field="deployment",
            remedy=remedy,
        )
    settled = settled.model_copy(update={"kv_blocks": blocks})
    drafting = () if speculating is None else speculating.remarks
    limits = limits_of(settled, profile, hardware, graph.kv_bytes_per_token)
    return Replica(
        hardware,
        device,
        model,
        graph,
        profile,
        deployment,
        precision,
        kv_precision,
        budget,
        limits,
        plan,
        machine,
        (*storage.remarks, *remarks_on_size(model, graph), *sampling, *drafting),
        speculating,
    )


def capacity_batch(setup: Replica, context: np.ndarray) -> np.ndarray:
    """Sequences of ``context`` tokens that one replica's cache holds at once."""
    per_sequence = np.maximum(setup.graph.kv_bytes(context), 1.0)
    block, ranks = setup.limits.kv_block_tokens, setup.deployment.dp
    growing = setup.graph.kv_bytes_per_token > 0
    if growing:
        blocks = np.ceil(np.maximum(context, 1) / block)
        # A sequence stays on one data-parallel rank.
        by_blocks = np.floor(setup.limits.kv_blocks / ranks / blocks) * ranks
        return np.asarray(by_blocks)
    return np.floor(setup.budget.cache / per_sequence) * ranks

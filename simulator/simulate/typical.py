"""The typical steps of a simulation, explained: what binds a prompt, and a decode step."""

from simulator.graph.step_shape import StepShape
from simulator.roofline.step.report import report
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.simulate.cluster import Cluster
from simulator.simulate.replica import Replica
from simulator.simulate.result import Binding


def typical_steps(cluster: Cluster, metrics: ServingMetrics) -> tuple[Binding, Binding]:
    """A prefill of the mean prompt and a decode step of the mean batch, where each runs."""
    finished = max(metrics.finished, 1)
    prompt = max(1.0, metrics.input_tokens / finished)
    context = prompt + metrics.output_tokens / finished / 2
    batch = max(1.0, metrics.output_tokens / max(metrics.steps, 1))
    chunk = min(prompt, float(cluster.prompts.limits.max_batched_tokens))
    return (
        _binding(cluster.prompts, "prefill", 1.0, prompt, StepShape.prefill(1, chunk)),
        _binding(cluster.answers, "decode", batch, context, StepShape.decode(batch, context)),
    )


def _binding(
    replica: Replica, phase: str, batch: float, context: float, shape: StepShape
) -> Binding:
    step = replica.step_model.evaluate(shape)
    return Binding(
        phase,
        str(step.bound),
        float(step.time_s),
        batch,
        context,
        float(step.relative_sigma),
        tuple(report(replica.step_model, shape)),
    )

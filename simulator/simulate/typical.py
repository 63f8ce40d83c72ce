"""The typical steps of a simulation, explained: what binds a prompt, and a decode step."""

from simulator.graph.step_shape import StepShape
from simulator.serving.outcome.metrics import ServingMetrics
from simulator.simulate.cluster import Cluster
from simulator.simulate.replica import Replica
from simulator.simulate.result import Binding


def typical_steps(cluster: Cluster, metrics: ServingMetrics) -> tuple[Binding, Binding]:
    """A prefill of the mean prompt and a decode step of the mean batch, where each runs."""
    finished = max(metrics.finished, 1)
    prompt = max(1.0, metrics.input_tokens / finished)
    context = prompt + metrics.output_tokens / finished / 2
    gained = metrics.output_tokens / max(metrics.steps, 1)
    # Of so many tokens a step each sequence that drafts has had several.
    mode = cluster.answers.step.mode
    batch = max(1.0, gained if gained > mode.tokens * mode.up_to else gained / mode.tokens)
    chunk = min(prompt, float(cluster.prompts.limits.max_batched_tokens))
    return (
        _binding(cluster.prompts, "prefill", 1.0, prompt, StepShape.prefill(1, chunk)),
        _binding(cluster.answers, "decode", batch, context, StepShape.decode(batch, context)),
    )


def _binding(
    replica: Replica, phase: str, batch: float, context: float, shape: StepShape
) -> Binding:
    step = replica.step.evaluate(shape)
    return Binding(
        phase,
        str(step.bound),
        float(step.time_s),
        batch,
        context,
        float(step.relative_sigma),
        tuple(replica.step.report(shape)),
    )

"""What a reader of a simulation's figures must know, in sentences."""

from simulator.serving.outcome.metrics import ServingMetrics


def remarks(metrics: ServingMetrics, *, chunked_prefill: bool = True) -> tuple[str, ...]:
    """Why figures are absent, or are not what they seem; every absent latency has its reason.

    ``chunked_prefill``: whether all engines spread prompts over steps.
    """
    found = []
    if metrics.overloaded:
        found.append(
            "overloaded: the queue grew throughout, so latencies depend on the run's length"
        )
    if metrics.rejected:
        bounds = "the cache or context allows"
        if not chunked_prefill:
            bounds += ", or their prompts longer than a step takes (chunked_prefill spreads them)"
        found.append(f"{metrics.rejected} requests were longer than {bounds}")
    if metrics.lost:
        found.append(f"{metrics.lost} requests had no replica left that could serve them")
    if not metrics.finished:
        found.append("no request was finished, so there are no latencies and no throughput")
    elif not metrics.counted:
        found.append(
            f"all {metrics.finished} finished requests came during the warm-up, so there are no "
            "latencies; shorten warm_up_requests"
        )
    elif metrics.tpot_s.is_absent:
        found.append("every answer has one token, so there is no time between tokens")
    return tuple(found)

"""A small model with many samples against a large one: what a query costs, and a solved one."""

from dataclasses import dataclass

from simulator.economics.sampling import law_in_words, solved, usd_per_solved
from simulator.economics.tokens import Tokens
from simulator.errors import InputError
from simulator.planning.bill.mix import Mix
from simulator.planning.bill.servers import Ledger, Priced
from simulator.specs.bill import Sampled, Sampling


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One of the two models.

    Args:
        usd_of_prompt, usd_of_samples, usd_of_judge: of one query: its prompt once, all answers,
            and reading them.
        usd_per_query: of all that.
        solved: share of queries.
        law: what that rests on.
        usd_per_solved: a solved query, the others paid too.
    """

    server: str
    origin: str
    samples: int
    usd_of_prompt: float
    usd_of_samples: float
    usd_of_judge: float
    usd_per_query: float
    solved: float
    law: str
    usd_per_solved: float


@dataclass(frozen=True, slots=True)
class Against:
    """Both models, and the number of samples at which a query costs the same by either.

    Below one sample the small model is dearer however few it draws; None where samples are free.
    """

    small: SampledRow
    large: SampledRow
    samples_at_equal_cost: float | None


def against(plan: Sampling, ledger: Ledger) -> Against:
    """What both sides of ``plan`` cost.

    Raises:
        InputError: requests of unknown length, or a server that nobody pays by the token.
    """
    field = "bill.sampling"
    small = _row(plan.small, ledger, f"{field}.small")
    large = _row(plan.large, ledger, f"{field}.large")
    of_each = (small.usd_of_samples + small.usd_of_judge) / plan.small.samples
    left = large.usd_per_query - small.usd_of_prompt
    return Against(small, large, left / of_each if of_each else None)


def _row(plan: Sampled, ledger: Ledger, asked: str) -> SampledRow:
    tokens = _tokens(ledger.mix)
    server = ledger.priced(plan.server, f"{asked}.server")
    prompt = server.usd_of(Tokens(tokens.uncached, tokens.cached, 0.0), f"{asked}.server")
    answers = plan.samples * server.usd_of(Tokens(0.0, 0.0, tokens.output), f"{asked}.server")
    judge = 0.0
    if plan.judge is not None:
        reader: Priced = ledger.priced(plan.judge, f"{asked}.judge")
        read = Tokens(tokens.uncached + tokens.cached + tokens.output, 0.0, 1.0)
        judge = plan.samples * reader.usd_of(read, f"{asked}.judge")
    share = solved(plan.success, plan.samples)
    usd = prompt + answers + judge
    return SampledRow(
        server.title,
        server.origin,
        plan.samples,
        prompt,
        answers,
        judge,
        usd,
        share,
        law_in_words(plan.success),
        usd_per_solved(usd, share),
    )


def _tokens(mix: Mix) -> Tokens:
    if mix.tokens is None:
        raise InputError(
            "nothing says how long requests are",
            field="bill.traffic",
            remedy="give input_tokens_per_request and output_tokens_per_request",
        )
    return mix.tokens

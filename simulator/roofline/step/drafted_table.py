"""Steps that draft and verify, by look-up: the tables of their passes, added up."""

from simulator.roofline.step.decoding import DecodeMode
from simulator.roofline.step.table import Curve, StepTable

DraftTable = tuple[StepTable, int]
"""Of one of the passes that draft, and how often it runs in a step."""


class DraftedTable:
    """Times and energies of steps in which sequences draft; see ``StepClock``.

    Args:
        plain: the model over the last token of each sequence, where too many decode to draft.
        verifying: the model over the last token and those drafted.
        drafting: the passes that draft, in their order; prompts join those that read them.
    """

    def __init__(
        self,
        plain: StepTable,
        verifying: StepTable,
        drafting: tuple[DraftTable, ...],
        mode: DecodeMode,
    ) -> None:
        self.mode = mode
        self.idle_w = plain.idle_w
        self._plain = plain
        self._verifying = verifying
        self._drafting = drafting
        self._reading = tuple(d for d in drafting if d[0].each.reads_prompts)
        self._silent = tuple(d for d in drafting if not d[0].each.reads_prompts)
        self._curves: dict[int, Curve] = {}
        # Of the passes that prompts do not join.
        self._silent_curves: dict[int, Curve] = {}

    def forget(self) -> None:
        """Begin anew with what is asked for often; see ``StepTable``."""
        for table in (self._plain, self._verifying, *(t for t, _ in self._drafting)):
            table.forget()

    def decode(self, sequences: int) -> Curve:
        """The curve for ``sequences`` decoding together."""
        curve = self._curves.get(sequences)
        if curve is None:
            if sequences > self.mode.up_to:
                curve = self._plain.decode(sequences)
            else:
                curve = self._verifying.decode(sequences)
                for table, times in self._drafting:
                    curve = curve.plus(table.decode(sequences), times)
            self._curves[sequences] = curve
        return curve

    def mixed(
        self,
        decoding: int,
        context: float,
        prompts: int,
        prompt_tokens: int,
        past: float,
        sampling: int,
    ) -> tuple[float, float]:
        """Seconds and joules of one step with prompt chunks; see ``StepTable``."""
        is_plain = decoding > self.mode.up_to
        whole = self._plain if is_plain else self._verifying
        time_s, energy_j = whole.mixed(decoding, context, prompts, prompt_tokens, past, sampling)
        # What drafts must know the prompts even where too many sequences decode for it to run.
        beside = (0, 0.0) if is_plain else (decoding, context)
        for table, times in self._reading:
            more_s, more_j = table.mixed(*beside, prompts, prompt_tokens, past, sampling)
            time_s += times * more_s
            energy_j += times * more_j
        if decoding and not is_plain and self._silent:
            more_s, more_j = self._silent_curve(decoding).run(context, 1)
            time_s += more_s
            energy_j += more_j
        return time_s, energy_j

    def _silent_curve(self, sequences: int) -> Curve:
        found = self._silent_curves.get(sequences)
        if found is None:
            (first, times), *rest = self._silent
            found = first.decode(sequences)
            found = found.plus(found, times - 1)
            for table, often in rest:
                found = found.plus(table.decode(sequences), often)
            self._silent_curves[sequences] = found
        return found

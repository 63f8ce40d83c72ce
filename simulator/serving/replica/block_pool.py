"""The paged KV cache of one replica: who holds how many blocks, and which prefixes are shared.

``free`` counts blocks that nobody holds. Cached prefixes that nobody holds live inside ``free``
and give way when it shrinks, to lower tiers if there are any.
"""

from typing import TYPE_CHECKING

from simulator.memory.prefix import PrefixCache
from simulator.memory.remnants import Remnants
from simulator.serving.traffic.request import Request

if TYPE_CHECKING:
    from simulator.serving.replica.lower_tiers import LowerTiers


class BlockPool:
    """``total`` blocks of ``block_tokens``; prefixes are shared in units of ``unit_tokens``.

    Args:
        unit_tokens: a whole number of blocks; 0 turns sharing off.
        ahead: tokens beside its own for which a sequence holds room.
        again_blocks: cached blocks in front of what a prompt lacks that are computed again.
        partial_units: a last unit that reaches past the prompt stands for the prompt's end.
        lower: takes the prefixes that are evicted here.
        remembers: without shared prefixes, a sequence that was thrown out finds what is left of
            its own blocks.
    """

    __slots__ = (
        "_again_blocks",
        "_ahead",
        "_partial_units",
        "_remembers",
        "block_tokens",
        "cache",
        "free",
        "lower",
        "remnants",
        "total",
        "unit_blocks",
        "unit_tokens",
    )

    def __init__(
        self,
        total: int,
        block_tokens: int,
        unit_tokens: int,
        *,
        ahead: int,
        again_blocks: int = 0,
        partial_units: bool,
        lower: "LowerTiers | None",
        remembers: bool,
    ) -> None:
        self.total = total
        self.free = total
        self.block_tokens = block_tokens
        self._ahead = ahead
        self._again_blocks = again_blocks
        self.unit_tokens = unit_tokens
        self.unit_blocks = unit_tokens // block_tokens
        self.cache = PrefixCache() if unit_tokens else None
        self.lower = lower if unit_tokens else None
        self._remembers = remembers and not unit_tokens
        # None until someone is thrown out, which is seldom.
        self.remnants: Remnants | None = None
        self._partial_units = partial_units

    def blocks(self, tokens: int) -> int:
        """Blocks that a sequence of ``tokens`` holds."""
        return -(-(tokens + self._ahead) // self.block_tokens)

    @property
    def unused(self) -> int:
        """Blocks that hold nothing, not even a cached prefix."""
        return self.free if self.cache is None else self.free - self.cache.idle_blocks

    def tell_time(self, now_s: float) -> None:
        """What is held or let go from here on is so from ``now_s``."""
        if self.cache is not None:
            self.cache.now_s = now_s

    def take(self, blocks: int) -> None:
        """Hand out ``blocks``, which must be free."""
        self.free -= blocks
        if self.remnants is not None and self.remnants.blocks > self.free:
            self.remnants.shrink(self.free)
        if self.cache is not None and self.cache.idle_blocks > self.free:
            if self.lower is None:
                self.cache.shrink(self.free)
                return
            evicted: list[tuple[int, int]] = []
            self.cache.shrink(self.free, evicted)
            self.lower.store(evicted)

    def cached_units(self, request: Request) -> int:
        """Leading prefix units of ``request`` that are resident."""
        if self.cache is None or not request.prefix:
            return 0
        units = min(-(-request.target // self.unit_tokens), len(request.prefix))
        found = self.cache.match(request.prefix[:units])
        return self._of_use(request, found)

    def _of_use(self, request: Request, units: int) -> int:
        """A unit that reaches past the prompt is of use only when it ends with the prompt."""
        past_end = units * self.unit_tokens > request.target
        return units - 1 if past_end and not self._tail(request) else units

    def units_behind(self, request: Request, units: int) -> tuple[int, ...]:
        """Units of the prompt behind the first ``units``, which lower tiers may hold."""
        most = min(-(-request.target // self.unit_tokens), len(request.prefix))
        return request.prefix[units : self._of_use(request, most)]

    def _tail(self, request: Request) -> int:
        """Tokens in the last unit when that ends with the prompt; 0 when it is a whole one."""
        if not self._partial_units:
            return 0
        beyond = len(request.prefix) * self.unit_tokens - request.input_tokens
        return self.unit_tokens - beyond if 0 < beyond < self.unit_tokens else 0

    def cached_tokens(self, request: Request, units: int) -> int:
        """Tokens that ``units`` resident units spare; the last one is computed in any case."""
        return self._spared(request, self._blocks_of(request, units))

    def _spared(self, request: Request, blocks: int) -> int:
        """Tokens of the prompt that ``blocks`` in the cache spare."""
        found = min(blocks, (request.target - 1) // self.block_tokens)
        return max(found - self._again_blocks, 0) * self.block_tokens

    def remembered_tokens(self, request: Request) -> int:
        """Tokens that ``request``, thrown out before, finds in what is left of its blocks."""
        if self.remnants is None:
            return 0
        return self._spared(request, self.remnants.of(request.index))

    def has_room(
        self, request: Request, until: int, units: int, spare: int = 0, least: int = 0
    ) -> bool:
        """Whether ``admit`` would let ``request`` in."""
        new = self.blocks(until if until > least else least)
        if units:
            assert self.cache is not None
            new = max(new - self._blocks_of(request, units), 0)
            new += self.cache.idle_among(request.prefix[:units])
        return new + spare <= self.free

    def admit(
        self,
        request: Request,
        until: int,
        units: int,
        spare: int = 0,
        least: int = 0,
        *,
        share: bool = True,
    ) -> bool:
        """Hold ``units`` cached ones and take blocks for the first ``until`` tokens.

        With ``share`` others find them from now on. Returns False, with nothing changed, when
        this would leave fewer than ``spare`` free, or there is no room for ``least`` tokens in
        all.
        """
        new = -(-(until + self._ahead) // self.block_tokens)
        if units or least > until:
            if not self.has_room(request, until, units, spare, least):
                return False
        elif new + spare > self.free:
            return False
        request.blocks = new
        if self.remnants is not None and request.preemptions:
            self.remnants.fetch(request.index)
        if units:
            assert self.cache is not None
            held = self._blocks_of(request, units)
            shared = request.prefix[:units]
            self.free -= self.cache.hold(shared)
            request.units = list(shared)
            new = max(new - held, 0)
            request.blocks = held + new
        self.take(new)
        if share and self.cache is not None and request.prefix:
            self._share(request, until)
        return True

    def grow(self, request: Request, until: int, spare: int) -> bool:
        """Take what ``request`` lacks for ``until`` tokens; False if not ``spare`` more stay."""
        new = self.blocks(until) - request.blocks
        if new + spare > self.free:
            return False
        if new > 0:
            self.take(new)
            request.blocks += new
        if self.cache is not None and request.prefix:
            self._share(request, until)
        return True

    def throw_out(self, request: Request) -> None:
        """Give back everything that ``request`` holds; it may come for what is left of it."""
        if self._remembers:
            if self.remnants is None:
                self.remnants = Remnants()
            self._leave(request, self.remnants)
        self._give_back(request)

    def release(self, request: Request) -> None:
        """Give back everything ``request`` holds; what it shared stays cached for a while."""
        if self.remnants is not None and self.remnants.blocks:
            # Nobody comes for these, but what was left before is handed out before them.
            self._leave(request, self.remnants)
        self._give_back(request)

    def _leave(self, request: Request, remnants: Remnants) -> None:
        """A block that is not full has no hash to find it by."""
        full = request.computed // self.block_tokens
        if full:
            remnants.leave(request.index, full)

    def _give_back(self, request: Request) -> None:
        if not request.prefix or self.cache is None:
            self.free += request.blocks
        else:
            self._share(request, request.computed)
            units = request.units or []
            private = request.blocks - self.cache.size(units)
            self.free += private + self.cache.release(units)
            request.units = None
        request.blocks = 0

    def clear(self) -> None:
        """Forget everything: the replica went down."""
        self.free = self.total
        if self.cache is not None:
            held_block_s = self.cache.held_block_s
            self.cache = PrefixCache()
            self.cache.held_block_s = held_block_s
        self.remnants = None
        if self.lower is not None:
            self.lower.clear()

    def _share(self, request: Request, until: int) -> None:
        """Make the units within the first ``until`` tokens resident, unless they already are.

        Engines enter a block when it is scheduled, so requests of the same step can share it.
        """
        cache, prefix = self.cache, request.prefix
        assert cache is not None
        units = request.units
        if units is None:
            units = request.units = []
        tail = self._tail(request)
        whole = len(prefix) - bool(tail)
        full = min(until // self.unit_tokens, whole)
        for unit in prefix[len(units) : full]:
            if not cache.insert(unit, self.unit_blocks):
                # Another sequence computes the same text at the same time: keep an own copy.
                # Units behind it stay private too; its twin enters them.
                return
            units.append(unit)
        if tail and len(units) == whole and until >= request.input_tokens:
            blocks = tail // self.block_tokens
            if blocks and cache.insert(prefix[whole], blocks):
                units.append(prefix[whole])

    def _blocks_of(self, request: Request, units: int) -> int:
        """Whole blocks that the first ``units`` units of ``request`` fill."""
        tokens = units * self.unit_tokens
        if units == len(request.prefix) and self._tail(request):
            tokens = request.input_tokens
        return tokens // self.block_tokens

"""Which measured rows may be fitted and which are only ever scored.

The split hangs on the row's own identity, never on its order in a file or on a random
generator, so it is the same on every machine and survives rows being added or removed.
"""

from zlib import crc32


def is_score_row(key: str) -> bool:
    """Whether the row called ``key`` is kept back for scoring (half of all rows are).

    ``key`` should name what was measured (operator, shape, datatype), not when: repeated
    measurements of one shape then always fall on the same side.
    """
    return crc32(key.encode()) % 2 == 1

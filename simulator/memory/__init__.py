"""Where bytes live: weights and cache in SRAM, HBM, host memory or on disk."""

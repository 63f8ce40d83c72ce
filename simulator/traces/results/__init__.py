"""What benchmarks, tracers and servers report: runs that were measured, and their requests."""

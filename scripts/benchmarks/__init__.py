"""The figures of Fleet, measured as ratios within one run. See docs/benchmarks.md."""

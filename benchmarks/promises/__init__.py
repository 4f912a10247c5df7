"""How often promises are kept, on simulated days; `python -m benchmarks.promises` runs it."""

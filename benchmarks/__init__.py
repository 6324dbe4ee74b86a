"""Speed of crosstune beside its peers, on the same machine and data. Run as `python -m benchmarks.<name>`."""

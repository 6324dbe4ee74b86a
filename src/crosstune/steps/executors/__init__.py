"""Where steps run; one file an executor."""

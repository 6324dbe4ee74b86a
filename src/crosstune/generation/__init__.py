"""Answers prompts with a model, tuned or not. Knows nothing of scores and studies.

config.py     what is asked for      backend.py    the protocol of backends      backends/    one backend a file
batching.py   prompts -> batches     decoding.py   batches -> tokens             sampling.py  logits -> token
"""

"""Keeps libraries from writing to a terminal that somebody else draws on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from crosstune.models.loading import quiet_transformers

_LOGGERS = ("trl", "peft", "accelerate", "torch")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Inside, transformers and its kin print no bars, warnings or notes below errors."""
    import datasets.utils.logging as datasets_logging

    bars = datasets_logging.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        datasets_logging.disable_progress_bar()
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with quiet_transformers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if bars:
            datasets_logging.enable_progress_bar()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

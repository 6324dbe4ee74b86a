"""crosstune tunes language models on instructions in one language and measures how far that carries to others.

from crosstune import Study
results = Study.load("studies/quickstart.yaml").run()
results.scores  # a polars frame
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosstune.study.study import Study as Study

__version__ = "0.1.0"
__all__ = ["Study", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that importing a single part does not import all of them.
    if name == "Study":
        from crosstune.study.study import Study

        return Study
    raise AttributeError(f"module 'crosstune' has no attribute '{name}'")

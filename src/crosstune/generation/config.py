"""How answers are generated."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crosstune.generation.vllm_config import VllmConfig


class GenerationConfig(BaseModel):
    """Settings of generation. What a model's own `generation_config.json` asks for is not used."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_new_tokens: int = Field(default=512, ge=1)
    """Tokens after which an answer is cut off."""
    repetition_penalty: float = Field(default=1.2, gt=0)
    """Divides the positive logits, and multiplies the negative ones, of all tokens of the prompt and the answer so far
    (Keskar et al., arXiv 1909.05858, applied as transformers does); 1: none."""
    temperature: float | None = Field(default=None, gt=0)
    """Sampling temperature; None: greedy, the most likely token each time."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Samples from the fewest most likely tokens with at least this probability together; None: from all."""
    top_k: int | None = Field(default=None, ge=1)
    """Samples from this many most likely tokens; None: from all."""
    tokens_per_batch: int = Field(default=8192, ge=1)
    """Memory budget: prompts answered together times the longest of them with its answer, in tokens. Lower it when
    memory runs out. A single prompt is answered whatever its length."""
    models_at_once: int = Field(default=4, ge=1)
    """LoRA adapters of one base model, itself included, whose answers share batches of `tokens_per_batch`, where one
    process runs the study with transformers. 1: one after the other."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Precision of the weights; auto: bfloat16 where the device computes in it natively, else float32."""
    backend: Literal["transformers", "vllm", "llama.cpp"] = "transformers"
    """What runs the model: transformers, in this process, on a GPU or the CPU; a vLLM server, on a GPU, which is
    faster and needs `pip install 'crosstune[vllm]'`; or llama.cpp, on a CPU, for packaged base models and LoRA adapters
    of them, which needs `pip install 'crosstune[serve]'`."""
    vllm: VllmConfig | None = None
    """How the vLLM server is run, where the backend is vllm; None: with the defaults."""

    @model_validator(mode="after")
    def _sampling_is_complete(self) -> "GenerationConfig":
        if self.temperature is None and (self.top_p is not None or self.top_k is not None):
            raise ValueError("top_p and top_k choose among tokens to sample from: set temperature too, such as 1.0")
        if self.backend == "llama.cpp" and self.dtype != "auto":
            raise ValueError(
                "dtype is not for backend: llama.cpp, which computes with the quantized weights of the model's file: "
                "remove dtype, or set backend: transformers"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the answers, for fingerprints: all but the memory budget, who shares it, how a server runs.

        In bfloat16 the size of a batch can still tip a close choice between two tokens; that is rounding, and does
        not make it another study. Another backend rounds otherwise at every step, so it does. The default one is not
        named: answers from before there was a choice stay what they are.
        """
        apart = {"tokens_per_batch", "models_at_once", "vllm"}
        return self.model_dump(exclude=apart | ({"backend"} if self.backend == "transformers" else set()))

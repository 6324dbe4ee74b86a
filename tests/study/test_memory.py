"""What the plan says of memory: by hand where it can be, and beside what real processes take."""

import pytest
from benchmarks.memory import FULL, LORA, Setting, described, measured_bytes, predicted_bytes

from crosstune.errors import ModelUnavailable
from crosstune.generation.config import GenerationConfig
from crosstune.models.base import ModelShape
from crosstune.models.packaged import PACKAGED_MODELS, packaged_parts
from crosstune.study.memory import generation_memory, lora_parameters, training_memory
from crosstune.training.config import Adaptation, Full, Lora, TrainingConfig

# 2 layers of width 10 with 20 inside, 2 heads of 4 for queries and 1 for keys, 100 tokens, tied embeddings.
SHAPE = ModelShape(
    parameters=2_500, embedding_parameters=1_000, layers=2, hidden_size=10, intermediate_size=20, attention_heads=2,
    key_value_heads=1, head_dim=4, vocab_size=100, context_length=64,
)  # fmt: skip
CONFIG = TrainingConfig(tokens_per_device_batch=32, max_length=32)
# Query and output: 10 + 8 each; key and value: 10 + 4; gate, up and down: 10 + 20. 36 + 28 + 90 = 154 a rank and layer.
ADAPTER = 154 * 2 * 3


def lora(**changes) -> int:
    config = CONFIG.model_copy(update=changes)
    return training_memory(SHAPE, Adaptation(lora=Lora(rank=3)), config, gpu=True, bf16=True)


def test_lora_by_hand():
    assert lora_parameters(SHAPE, 3) == ADAPTER
    # A token and layer in bf16: 4 * 20 + 3 * 8 + 2 * 4 + 2 * 10 + 7 * 3 = 153 values of 2 bytes; inputs of two norms in
    # fp32: 2 * 10 * 4 bytes. 386 bytes.
    # Weights in bf16; of the adapter 4 values in fp32 and one in bf16. Logits four times: 4 * 32 * 100 * 2 bytes.
    assert lora() == 2 * 2_500 + 18 * ADAPTER + 2 * 32 * 386 + 25_600
    # An update of fewer tokens than a device batch fills no more; checkpointing keeps 10 values of 2 bytes a layer, and
    # one layer's all.
    assert lora(tokens_per_step=16) == 2 * 2_500 + 18 * ADAPTER + 2 * 16 * 386 + 12_800
    assert lora(gradient_checkpointing=True) == 2 * 2_500 + 18 * ADAPTER + 2 * 32 * 20 + 32 * 386 + 25_600
    # In fp32: 153 values of 4 bytes and the norms' 80; logits three times.
    assert lora(precision="fp32") == 4 * 2_500 + 16 * ADAPTER + 2 * 32 * 692 + 38_400


def test_full_by_hand():
    memory = training_memory(SHAPE, Adaptation(full=Full()), CONFIG, gpu=True, bf16=True)
    # 4 * 20 + 3 * 8 + 2 * 4 + 5 * 10 = 162 values of 2 bytes; norms keep two values of 4 bytes of each input: 160.
    kept = 2 * 32 * (324 + 160)
    # Weights and moments 12 bytes each. At the end of the forward pass: what is kept, 1,500 weights in bf16, of the
    # output layer a gradient in fp32, a part of it and a copy in bf16, and logits.
    assert memory == 12 * 2_500 + kept + 2 * 1_500 + (4 + 2 + 2) * 1_000 + 25_600
    # Gradients of several batches an update wait meanwhile.
    several = CONFIG.model_copy(update={"tokens_per_step": 33})
    assert training_memory(SHAPE, Adaptation(full=Full()), several, gpu=True, bf16=True) == memory + 4 * 2_500
    # Few tokens: the backward pass needs more, with all gradients and once more those of the embeddings.
    few = CONFIG.model_copy(update={"tokens_per_step": 1})
    assert training_memory(SHAPE, Adaptation(full=Full()), few, gpu=True, bf16=True) == 12 * 2_500 + 14_000


def test_each_of_several_processes_holds_a_part():
    four = CONFIG.model_copy(update={"processes": 4, "tokens_per_step": 32})
    assert training_memory(SHAPE, Adaptation(lora=Lora(rank=3)), four, gpu=True, bf16=True) == lora(tokens_per_step=8)


def test_generation_by_hand():
    config = GenerationConfig(max_new_tokens=16, tokens_per_batch=160)
    # Two prompts of 64 tokens with answers of 16. Keys and values of 2 layers: 2 * 4 values of 2 bytes. One layer is
    # copied, and spread over the heads: 2 * (4 + 8) values. Logits: 100 values of 2 + 3 * 4 bytes.
    # What flows while prompts are read is more than both: 128 tokens of 3 * 20 values of 2 bytes and 3 * 10 of 4.
    assert generation_memory(SHAPE, config, gpu=True, bf16=True, prompts=9) == 2 * 2_500 + 160 * 32 + 128 * 240
    assert generation_memory(SHAPE, config, gpu=True, bf16=True, prompts=1) == 2 * 2_500 + 80 * 32 + 64 * 240


def test_a_processor_holds_python_and_its_libraries_as_well():
    on_gpu = lora()
    # Half a gigabyte, 900 bytes a token of the vocabulary, and a quarter more for what autograd keeps (see above).
    expected = (540 << 20) + 100 * 900 + on_gpu + (2 * 32 * 386) // 4
    assert training_memory(SHAPE, Adaptation(lora=Lora(rank=3)), CONFIG, gpu=False, bf16=True) == expected


BATCH = {"max_steps": 2, "tokens_per_device_batch": 256, "max_length": 128, "precision": "bf16"}
GENERATION = {"tokens_per_batch": 1024, "max_new_tokens": 4, "dtype": "bfloat16"}
MEASURED = [
    Setting("training", "gemma-3-270m", BATCH, LORA),
    Setting("training", "smollm2-135m", BATCH, LORA),
    Setting("training", "smollm2-135m", BATCH, FULL),  # of Gemma it takes 7 GB
    Setting("generation", "gemma-3-270m", GENERATION),
    Setting("generation", "smollm2-135m", GENERATION),
]


@pytest.mark.packaged_model
@pytest.mark.parametrize("setting", MEASURED, ids=described)
def test_within_a_fifth_of_what_a_process_takes(setting):
    try:
        packaged_parts(PACKAGED_MODELS[setting.model])
    except ModelUnavailable as error:
        pytest.skip(str(error))
    assert predicted_bytes(setting) == pytest.approx(measured_bytes(setting), rel=0.2)

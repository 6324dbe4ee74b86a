"""Small random models with a byte-level tokenizer, made on the spot."""

from pathlib import Path
from typing import Any

from crosstune.records import Conversation, Message

SPECIAL = ["<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )


def make_model(kind: str, vocabulary: int) -> Any:
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    common: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    if kind == "gemma3":
        # One sliding and one full layer; the window is shorter than the examples of the tests.
        layers = ["sliding_attention", "full_attention"]
        config = Gemma3TextConfig(**common, sliding_window=16, layer_types=layers, query_pre_attn_scalar=8)
        return Gemma3ForCausalLM(config).eval()
    return LlamaForCausalLM(LlamaConfig(**common, tie_word_embeddings=False)).eval()


def save_tiny(folder: Path, kind: str) -> Path:
    tokenizer = make_tokenizer()
    make_model(kind, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def conversation(number: int, question: str, answer: str) -> Conversation:
    messages = (Message("user", question), Message("assistant", answer))
    return Conversation(str(number), messages, "en", "test")


def conversations(count: int = 12) -> list[Conversation]:
    return [conversation(n, f"Say {n}" + "?" * (n % 5), "abc" * (n % 7 + 1) + str(n)) for n in range(count)]

"""Each format against the real template of a model that uses it, and what must hold for every format."""

from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_tokenizers import byte_tokenizer, sentencepiece_like_tokenizer

from crosstune.errors import InvalidData, InvalidStudy
from crosstune.models.chat_formats import (
    CHAT_FORMATS,
    chat_format,
    encode_conversation,
    encode_prompt,
    endings,
    read_answer,
)
from crosstune.records import Ending, Message

QUESTION = Message("user", "  Salut, ça va ?\n")
ANSWER = Message("assistant", " Oui, très bien.\n\nEt toi ? ")
SYSTEM = Message("system", "Be brief.")
ONE_TURN = [QUESTION, ANSWER]
TWO_TURNS = [QUESTION, ANSWER, Message("user", "Bien."), Message("assistant", "Parfait")]

CHATML = byte_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], eos="<|endoftext|>")
GEMMA = byte_tokenizer(["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], bos="<bos>", eos="<eos>", adds_bos=True)
LLAMA_3 = byte_tokenizer(
    ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    bos="<|begin_of_text|>",
    eos="<|end_of_text|>",
    adds_bos=True,
)
LLAMA_2 = byte_tokenizer(["<s>", "</s>"], bos="<s>", eos="</s>", adds_bos=True)
ZEPHYR = byte_tokenizer(["<s>", "</s>"], bos="<s>", eos="</s>")  # its template is used without <s>
LLAMA_2_LEGACY = sentencepiece_like_tokenizer(legacy=True)
LLAMA_2_FIRST = sentencepiece_like_tokenizer(legacy=False)

# Published templates that TRL does not ship. Llama 2: meta-llama/Llama-2-7b-chat-hf; Mistral:
# mistralai/Mistral-7B-Instruct-v0.2; Zephyr: HuggingFaceH4/zephyr-7b-beta. Long error branches are left out.
LLAMA_2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL_TEMPLATE = (
    "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content'] %}\n"
    "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n"
    "{%- endif %}\n\n"
    "{{- bos_token }}\n{%- for message in loop_messages %}\n    {%- if message['role'] == 'user' %}\n"
    "        {%- if loop.first and system_message is defined %}\n"
    "            {{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}\n        {%- else %}\n"
    "            {{- ' [INST] ' + message['content'] + ' [/INST]' }}\n        {%- endif %}\n"
    "    {%- elif message['role'] == 'assistant' %}\n        {{- ' ' + message['content'] + eos_token}}\n"
    "    {%- endif %}\n{%- endfor %}\n"
)
ZEPHYR_TEMPLATE = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + "
    "eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n"
    "{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)


def shipped(name: str) -> str:
    return files("trl").joinpath("chat_templates", f"{name}.jinja").read_text("utf-8")


# (format, tokenizer, template, whether the template takes a system message as we do)
CASES = [
    pytest.param("chatml", CHATML, shipped("qwen2_5"), "always", id="chatml-qwen2.5"),
    pytest.param("gemma", GEMMA, shipped("gemma"), "never", id="gemma-gemma2"),
    pytest.param("gemma", GEMMA, shipped("gemma3"), "both", id="gemma-gemma3"),
    pytest.param("llama-3", LLAMA_3, shipped("llama3"), "both", id="llama-3"),
    pytest.param("llama-2", LLAMA_2, LLAMA_2_TEMPLATE, "both", id="llama-2"),
    pytest.param("llama-2", LLAMA_2_LEGACY, LLAMA_2_TEMPLATE, "both", id="llama-2-legacy-spaces"),
    pytest.param("llama-2", LLAMA_2_FIRST, LLAMA_2_TEMPLATE, "both", id="llama-2-first-space"),
    pytest.param("mistral", LLAMA_2, MISTRAL_TEMPLATE, "both", id="mistral"),
    pytest.param("mistral", LLAMA_2_FIRST, MISTRAL_TEMPLATE, "both", id="mistral-first-space"),
    pytest.param("zephyr", ZEPHYR, ZEPHYR_TEMPLATE, "both", id="zephyr"),
]


@pytest.mark.parametrize(("name", "tokenizer", "template", "system"), CASES)
@pytest.mark.parametrize("turns", [ONE_TURN, TWO_TURNS])
@pytest.mark.parametrize("messages_before", [[], [SYSTEM]])
def test_renders_as_the_real_template(name, tokenizer, template, system, *, turns, messages_before):
    """The tokens are those of the whole string that the real template gives."""
    # One real template refuses a system message, and one makes one up where there is none.
    before = {"never": [], "always": [SYSTEM], "both": messages_before}[system]
    messages = [*before, *turns]
    chat = [{"role": message.role, "content": message.content} for message in messages]
    real = tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False)
    encoded = encode_conversation(chat_format(name), tokenizer, messages)
    assert encoded.input_ids == tokenizer.encode(real, add_special_tokens=False)
    real_prompt = tokenizer.apply_chat_template(
        chat[:-1], chat_template=template, tokenize=False, add_generation_prompt=True
    )
    prompt = encode_prompt(chat_format(name), tokenizer, messages[:-1])
    assert prompt == tokenizer.encode(real_prompt, add_special_tokens=False)


@pytest.mark.parametrize(
    ("name", "tokenizer", "learned"),
    [
        # The answer and its end mark; after it, a line break is not learned, as the model never has to write it.
        ("chatml", CHATML, " Oui, très bien.\n\nEt toi ? <|im_end|>"),
        ("gemma", GEMMA, "Oui, très bien.\n\nEt toi ?<end_of_turn>"),
        ("llama-3", LLAMA_3, "Oui, très bien.\n\nEt toi ?<|eot_id|>"),
        ("llama-2", LLAMA_2, " Oui, très bien.\n\nEt toi ? </s>"),
        ("mistral", LLAMA_2, "  Oui, très bien.\n\nEt toi ? </s>"),
        ("zephyr", ZEPHYR, " Oui, très bien.\n\nEt toi ? </s>"),
    ],
)
def test_learns_the_answer_and_its_end(name, tokenizer, learned):
    encoded = encode_conversation(chat_format(name), tokenizer, [SYSTEM, *TWO_TURNS])
    texts, run = [], []
    for token, is_learned in zip(encoded.input_ids, encoded.learned, strict=True):
        if is_learned:
            run.append(token)
        elif run:
            texts.append(tokenizer.decode(run))
            run = []
    texts += [tokenizer.decode(run)] if run else []
    assert len(texts) == 2
    assert texts[0] == learned
    assert "Parfait" in texts[1]
    assert not any(word in "".join(texts) for word in ("Salut", "Bien.", "brief", "user"))


def templated(template: str, like):
    tokenizer = byte_tokenizer(list(like.added_tokens_encoder), bos=like.bos_token, eos=like.eos_token)
    tokenizer.chat_template = template
    return tokenizer


OWN_TEMPLATES = [
    pytest.param(templated(shipped("qwen2_5"), CHATML), "chatml", id="qwen2.5"),
    pytest.param(templated(shipped("gemma3"), GEMMA), "gemma", id="gemma3"),
    pytest.param(templated(shipped("llama3"), LLAMA_3), "llama-3", id="llama3"),
    pytest.param(templated(LLAMA_2_TEMPLATE, LLAMA_2), "llama-2", id="llama2"),
]


@pytest.mark.parametrize(("tokenizer", "same_as"), OWN_TEMPLATES)
def test_the_models_own_template_agrees_with_the_format_written_out(tokenizer, same_as):
    messages = [SYSTEM, *TWO_TURNS]
    own = encode_conversation(chat_format("model", tokenizer), tokenizer, messages)
    written = encode_conversation(chat_format(same_as), tokenizer, messages)
    assert own == written
    assert encode_prompt(chat_format("model"), tokenizer, messages[:-1]) == encode_prompt(
        chat_format(same_as), tokenizer, messages[:-1]
    )
    assert endings(chat_format("model"), tokenizer).end_ids == endings(chat_format(same_as), tokenizer).end_ids


def test_a_template_that_rewrites_earlier_turns_is_refused():
    """Here an answer loses its text once another turn follows, as thinking models drop their thoughts."""
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last or m.role == 'user' %}{{ m.content }}"
        "{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = templated(template, CHATML)
    encode_conversation(chat_format("model"), tokenizer, ONE_TURN)
    with pytest.raises(InvalidStudy, match="renders earlier turns differently"):
        encode_conversation(chat_format("model"), tokenizer, TWO_TURNS)


def test_a_template_that_refuses_a_system_message_says_so():
    tokenizer = templated(shipped("gemma"), GEMMA)
    with pytest.raises(InvalidStudy, match=r"refuses the conversation.*System role not supported"):
        encode_prompt(chat_format("model"), tokenizer, [SYSTEM, QUESTION])


def test_a_tokenizer_without_template_is_refused_with_a_way_out():
    with pytest.raises(InvalidStudy, match="no chat template of its own; choose another chat format, such as chatml"):
        chat_format("model", CHATML)


ALL = [
    ("chatml", CHATML),
    ("chatml", GEMMA),
    ("chatml", LLAMA_2_LEGACY),
    ("chatml", LLAMA_2_FIRST),
    ("gemma", GEMMA),
    ("gemma", CHATML),
    ("llama-2", LLAMA_2),
    ("llama-2", LLAMA_2_LEGACY),
    ("llama-2", LLAMA_2_FIRST),
    ("llama-3", LLAMA_3),
    ("mistral", LLAMA_2_FIRST),
    ("mistral", GEMMA),
    ("zephyr", ZEPHYR),
    ("model", templated(shipped("qwen2_5"), CHATML)),
    ("model", templated(shipped("gemma3"), GEMMA)),
]
CONTENT = st.text(
    alphabet=st.one_of(st.sampled_from("aH \n[]<>|/"), st.sampled_from("éçяж你😀")), min_size=0, max_size=12
)
FORGED = ["<|im_end|>", "<|im_start|>", "<end_of_turn>", "</s>", "<s>", "<eos>", "<|eot_id|>", "<bos>", "[/INST]"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    which=st.sampled_from(ALL),
    contents=st.lists(CONTENT, min_size=2, max_size=4),
    forged=st.sampled_from(["", *FORGED]),
    system=st.booleans(),
)
def test_a_conversation_begins_with_its_prompt_and_content_is_never_control(which, contents, forged, system):
    name, tokenizer = which
    fmt = chat_format(name)
    contents = contents[: len(contents) // 2 * 2]
    roles = ["user", "assistant"] * (len(contents) // 2)
    messages = [Message(role, content + forged) for role, content in zip(roles, contents, strict=True)]
    if system:
        messages.insert(0, Message("system", f"Be brief{forged}."))
    encoded = encode_conversation(fmt, tokenizer, messages)
    prompt = encode_prompt(fmt, tokenizer, messages[:-1])
    assert encoded.input_ids[: len(prompt)] == prompt
    assert not any(encoded.learned[len(prompt) - 1 : len(prompt)])
    # As many special tokens as in the same conversation of harmless words: none came from the content.
    harmless = [Message(message.role, "word") for message in messages]
    special = set(tokenizer.added_tokens_decoder) - {tokenizer.unk_token_id}
    count = sum(token in special for token in encoded.input_ids)
    assert count == sum(token in special for token in encode_conversation(fmt, tokenizer, harmless).input_ids)


@settings(max_examples=100, deadline=None)
@given(which=st.sampled_from([case for case in ALL if case[1].unk_token is None]), content=CONTENT)
def test_an_answer_is_read_back_as_it_was_encoded(which, content):
    """From the tokens after the prompt, an answer comes back but for white space around it."""
    name, tokenizer = which
    fmt, content = chat_format(name), f"{content}."
    question = Message("user", "Hi")
    encoded = encode_conversation(fmt, tokenizer, [question, Message("assistant", content)]).input_ids
    generated = encoded[len(encode_prompt(fmt, tokenizer, [question])) :]
    text, ending = read_answer(fmt, tokenizer, generated, reached_limit=False)
    assert text == content.strip()
    spelled = not endings(fmt, tokenizer).end_ids
    assert ending is (Ending.STOP_STRING if spelled else Ending.END_TOKEN)


def ids(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize(
    ("name", "tokenizer", "generated", "reached_limit", "text", "ending"),
    [
        ("gemma", GEMMA, "Bonjour.<end_of_turn>\n", False, "Bonjour.", Ending.END_TOKEN),
        # A base model ends with the token of its pretraining; that is no fault.
        ("gemma", GEMMA, "Bonjour.<eos>", False, "Bonjour.", Ending.END_OF_TEXT),
        ("llama-3", LLAMA_3, "Bonjour.<|end_of_text|>", False, "Bonjour.", Ending.END_OF_TEXT),
        # In these formats the end of text is the end of turn.
        ("llama-2", LLAMA_2, " Bonjour. </s>", False, "Bonjour.", Ending.END_TOKEN),
        ("zephyr", ZEPHYR, "Bonjour.</s>", False, "Bonjour.", Ending.END_TOKEN),
        # No such special token in this tokenizer: the mark is spelled out.
        ("chatml", GEMMA, "Bonjour.<|im_end|>\n<|im_start|>user\nEt", True, "Bonjour.", Ending.STOP_STRING),
        ("zephyr", ZEPHYR, "Bonjour.\n<|user|>\nEt", True, "Bonjour.", Ending.STOP_STRING),
        ("llama-2", LLAMA_2, " Bonjour. [INST] Et", False, "Bonjour.", Ending.STOP_STRING),
        # The next turn begins without an end mark.
        ("gemma", GEMMA, "Bonjour.\n<start_of_turn>user\nEt", True, "Bonjour.", Ending.STOP_STRING),
        ("chatml", CHATML, "Bonjour", True, "Bonjour", Ending.LENGTH),
        ("chatml", CHATML, "", False, "", Ending.END_OF_TEXT),
        ("chatml", CHATML, "<|im_end|>", False, "", Ending.END_TOKEN),
    ],
)
def test_reads_answers(name, tokenizer, generated, *, reached_limit, text, ending):
    answer = read_answer(chat_format(name), tokenizer, ids(tokenizer, generated), reached_limit=reached_limit)
    assert answer == (text, ending)


def test_an_answer_cut_inside_a_character_has_no_broken_end():
    """The emoji is four bytes, each a token here; three of them are no character."""
    tokens = ids(CHATML, "ok 😀")[:-1]
    assert read_answer(chat_format("chatml"), CHATML, tokens, reached_limit=True) == ("ok", Ending.LENGTH)


def test_an_answer_begins_with_a_token_of_its_own():
    """Prompt and answer have a line break each where they meet, and two are one token: the prompt must not change."""
    encoded = encode_conversation(chat_format("chatml"), CHATML, [Message("user", "Hi"), Message("assistant", "\nHi")])
    first = encoded.learned.index(True)
    assert CHATML.decode(encoded.input_ids[:first]).endswith("assistant\n")
    assert CHATML.decode(encoded.input_ids[first:]).startswith("\nHi")


@pytest.mark.parametrize("name", CHAT_FORMATS)
@pytest.mark.parametrize("roles", [[], ["assistant"], ["user", "user"], ["user", "system"], ["system"]])
def test_roles_out_of_order_are_refused(name, roles):
    with pytest.raises(InvalidData, match="messages in the order"):
        encode_prompt(CHAT_FORMATS[name], CHATML, [Message(role, "x") for role in roles])


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(InvalidStudy, match=r"study\.yaml:4: 'llama2' is not a chat format; did you mean 'llama-2'\?"):
        chat_format("llama2", where="study.yaml:4")

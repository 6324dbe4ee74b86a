"""Is an answer about what was asked? Its closeness to its own prompt, against its closeness to other prompts.

The share of other prompts of the same language that lie farther from the answer than its own, by cosine between vectors
of a multilingual sentence encoder (`text.embed`). A rank among real prompts needs no threshold of closeness, which
would differ by language and length. The measure is the mean percentile rank of retrieval, turned into a score of
answers, as AlignScore's and BERTScore's kin are not: it asks for the topic and nothing else.

Weak points: it knows topics, not quality, truth or length. A fluent answer to a neighbouring question ranks high, as
does the prompt repeated (`degeneration` tells that); refusals and answers that fit everything rank anywhere. It is
worth as much as the other prompts are different: among near-duplicates the rank is chance, which is why versions of the
same prompt are left out.
"""

from collections import defaultdict
from collections.abc import Sequence

from crosstune.records import Reason, instruction_of
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import Context
from crosstune.scoring.measure import Measure, measured, unmeasured
from crosstune.scoring.scorer import Scorer
from crosstune.text.embed import CHARACTERS_EMBEDDED, embed_once, encoder_identity, encoder_languages

LEAST_OTHERS = 10
"""Other prompts that are needed; with fewer, one of them more or less would move the score by more than 0.1."""

_SAME = 1e-6
"""Cosines that differ by less are equal: the last digits of single precision."""
_CHARACTERS_SHOWN = 60


def relevance(answers: Sequence[Answer], context: Context) -> list[Measure]:
    """How near each answer is to its own prompt: 1.0 is nearer than to any other."""
    by_language: dict[str, list[int]] = defaultdict(list)
    for place, answer in enumerate(answers):
        by_language[answer.language].append(place)
    found: dict[int, Measure] = {}
    for language, places in by_language.items():
        of_language = [answers[place] for place in places]
        found.update(zip(places, _in_language(of_language, language, context), strict=True))
    return [found[place] for place in range(len(answers))]


def _in_language(answers: Sequence[Answer], language: str, context: Context) -> list[Measure]:
    if not supports(language):
        return [unmeasured(Reason.UNSUPPORTED_LANGUAGE, f"prompt in '{language}'")] * len(answers)
    prompts = context.prompts.get(language, ())
    if len(prompts) < LEAST_OTHERS:
        return [unmeasured(Reason.NO_REFERENCE)] * len(answers)
    vectors = embed_once([text for _, text in prompts])
    bases = [instruction_of(prompt_id) for prompt_id, _ in prompts]
    texts = [text.strip() for _, text in prompts]
    found: list[Measure] = []
    for answer in answers:
        own = answer.prompt[:CHARACTERS_EMBEDDED].strip()
        base = instruction_of(answer.prompt_id)
        others = [
            place
            for place, (its_base, text) in enumerate(zip(bases, texts, strict=True))
            if text != own and (not base or its_base != base)
        ]
        if not own or len(others) < LEAST_OTHERS:
            found.append(unmeasured(Reason.NO_REFERENCE))
            continue
        vector, own_vector = embed_once([answer.seen.text, own])
        nearness = vectors[others] @ vector
        distance = float(own_vector @ vector) - nearness
        share = float((distance > _SAME).mean() + (abs(distance) <= _SAME).mean() / 2)
        nearest = int(nearness.argmax())
        if distance[nearest] < -_SAME:
            prompt_id, text = prompts[others[nearest]]
            found.append(measured(share, prompt_id or text[:_CHARACTERS_SHOWN]))
        else:
            found.append(measured(share))
    return found


def supports(code: str) -> bool:
    """Whether the encoder knows a language."""
    return code in encoder_languages()


RELEVANCE = Scorer(
    facet="relevance",
    version=1,
    measure=relevance,
    supports=supports,
    identity=encoder_identity,
    cost="embedding",
)

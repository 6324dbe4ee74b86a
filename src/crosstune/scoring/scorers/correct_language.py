"""Is an answer in the language that was asked for? Fails closed: what cannot be told is a reason, never a pass.

Two detectors must agree (lid.176, Joulin et al., arXiv 1607.01759, and ELD), part by part, and words, letters and close
relatives must not speak against it: `text.verdict` has the rule. Foreign words and sentences in an answer (the paper's
"mostly right") do not change the verdict; they are for `code_switching` and `line_pass` to count.

Left out: code, addresses, markup, lines quoted with `>` where there is other text, and the prompt where the answer says
it again.

Weak points: answers of one or two words, and lists of names, get no verdict; nor does text of which neither language
has three fifths. Close relatives without a word or letter of their own in the text are `undetermined`.
"""

import re
from collections.abc import Sequence

from crosstune.languages import languages
from crosstune.records import Reason
from crosstune.scoring.answer import Answer
from crosstune.scoring.context import Context
from crosstune.scoring.measure import Measure, measured, unmeasured
from crosstune.scoring.scorer import Scorer
from crosstune.text.prose import letter_count, running_text
from crosstune.text.verdict import LEAST_LETTERS, Verdict, verdict_identity, verdicts

LEAST_LETTERS_OF_ECHO = 20
"""A prompt with fewer, such as one word, may stand in an answer by chance."""
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>.*$", re.MULTILINE)


def own_text(answer: Answer) -> str:
    """The running text of an answer without what it only quotes."""
    seen = answer.seen.text
    text = running_text(_QUOTED_LINE.sub("", seen)) if ">" in seen else running_text(seen)
    if ">" in seen and letter_count(text) < LEAST_LETTERS:
        text = running_text(seen)  # nothing but a quotation, or an arrow before each line
    prompt = running_text(answer.prompt) if answer.prompt else ""
    if len(prompt) >= LEAST_LETTERS_OF_ECHO and prompt in text and letter_count(prompt) >= LEAST_LETTERS_OF_ECHO:
        text = " ".join(text.replace(prompt, " ").split())
    return text


def correct_language(answers: Sequence[Answer], context: Context) -> list[Measure]:
    """Whether each answer is in its requested language; the detail is the language that it is most likely in."""
    texts = [own_text(answer) for answer in answers]
    found = verdicts(texts, [answer.requested_language for answer in answers])
    return [_measure(verdict, text) for verdict, text in zip(found, texts, strict=True)]


def _measure(verdict: Verdict, text: str) -> Measure:
    if verdict.is_right is not None:
        return measured(verdict.is_right, verdict.language)
    if letter_count(text) < LEAST_LETTERS:
        return unmeasured(Reason.TOO_SHORT)
    return unmeasured(Reason.UNDETERMINED, verdict.language)


def supports(code: str) -> bool:
    """Whether the detectors know a language."""
    return code in languages() and bool(languages()[code].lid176)


CORRECT_LANGUAGE = Scorer(
    facet="correct_language",
    version=3,
    measure=correct_language,
    supports=supports,
    identity=verdict_identity,
)

"""Tables like those that a small study leaves, made without a model."""

from dataclasses import replace

import numpy as np
import polars as pl

from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA, StudyTables
from crosstune.records import Ending, Message, Prompt, Response, Score
from crosstune.storage.tables import to_frame

QUESTIONS = {
    "en": [
        "Explain the rules of table tennis to a beginner.",
        "What can I cook with two eggs and an old loaf of bread?",
        "Write a short e-mail that asks a neighbour to water my plants.",
        "Why is the sky blue in the daytime and red in the evening?",
        "Suggest five things to do in a town by the sea in winter.",
        "How do I get a stain of red wine out of a carpet?",
    ],
    "fr": [
        "Explique les règles du tennis de table à un débutant.",
        "Que puis-je cuisiner avec deux œufs et un vieux pain ?",
        "Écris un court e-mail pour demander à un voisin d'arroser mes plantes.",
        "Pourquoi le ciel est-il bleu le jour et rouge le soir ?",
        "Propose cinq choses à faire en hiver dans une ville au bord de la mer.",
        "Comment enlever une tache de vin rouge d'un tapis ?",
    ],
    "pt": [
        "Explique as regras do tênis de mesa para um iniciante.",
        "O que posso cozinhar com dois ovos e um pão velho?",
        "Escreva um e-mail curto pedindo a um vizinho que regue minhas plantas.",
        "Por que o céu é azul de dia e vermelho ao entardecer?",
        "Sugira cinco coisas para fazer no inverno em uma cidade à beira-mar.",
        "Como tiro uma mancha de vinho tinto de um tapete?",
    ],
    "ru": [
        "Объясни новичку правила настольного тенниса.",
        "Что можно приготовить из двух яиц и чёрствого хлеба?",
        "Напиши короткое письмо соседу с просьбой полить мои цветы.",
        "Почему днём небо голубое, а вечером красное?",
        "Предложи пять занятий зимой в городе у моря.",
        "Как вывести пятно красного вина с ковра?",
    ],
    "ar": [
        "اشرح قواعد تنس الطاولة لشخص مبتدئ.",
        "ماذا يمكنني أن أطبخ ببيضتين وخبز قديم؟",
        "اكتب رسالة قصيرة تطلب فيها من الجار أن يسقي نباتاتي.",
        "لماذا تكون السماء زرقاء في النهار وحمراء في المساء؟",
        "اقترح خمسة أشياء يمكن فعلها شتاءً في مدينة على البحر.",
        "كيف أزيل بقعة نبيذ أحمر من السجادة؟",
    ],
}
ANSWERS = {
    "en": "Start with the simplest step: take your time, look at what you have, and do one thing after the other. "
    "1. Prepare everything. 2. Try it once without hurry. 3. Ask someone to check.",
    "fr": "Commencez par l'étape la plus simple : prenez votre temps, regardez ce que vous avez et faites une chose "
    "après l'autre. 1. Préparez tout. 2. Essayez une fois sans vous presser.",
    "pt": "Comece pelo passo mais simples: vá com calma, veja o que você tem e faça uma coisa de cada vez. "
    "1. Prepare tudo. 2. Experimente uma vez sem pressa.",
    "ru": "Начните с самого простого шага: не торопитесь, посмотрите, что у вас есть, и делайте всё по порядку. "
    "1. Подготовьте всё. 2. Попробуйте один раз не спеша.",
    "ar": "ابدأ بأبسط خطوة: خذ وقتك، وانظر إلى ما لديك، وافعل شيئًا بعد آخر. 1. جهّز كل شيء. 2. جرّب مرة (DIY).",
    "es": "Empiece por el paso más sencillo: tómese su tiempo y haga una cosa después de otra.",
}
TASKS = ["sport", "recipe", "email", "why", "travel", "household"]

LEVELS = {None: 0.78, 5e-4: 0.7, 5e-3: 0.06}
"""Share of answers in the right language outside English, by learning rate; None is the untuned base."""


def cells(rates=(5e-4, 5e-3), *, seeds=(0,), base=True, adaptation="lora r16") -> pl.DataFrame:
    rows = [("base", "gemma-3-270m", "", "none", None, None, False)] if base else []
    rows += [
        (f"lr-{rate:g}-s{seed}", "gemma-3-270m", "starter-en-200", adaptation, rate, seed, True)
        for rate in rates
        for seed in seeds
    ]
    return pl.DataFrame(rows, schema=CELLS_SCHEMA, orient="row")


def curves(frame: pl.DataFrame, *, steps: int = 16) -> pl.DataFrame:
    rows = []
    for run, rate in frame.filter(pl.col("tuned")).select("run", "learning_rate").iter_rows():
        draw = np.random.default_rng(len(rows))
        for step in range(1, steps + 1):
            loss = 1.6 + 1.4 / (1 + step * (rate / 5e-4) ** 0.4 / 4) + draw.normal(0, 0.05)
            rows.append((run, step, step * 768, rate * (1 - 0.9 * step / steps), loss, 1.0 + draw.random(), step * 8.1))
    return pl.DataFrame(rows, schema=CURVES_SCHEMA, orient="row")


def study_tables(
    languages=("en", "fr", "pt", "ru"),
    *,
    prompts: int = 24,
    modifiers=("none", "short"),
    cells_frame: pl.DataFrame | None = None,
    levels=LEVELS,
    empty_share: float = 0.03,
    with_curves: bool = True,
    text=None,
    seed: int = 0,
) -> StudyTables:
    """Prompts, answers and scores with a known effect: the higher the rate, the more answers fall into English.

    Args:
        text: function of (language found, language asked, number) giving an answer's text; None for plausible ones.
    """
    draw = np.random.default_rng(seed)
    frame = cells() if cells_frame is None else cells_frame
    all_prompts, responses, scores = [], [], []
    for language in languages:
        for number in range(prompts):
            for modifier in modifiers:
                suffix = "" if modifier == "none" else f"+{modifier}"
                prompt = Prompt(
                    id=f"everyday/{TASKS[number % 6]}-{number // 6 + 1}{suffix}",
                    set="everyday",
                    task=TASKS[number % 6],
                    language=language,
                    requested_language=language,
                    messages=(Message("user", QUESTIONS[language][number % 6] + (" (…)" if suffix else "")),),
                    modifiers=(modifier,),
                )
                all_prompts.append(prompt)
    for run, rate, tuned in frame.select("run", "learning_rate", "tuned").iter_rows():
        share = levels[rate if tuned else None]
        for number, prompt in enumerate(all_prompts):
            roll = draw.random()
            asked = prompt.language
            right = asked == "en" or draw.random() < share
            found = asked if right else ("en" if draw.random() < 0.85 else "es")
            answer = ANSWERS[found] if text is None else text(found, asked, number)
            score = Score(
                run, prompt.id, asked, asked, "scorer:correct_language", "correct_language", float(right), detail=found
            )
            ending = Ending.LENGTH if draw.random() < 0.5 else Ending.END_TOKEN
            if roll < empty_share:
                answer, ending = "", Ending.END_TOKEN
                score = replace(score, value=None, reason="empty", detail="")
            elif roll < empty_share * 1.5:
                score = replace(score, value=None, reason="undetermined", detail="")
            responses.append(Response(run, prompt.id, asked, answer, ending, 31, 40 if answer else 1, 0.7))
            scores.append(score)
    return StudyTables(
        cells=frame,
        prompts=to_frame(Prompt, all_prompts),
        responses=to_frame(Response, responses),
        scores=to_frame(Score, scores),
        curves=curves(frame) if with_curves else pl.DataFrame(),
    )

"""How often 95 % intervals hold the truth, tests err, and choices find the best: simulated studies of known truth.

python -m benchmarks.analysis_coverage              60 prompts, 1000 studies a row: some minutes
python -m benchmarks.analysis_coverage --studies 200
"""

import argparse
import time

import numpy as np
import polars as pl

from crosstune.analysis.choices import CRITERIA, compare_choices
from crosstune.analysis.paired_values import PairedValues
from crosstune.analysis.ratios import ratio_interval
from crosstune.analysis.significance import holm, sign_flip_p_values
from crosstune.analysis.tables import CELLS_SCHEMA, CURVES_SCHEMA, StudyTables
from crosstune.records import Score
from crosstune.storage.tables import to_frame

DRAWS = 1000
"""Resamples; the default of 4000 changes coverage by less than the error of this simulation."""
HARDNESS = 1.0
"""Standard deviation of how hard a prompt is, in log odds: what makes answers to a prompt alike."""


def logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def offset(level: float, spread: float = HARDNESS) -> float:
    """The log odds of a prompt of middling hardness at which the mean over prompts is this level."""
    points, weights = np.polynomial.hermite_e.hermegauss(41)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = (weights * logistic(middle + spread * points)).sum() / weights.sum()
        low, high = (middle, high) if mean < level else (low, middle)
    return (low + high) / 2


def study(levels: list[list[float]], prompts: int, draw: np.random.Generator, missing: float = 0.0) -> PairedValues:
    """Answers that are right or wrong.

    Args:
        levels: true ones; units × languages.
        prompts: how many.
        draw: where chance comes from.
        missing: share of answers without a value.
    """
    hard = draw.normal(0, HARDNESS, prompts)
    odds = np.array([[offset(level) for level in row] for row in levels])
    values = (draw.random((*odds.shape, prompts)) < logistic(odds[..., None] + hard)).astype(np.float64)
    values[draw.random(values.shape) < missing] = np.nan
    codes = ("en", "fr", "ru", "pt")[: odds.shape[1]]
    names = tuple(str(number) for number in range(len(levels)))
    return PairedValues(
        "correct_language", "", names, codes, tuple(map(str, range(prompts))), tuple(range(prompts)), values,
        (0.0, 1.0), int(draw.integers(2**31)), DRAWS,
    )  # fmt: skip


def covers(interval, truth: float) -> bool:
    return interval.low is not None and interval.low - 1e-12 <= truth <= interval.high + 1e-12


def coverage(prompts: int, studies: int, seed: int) -> None:
    print(f"\n95 % intervals, {prompts} prompts, {studies} studies each; an error of one standard deviation is "
          f"{np.sqrt(0.95 * 0.05 / studies):.3f}\n")  # fmt: skip
    print("| what | truth | covered | all below it | all above it | mean width |\n|---|---|---|---|---|---|")
    for name, truth, levels, missing, asked in ROWS:
        draw = np.random.default_rng(seed)
        found = [asked(study(levels, prompts, draw, missing)) for _ in range(studies)]
        known = [interval for interval in found if interval.low is not None]
        held = np.mean([covers(interval, truth) for interval in known])
        below = np.mean([interval.high < truth for interval in known])
        above = np.mean([interval.low > truth for interval in known])
        width = np.mean([interval.high - interval.low for interval in known])
        print(f"| {name} | {truth:.3f} | {held:.3f} | {below:.3f} | {above:.3f} | {width:.3f} |", flush=True)


def level(values: PairedValues):
    cells = values.bootstrap(values.of("0"), values.scale)
    return cells.interval(np.full(len(values.languages), 1 / len(values.languages)))


def gap(values: PairedValues):
    (pair,) = values.english_pairs("en")
    return pair.difference(list(range(1, len(values.languages))))


def difference(values: PairedValues):
    (pair,) = values.pairs([("0", "1")])
    return pair.difference(list(range(len(values.languages))))


def ratio(values: PairedValues):
    (pair,) = values.pairs([("0", "1")])
    every = list(range(len(values.languages)))
    return ratio_interval(pair.sides, pair.coefficients(1.0, 0.0, every), pair.coefficients(0.0, 1.0, every))


ROWS = [
    ("level", 0.5, [[0.5]], 0.0, level),
    ("level", 0.8, [[0.8]], 0.0, level),
    ("level", 0.95, [[0.95]], 0.0, level),
    ("mean of four languages", 0.7, [[0.7] * 4], 0.0, level),
    ("mean of four languages, a tenth unrated", 0.7, [[0.7] * 4], 0.1, level),
    ("gap", 0.25, [[0.95, 0.7]], 0.0, gap),
    ("gap", 0.4, [[0.9, 0.5]], 0.0, gap),
    ("gap, a tenth unrated", 0.4, [[0.9, 0.5]], 0.1, gap),
    ("gap to three languages", 0.3, [[0.9, 0.8, 0.6, 0.4]], 0.0, gap),
    ("no gap, both high", 0.0, [[0.97, 0.97]], 0.0, gap),
    ("paired difference", 0.1, [[0.8], [0.7]], 0.0, difference),
    ("paired difference, a tenth unrated", 0.1, [[0.8], [0.7]], 0.1, difference),
    ("paired difference of four languages", 0.1, [[0.8] * 4, [0.7] * 4], 0.0, difference),
    ("no paired difference", 0.0, [[0.6], [0.6]], 0.0, difference),
    ("retention, ratio", 0.5, [[0.4], [0.8]], 0.0, ratio),
    ("retention, ratio of four languages", 0.75, [[0.6] * 4, [0.8] * 4], 0.0, ratio),
]


def errors(prompts: int, studies: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    single, family, power = [], [], []
    for _ in range(studies):
        values = study([[0.7] * 4] * 5, prompts, draw)
        names = [(str(one), str(other)) for one in range(5) for other in range(one)]
        differences = np.stack([pair.by_instruction([0, 1, 2, 3]) for pair in values.pairs(names)], axis=1)
        p_values = sign_flip_p_values(differences, generator=draw, flips=2000)
        single.append((p_values < 0.05).mean())
        family.append(min(holm(p_values.tolist())) < 0.05)
        values = study([[0.8] * 4, [0.7] * 4], prompts, draw)
        (pair,) = values.pairs([("0", "1")])
        power.append(
            sign_flip_p_values(pair.by_instruction([0, 1, 2, 3])[:, None], generator=draw, flips=2000)[0] < 0.05
        )
    print(f"\nSign flips, {prompts} prompts in four languages, {studies} studies, level .05:\n")
    print(f"- a pair without a difference is rejected in {np.mean(single):.3f}")
    print(f"- any of ten such pairs, after Holm, in {np.mean(family):.3f}")
    print(f"- a difference of .8 and .7 is found in {np.mean(power):.3f}")


LADDER = [(1.0, 0.95, 0.9), (1.0, 0.93, 0.85), (1.0, 0.8, 0.6), (1.0, 0.6, 0.4), (1.0, 0.3, 0.2)]
"""True levels in English, French and Russian by learning rate: English tells nothing, and the loss falls on."""


def selection(prompts: int, studies: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    best = dict.fromkeys(CRITERIA, 0)
    regret: dict[str, list[float]] = {criterion: [] for criterion in CRITERIA}
    stability: dict[str, list[float]] = {criterion: [] for criterion in CRITERIA}
    for number in range(studies):
        choices = compare_choices(_tables(prompts, draw), seed=number)
        for pick in choices.picks:
            taken = [int(label.split("-")[-1]) for label in pick.taken]  # lr 1e-5 is the first
            places = [5 - place for place in taken]
            best[pick.criterion] += places == [0]
            regret[pick.criterion].append(np.mean([np.mean(LADDER[0]) - np.mean(LADDER[place]) for place in places]))
            if pick.stability is not None:
                stability[pick.criterion].append(pick.stability)
    print(f"\nFive learning rates, {prompts} prompts in three languages, {studies} studies\n")
    print("| chosen by | best found | true regret in the mean | mean stability |\n|---|---|---|---|")
    for criterion in CRITERIA:
        stable = f"{np.mean(stability[criterion]):.2f}" if stability[criterion] else ""
        print(f"| {criterion} | {best[criterion] / studies:.2f} | {np.mean(regret[criterion]):.3f} | {stable} |")
    wins = []
    for _ in range(20 * studies):
        values = study([list(row) for row in LADDER], prompts, draw).values.mean(axis=2).mean(axis=1)
        wins.append(values[0] > values[1:].max() + 1e-9)
    share, of = np.mean(wins), 20 * studies
    print(f"\nIn {share:.3f} of {of} such studies the best has the highest mean, untied: what the mean can find.")


def _tables(prompts: int, draw: np.random.Generator) -> StudyTables:
    values = study([list(row) for row in LADDER], prompts, draw).values
    cells = [
        {"run": f"r{i}", "base_model": "b", "instructions": "i", "adaptation": "lora", "learning_rate": 10.0 ** (i - 5),
         "seed": 0, "tuned": True} for i in range(len(LADDER))
    ]  # fmt: skip
    scores = [
        Score(f"r{unit}", f"p/{prompt}", code, code, "scorer:correct_language", "correct_language", float(value))
        for unit, by_language in enumerate(values)
        for code, row in zip(("en", "fr", "ru"), by_language, strict=True)
        for prompt, value in enumerate(row)
    ]
    curves = [(f"r{i}", 1, 100, 1e-4, 3.0 - i / 10, 1.0, 1.0) for i in range(len(LADDER))]
    frame = pl.DataFrame(cells, schema_overrides=dict(CELLS_SCHEMA))
    losses = pl.DataFrame(curves, schema=CURVES_SCHEMA, orient="row")
    return StudyTables(frame, pl.DataFrame(), pl.DataFrame(), to_frame(Score, scores), losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    coverage(arguments.prompts, arguments.studies, arguments.seed)
    errors(arguments.prompts, max(50, arguments.studies // 2), arguments.seed + 1)
    selection(arguments.prompts, max(20, arguments.studies // 10), arguments.seed + 2)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

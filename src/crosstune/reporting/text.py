"""How numbers, languages and untrusted text are shown."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from crosstune.analysis.facets import Facet
from crosstune.languages import languages

NOTHING = "–"

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_QUOTED = re.compile("“([^”]{1,40})”")
_SURROGATES = re.compile("[\ud800-\udfff]")


def visible(text: str) -> Markup:
    """Untrusted text, escaped, with characters that could hide or reverse it made visible.

    Control characters, bidirectional overrides and the like are shown as their code point. The marks U+200E and U+200F
    stay: they belong to ordinary text in scripts written from right to left.
    """
    text = _SURROGATES.sub("\ufffd", text.replace("\r\n", "\n"))

    def name(match: re.Match[str]) -> str:
        code = f"U+{ord(match[0]):04X}"
        return f'<span class="control" title="a control character in the answer">{code}</span>'

    return Markup(_CONTROLS.sub(name, str(escape(text))))


def unbroken(sentence: str) -> Markup:
    """A sentence in which names in quotation marks do not break over lines, unless they are long."""
    return Markup(_QUOTED.sub(r'“<span class="whole">\1</span>”', str(escape(sentence))))


def label(name: str) -> Markup:
    """The label of a configuration, which breaks only between its parts."""
    parts = [
        Markup('<span class="whole">{}</span>').format(part) if len(part) <= 24 else part for part in name.split(", ")
    ]
    return Markup(", ").join(parts)


def language_name(code: str | None) -> str:
    """English name of a language, or its code when the table does not have it."""
    known = languages().get(code or "")
    return known.name if known else code or NOTHING


def direction(code: str | None) -> str:
    """`ltr` or `rtl` by the table of languages; `auto` (by its first strong letter) when not known."""
    known = languages().get(code or "")
    return known.direction if known else "auto"


def percent(value: float) -> str:
    """A share as a percentage without decimals, and no 100 % or 0 % where that is not exactly so."""
    rounded = round(100 * value)
    if rounded == 100 and value < 1:
        return ">99\u00a0%"
    if rounded == 0 and value > 0:
        return "<1\u00a0%"
    return f"{rounded}\u00a0%"


def level(value: float | None, facet: Facet) -> str:
    """A level on the facet's scale."""
    if value is None:
        return NOTHING
    return percent(value) if facet.is_share else f"{value:.2f}"


def bounds(low: float | None, high: float | None, facet: Facet) -> str:
    """An interval on the facet's scale, without unit; empty when there is none."""
    if low is None or high is None:
        return ""
    if facet.is_share:
        return f"{round(100 * low)}–{round(100 * high)}"
    return f"{low:.2f}–{high:.2f}"


def points(value: float | None, facet: Facet) -> str:
    """A difference of levels as a bare number: percentage points for a share."""
    if value is None:
        return NOTHING
    shown = f"{round(100 * value)}" if facet.is_share else f"{value:.2f}"
    return shown.replace("-", "−") if float(shown) else shown.lstrip("-")


def points_range(low: float | None, high: float | None, facet: Facet) -> str:
    """An interval of a difference, such as `−3 to 12`; empty when there is none."""
    return "" if low is None or high is None else f"{points(low, facet)} to {points(high, facet)}"


def difference(value: float | None, facet: Facet) -> str:
    """A difference with what it is counted in: `1 point`, `40 points`, `0.30 of its scale`."""
    shown = points(value, facet)
    return f"{shown} {'point' if shown in ('1', '−1') else 'points'}" if facet.is_share else f"{shown} of its scale"


def listing(items: Sequence[str], limit: int = 8) -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`; the number of the rest beyond `limit`."""
    shown = list(items)
    if len(shown) > limit:
        shown = [*shown[: limit - 1], f"{len(shown) - limit + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 prompt`, `24 prompts`, `1,200 prompts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """Seconds for a reader: `48 s`, `3 min 20 s`, `5 h 12 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


REASONS = {
    "empty": "empty",
    "too_short": "too short to tell",
    "undetermined": "unclear",
    "no_case": "no letters that have capitals",
    "needs_judge": "needs a judge",
    "unsupported_language": "language not supported by the measure",
    "missing_part": "a part of it has no value, and the others do not decide",
}
"""Reasons for a reader; one that is not here is shown by its name."""


def reason(name: str) -> str:
    """A reason why there is no value, for a reader."""
    return REASONS.get(name, name.replace("_", " "))


ENDINGS = {
    "end_token": "ended by itself",
    "stop_string": "ended by itself (wrote the end of its turn)",
    "end_of_text": "ended by itself (end of text)",
    "length": "cut off at the limit of new tokens",
}
"""How answers end, for a reader."""


def ending(name: str) -> str:
    """How an answer ended, for a reader."""
    return ENDINGS.get(name, name.replace("_", " "))

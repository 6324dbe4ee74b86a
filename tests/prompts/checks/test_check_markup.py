"""Markdown, HTML, JSON."""

import pytest
from checking import outcome


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("## Pancakes", True),
        ("- flour\n- milk", True),
        ("1. flour\n   - white\n   - brown", True),
        ("- **flour**", True),
        ("Pancakes\n========\nMix.", True),
        ("Pancakes\n--------\nMix.", True),
        ("1945. It was the year.", False),
        ("- no, he said.", False),
        ("1945. It was the year.\n\nBoth waited.\n\n- no, he said.", False),
        ("---", False),
        ("Mix flour.\n\n---\n\nAdd milk.", False),
        ("Mix flour.\n---\nAdd milk.", False),
        ("~~~md\n# Pancakes\n~~~", True),
        ("1. flour\n2. milk", True),
        ("some **flour**", True),
        ("some *flour*", True),
        ("`flour`", True),
        ("Run it:\n```\nflour\n```", True),
        ("> flour", True),
        ("[flour](https://example.org)", True),
        ("| a | b |\n|---|---|\n| 1 | 2 |", True),
        ("```markdown\n# Pancakes\n```", True),
        ("## فطائر\n- **دقيق**", True),
        ("**小麦粉**を混ぜる", True),
        ("Mix flour with milk.", False),
        ("```markdown\nMix flour with milk.\n```", False),
        ("```\nflour\n```", False),  # a block around the whole answer is passed over
        ("2 * 3 * 4 = 24, #1 choice", False),
        ("    indented text", False),
        ("البيض والدقيق", False),
        ("<b>flour</b>", False),
    ],
)
def test_markdown(text: str, passed: bool) -> None:
    assert outcome("markdown", text) is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("<html><body><h1>Pancakes</h1><p>Mix 1 &lt; 2.</p></body></html>", True),
        ("<!DOCTYPE html>\n<html lang='ar' dir='rtl'><p>فطائر<br>دقيق</html>", True),
        ("```html\n<h1>パンケーキ</h1>\n<ul><li>a<li>b</ul>\n```", True),
        ("<style>p > a { color: red }</style><p>x</p><!-- note -->", True),
        ("<table><tr><td>a<td>b<tr><td>c</table>", True),
        ("<img src=x /><div/>", True),
        ("<P>Upper</P>", True),
        ("<svg viewBox='0 0 1 1'><defs><linearGradient id='a'/></defs><circle r='1'/><foo></foo></svg>", True),
        ("<p>x</p><math><mi>a</mi><mo>+</mo></math>", True),
        ("~~~html\n<p>x</p>\n~~~", True),
        ("<svg></svg><foo>x</foo>", False),
        ("<circle r='1'/>", False),
        ("<br>", False),
        ("<p></p>", False),
        ("<p>&nbsp;</p><hr>", False),
        ("<style>p { color: red }</style><p> </p>", False),
        ("Pancakes: mix flour.", False),
        ("Here it is: <p>x</p>", False),
        ("<p>x</p> Enjoy!", False),
        ("<div><p>x</p>", False),
        ("<b><i>x</b></i>", False),
        ("<p>x</p></div>", False),
        ("<recipe>x</recipe>", False),
        ("Here:\n```html\n<p>x</p>\n```", False),
        ("<![foo[x]]>", False),
        ("<", False),
    ],
)
def test_html(text: str, passed: bool) -> None:
    assert outcome("html", text) is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ('{"résumé": "a", "conseil": ["b"]}', True),
        ('```json\n{"conseil": null, "re\u0301sume\u0301": {"x": 1}}\n```', True),
        ('~~~json\n{"résumé": "a", "conseil": "b"}\n~~~', True),
        ('````\n{"résumé": "a", "conseil": "b"}\n````', True),
        ('~~~json\n{"résumé": "a", "conseil": "b"}\n```', False),
        ('~~~yaml\n{"résumé": "a", "conseil": "b"}\n~~~', False),
        ('\ufeff {"résumé": "مرحبا", "conseil": "你好😀"}\n', True),
        ('{"résumé": "a"}', False),
        ('{"résumé": "a", "conseil": "b", "note": "c"}', False),
        ('{"résumé": "a", "conseil": "b", "conseil": "c"}', False),
        ('{"Résumé": "a", "Conseil": "b"}', False),
        ('Voici : {"résumé": "a", "conseil": "b"}', False),
        ('{"résumé": "a", "conseil": "b"} Voilà.', False),
        ("{'résumé': 'a', 'conseil': 'b'}", False),
        ('{"résumé": "a", "conseil": NaN}', False),
        ('["résumé", "conseil"]', False),
        ('{"résumé": "a", "conseil": "b"', False),
        ("[" * 9000, False),
        ("9" * 9000, False),
    ],
)
def test_json(text: str, passed: bool) -> None:
    assert outcome("json", text, "fr", keys=["résumé", "conseil"]) is passed

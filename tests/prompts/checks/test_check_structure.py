"""Items, arrows, titles, two answers."""

import pytest
from checking import outcome


@pytest.mark.parametrize(
    "three",
    [
        "Some ideas:\n1. A walk\n2. A game\n   - chess\n   - go\n3. A picnic\n\nEnjoy!",
        "- A walk\n- A game\n- A picnic",
        "**1. A walk**\nIt is fun.\n\n**2. A game**\nToo.\n\n**3. A picnic**\nBest.",
        "١. نزهة\n٢. لعبة\n٣. رحلة",
        "\u200f• نزهة\n\u200f• لعبة\n\u200f• رحلة",
        "१. सैर\n२. खेल\n३. पिकनिक",
        "一、散步\n二、游戏\n三、野餐",
        "①散歩\n②ゲーム\n③ピクニック",
        "1️⃣ Walk\n2️⃣ Game\n3️⃣ Picnic",
        "A walk\nA game\nA picnic",  # no list: lines
        "Here they are:\n\nA walk\n\nA game\n\nA picnic",
    ],
)
def test_items(three: str) -> None:
    assert {count: outcome("items", three, count=count) for count in (2, 3, 4)} == {2: False, 3: True, 4: False}


def test_items_named_in_one_line_cannot_be_counted() -> None:
    assert outcome("items", "A walk, a game and a picnic.", count=3) == "undetermined"


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("--> Mix.\n--> Heat.\n--> Bake.", True),
        ("Here is how:\n\n--> Mix.\n--> Heat.\n\nEnjoy!", True),
        ("- --> Mix.\n- --> Heat.", True),
        ("1. --> Mix.\n2. --> Heat.", True),
        ("--&gt; Mix.\n--\\> Heat.", True),
        ("--> **Mix**:\n    the flour\n--> Heat.", True),
        ("## First\n--> Mix.\nThen:\n--> Heat.", True),
        ("--> اخلط.\n--> سخّن.", True),
        ("\u200f--> اخلط.", True),
        ("--> 混ぜる。\n--> 焼く。", True),
        ("1. Mix.\n2. Heat.", False),
        ("--> Mix.\n- Heat.\n--> Bake.", False),
        ("--> Mix.\nHeat.\n--> Bake.", False),
        ("One.\nTwo.\n--> Mix.", False),
        ("--> Mix.\nHeat.\nBake.", False),
        ("Mix --> heat --> bake", False),
        ("-> Mix.\n→ Heat.", False),
    ],
)
def test_arrows(text: str, passed: bool) -> None:
    assert outcome("arrows", text) is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("<<Perfect eggs>>\nBoil them.", True),
        ("# **<<Perfect eggs>>**\n\nBoil them.", True),
        ("<<Perfect eggs>> Boil them.", True),
        ("Sure!\n<<Perfect eggs>>\nBoil them.", True),
        ("&lt;&lt;Perfect eggs&gt;&gt;\nBoil them.", True),
        ("<<بيض مثالي>>\nاسلقها.", True),
        ("<<完璧な卵>>\n茹でる。", True),
        ("Perfect eggs\nBoil them.", False),
        ("<Perfect eggs>\nBoil them.", False),
        ("<<>>\nBoil them.", False),
        ("«Perfect eggs»\nBoil them.", False),
        ("<<Perfect eggs>>", False),
        ("Boil them.\nUse a << 2 and b >> 3.", False),
    ],
)
def test_title(text: str, passed: bool) -> None:
    assert outcome("title", text) is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Boil them.\n******\nSteam them.", True),
        ("Boil them.\n\n  ****** \n\nSteam them.\n******\n", True),
        ("Boil them.\n\\*\\*\\*\\*\\*\\*\nSteam them.", True),
        ("اسلقها.\n******\nاطهها على البخار.", True),
        ("茹でる。\n******\n蒸す。", True),
        ("Boil them.\n*****\nSteam them.", False),
        ("Boil them.\n*******\nSteam them.", False),
        ("Boil them. ****** Steam them.", False),
        ("Boil them.\n******\nboil  them!", False),
        ("Boil them.\n******\n", False),
        ("A.\n******\nB.\n******\nC.", False),
        ("******\n😀\n******\nA.", False),
    ],
)
def test_two_answers(text: str, passed: bool) -> None:
    assert outcome("two_answers", text) is passed

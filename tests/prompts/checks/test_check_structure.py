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
        # Bullets that are no ASCII need no space.
        "以下の3つです。\n・散歩\n・ゲーム\n・ピクニック",
        "●散歩\n●ゲーム\n●ピクニック",
        "推荐如下。\n•散步\n•游戏\n•野餐",
        "✔️ Walk\n✔️ Game\n✔️ Picnic",
        # Numbers before a dash.
        "1- نزهة\n2- لعبة\n3- رحلة",
        "١- نزهة\n٢- لعبة\n٣- رحلة",
        "1- Yürüyüş\n2- Oyun\n3- Piknik",
        "1 - Passeio\n2 - Jogo\n3 - Piquenique\n\nBom dia!",
        "1-Passeio\n2-Jogo\n3-Piquenique",
        # Labels that run on.
        "A. A walk\nB. A game\nC. A picnic\n\nEnjoy!",
        "А. Прогулка\nБ. Игра\nВ. Пикник",
        "第一，散步。\n第二，游戏。\n第三，野餐。\n希望你喜欢！",
        "方案一：散步\n方案二：游戏\n方案三：野餐\n就这些。",
        "选项A：散步\n选项B：游戏\n选项C：野餐",
        "### Option 1\nA walk\n\n### Option 2\nA game\n\n### Option 3\nA picnic",
        "**Option 1**\nA walk\n**Option 2**\nA game\n**Option 3**\nA picnic",
        "Option A.\nWalks\nOption B.\nGames\nOption C.\nPicnics",
        "الخيار 1: نزهة\nالخيار 2: لعبة\nالخيار 3: رحلة",
    ],
)
def test_items(three: str) -> None:
    assert {count: outcome("items", three, count=count) for count in (2, 3, 4)} == {2: False, 3: True, 4: False}


@pytest.mark.parametrize(
    "three",
    [
        "A walk\nA game\nA picnic",
        "Here they are:\n\nA walk\n\nA game\n\nA picnic",
        "# Ideas\nA walk\nA game\nA picnic",
        "**A walk**\nIt is fun.\n\n**A game**\nToo.\n\n**A picnic**\nBest.",
        "## Ideas\n\n### A walk\nIt is fun.\n\n### A game\nToo.\n\n### A picnic\nBest.",
        "أ. نزهة\nب. لعبة\nج. رحلة",  # letters whose order Unicode does not tell
    ],
)
def test_without_a_list_other_numbers_are_not_ruled_out(three: str) -> None:
    found = {count: outcome("items", three, count=count) for count in (2, 3, 4)}
    assert found == {2: "undetermined", 3: True, 4: "undetermined"}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "text",
    [
        "A walk, a game and a picnic.",
        "Here are some.\nA walk\nA game\nA picnic",
        "**A**\nx\n**B**\ny\n**C**\nz\n**D**\n**E**",
    ],
)
def test_items_that_cannot_be_counted(text: str, count: int) -> None:
    assert outcome("items", text, count=count) == "undetermined"


def test_items_of_lists_under_labels_and_titles() -> None:
    # Two weeks of two points each: either is a right reading of two, and of four.
    weeks = "Week 1:\n- walk\n- swim\nWeek 2:\n- run\n- rest"
    assert [outcome("items", weeks, count=count) for count in (2, 3, 4)] == [True, False, True]
    # Titles may be the items or what the points are sorted by.
    cities = "### Paris\n- near\n- dear\n### Oslo\n- far\n- cold"
    assert [outcome("items", cities, count=count) for count in (2, 3, 4)] == ["undetermined", False, True]


def test_labels_count_and_not_their_lines() -> None:
    options = "Option A.\nApples\nOption B.\nPears"
    assert [outcome("items", options, count=count) for count in (2, 3, 4)] == [True, False, False]


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
        ("＜＜完璧な卵＞＞\n茹でる。", True),
        ("＜完璧な卵＞\n茹でる。", False),
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
        ("******\nBoil them.\n******\nSteam them.\n******", True),
        ("A.\n******\nB.\n******\nC.", False),
        ("A.\n******\n\n******\nB.", False),
        ("******\n😀\n******\nA.", False),
    ],
)
def test_two_answers(text: str, passed: bool) -> None:
    assert outcome("two_answers", text) is passed

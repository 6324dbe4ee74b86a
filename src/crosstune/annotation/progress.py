"""How far the study is: by annotator, by language, and where people are far apart. For the coordinator alone."""

from dataclasses import dataclass

from crosstune.annotation.annotators import ADJUDICATED, annotator_without_link
from crosstune.annotation.criteria import FACETS
from crosstune.annotation.database import Database
from crosstune.annotation.importing import assign
from crosstune.annotation.records import Annotator, Item, Mark, Standing
from crosstune.annotation.rows import annotator_of, as_text, item_of, now
from crosstune.annotation.saving import Origin, insert_mark, update_state
from crosstune.annotation.standing import standing_in

FAR_APART = 2
"""From this difference between two people on, somebody should decide."""


@dataclass(frozen=True, slots=True)
class AnnotatorProgress:
    """How far one annotator is."""

    annotator: Annotator
    done: int
    skipped: int
    started: int
    seconds_per_item: float | None
    """Mean, of what is rated; None when nothing is."""
    last: str
    """When they last saved a mark; empty when they have not."""


@dataclass(frozen=True, slots=True)
class LanguageProgress:
    """How far one requested language is."""

    code: str
    items: int
    """In the study."""
    chosen: int
    wanted: int
    """Ratings that the chosen are to have."""
    done: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Apart:
    """An answer of which people are far apart."""

    item: Item
    facets: tuple[str, ...]
    is_decided: bool


def annotator_progress(database: Database) -> list[AnnotatorProgress]:
    """Everybody but the coordinator."""
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT annotators.*, COALESCE(SUM(state = 'done'), 0) AS done, "
            "COALESCE(SUM(state = 'skipped'), 0) AS skipped, COALESCE(SUM(state = 'started'), 0) AS started, "
            "(SELECT SUM(seconds) FROM marks WHERE marks.annotator = annotators.id) AS seconds, "
            "(SELECT MAX(saved) FROM marks WHERE marks.annotator = annotators.id) AS last "
            "FROM annotators LEFT JOIN assignments ON assignments.annotator = annotators.id "
            "WHERE pseudonym != ? GROUP BY annotators.id ORDER BY annotators.id",
            [ADJUDICATED],
        ).fetchall()
    return [
        AnnotatorProgress(
            annotator=annotator_of(row),
            done=row["done"],
            skipped=row["skipped"],
            started=row["started"],
            seconds_per_item=(row["seconds"] or 0.0) / row["done"] if row["done"] else None,
            last=(row["last"] or "")[:16].replace("T", " "),
        )
        for row in rows
    ]


def language_progress(database: Database) -> list[LanguageProgress]:
    """The requested languages, by code."""
    with database.reading() as connection:
        ratings = {
            row["code"]: row
            for row in connection.execute(
                "SELECT requested_language AS code, SUM(state = 'done') AS done, SUM(state = 'skipped') AS skipped "
                "FROM assignments JOIN items ON items.id = item JOIN annotators ON annotators.id = annotator "
                "WHERE withdrawn = 0 AND pseudonym != ? GROUP BY requested_language",
                [ADJUDICATED],
            )
        }
        rows = connection.execute(
            "SELECT requested_language AS code, COUNT(*) AS items, SUM(wanted > 0) AS chosen, SUM(wanted) AS wanted "
            "FROM items WHERE withdrawn = 0 GROUP BY requested_language ORDER BY requested_language"
        ).fetchall()
    return [
        LanguageProgress(
            code=row["code"],
            items=row["items"],
            chosen=row["chosen"],
            wanted=row["wanted"],
            done=ratings[row["code"]]["done"] if row["code"] in ratings else 0,
            skipped=ratings[row["code"]]["skipped"] if row["code"] in ratings else 0,
        )
        for row in rows
    ]


def far_apart(database: Database) -> list[Apart]:
    """Answers for which two people's marks of a criterion differ by two; those that nobody decided come first."""
    with database.reading() as connection:
        rows = connection.execute(
            "WITH newest AS (SELECT MAX(id) AS id FROM marks GROUP BY item, annotator, facet), "
            "apart AS (SELECT item, facet FROM newest JOIN marks USING (id) "
            "JOIN annotators ON annotators.id = annotator WHERE value IS NOT NULL AND pseudonym != ?1 "
            "GROUP BY item, facet HAVING MAX(value) - MIN(value) >= ?2) "
            "SELECT items.*, GROUP_CONCAT(facet) AS facets, EXISTS (SELECT 1 FROM assignments JOIN annotators "
            "  ON annotators.id = annotator WHERE item = items.id AND pseudonym = ?1 AND state = 'done') AS is_decided "
            "FROM apart JOIN items ON items.id = apart.item WHERE withdrawn = 0 "
            "GROUP BY items.id ORDER BY is_decided, requested_language, items.key",
            [ADJUDICATED, FAR_APART],
        ).fetchall()
    found = []
    for row in rows:
        named = row["facets"].split(",")
        facets = tuple(facet for facet in FACETS if facet in named)
        found.append(Apart(item_of(row), facets, bool(row["is_decided"])))
    return found


def raters_of(database: Database, item_key: str) -> tuple[Item, list[tuple[str, Standing]]] | None:
    """An answer and what each rater said of it, by pseudonym; None when there is no such answer."""
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM items WHERE key = ? AND withdrawn = 0", [item_key]).fetchone()
        if row is None:
            return None
        item = item_of(row)
        raters = connection.execute(
            "SELECT annotators.id, pseudonym FROM assignments JOIN annotators ON annotators.id = annotator "
            "WHERE item = ? AND state != 'open' ORDER BY annotators.id",
            [item.id],
        ).fetchall()
        return item, [(rater["pseudonym"], standing_in(connection, rater["id"], item.id)) for rater in raters]


def decide(database: Database, item: Item, marks: dict[str, int], client_key: str) -> None:
    """Keeps the coordinator's own marks for an answer, as those of the rater `adjudicated`."""
    moment = as_text(now())
    with database.writing() as connection:
        annotator = annotator_without_link(connection, ADJUDICATED)
        assign(connection, annotator, item.id)
        # It takes nobody's place.
        connection.execute(
            "UPDATE items SET allotted = (SELECT COUNT(*) FROM assignments WHERE item = ?1 AND annotator != ?2) "
            "WHERE id = ?1",
            [item.id, annotator.id],
        )
        for facet, value in marks.items():
            origin = Origin(annotator.id, item.id, f"{client_key}/{facet}", moment)
            insert_mark(connection, origin, facet, Mark(value, None, ""), 0.0)
        update_state(connection, annotator.id, item.id)

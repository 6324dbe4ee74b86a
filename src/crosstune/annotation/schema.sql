-- Everything that arrives from annotators is appended and never changed: marks, notes, spans. What holds is the newest.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE items (
    id                 INTEGER PRIMARY KEY,
    key                TEXT NOT NULL UNIQUE,
    run                TEXT NOT NULL,
    prompt_id          TEXT NOT NULL,
    language           TEXT NOT NULL,
    requested_language TEXT NOT NULL,
    task               TEXT NOT NULL,
    modifiers          TEXT NOT NULL,
    prompt             TEXT NOT NULL,
    answer             TEXT NOT NULL,
    cut_off            INTEGER NOT NULL,
    second_run         TEXT NOT NULL,
    second_answer      TEXT NOT NULL,
    second_cut_off     INTEGER NOT NULL,
    disagreement       REAL,
    withdrawn          INTEGER NOT NULL DEFAULT 0,
    wanted             INTEGER NOT NULL DEFAULT 0,   -- raters it is to have
    allotted           INTEGER NOT NULL DEFAULT 0,   -- raters who got it
    place              REAL NOT NULL DEFAULT 0,      -- lower ones are handed out first
    UNIQUE (run, second_run, prompt_id, language)
) STRICT;
CREATE INDEX items_to_hand_out ON items (requested_language, place) WHERE wanted > allotted AND withdrawn = 0;

CREATE TABLE annotators (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    pseudonym  TEXT NOT NULL UNIQUE,
    token_hash TEXT NOT NULL,
    allowed    TEXT NOT NULL,             -- codes with line ends between
    languages  TEXT NOT NULL DEFAULT '',
    interface  TEXT NOT NULL DEFAULT '',
    created    TEXT NOT NULL,
    expires    TEXT,
    revoked    INTEGER NOT NULL DEFAULT 0,
    trained    INTEGER NOT NULL DEFAULT 0,
    seed       INTEGER NOT NULL
) STRICT;

CREATE TABLE assignments (
    annotator INTEGER NOT NULL REFERENCES annotators,
    item      INTEGER NOT NULL REFERENCES items,
    position  INTEGER NOT NULL,
    flipped   INTEGER NOT NULL,
    state     TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'started', 'done', 'skipped')),
    PRIMARY KEY (annotator, item),
    UNIQUE (annotator, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_by_state ON assignments (annotator, state, position);
CREATE INDEX assignments_by_item ON assignments (item);

CREATE TABLE marks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    annotator   INTEGER NOT NULL REFERENCES annotators,
    item        INTEGER NOT NULL REFERENCES items,
    facet       TEXT NOT NULL,
    value       INTEGER CHECK (value IN (0, 1, 2)),
    skip_reason TEXT,
    detail      TEXT NOT NULL DEFAULT '',
    seconds     REAL NOT NULL DEFAULT 0,   -- since the page's mark before
    client_key  TEXT NOT NULL,             -- made by the page: what is sent twice is kept once
    saved       TEXT NOT NULL,
    UNIQUE (annotator, client_key),
    CHECK ((value IS NULL) = (skip_reason IS NOT NULL))
) STRICT;
CREATE INDEX marks_by_item ON marks (item, annotator, facet);

CREATE TABLE notes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    annotator  INTEGER NOT NULL REFERENCES annotators,
    item       INTEGER NOT NULL REFERENCES items,
    text       TEXT NOT NULL,
    client_key TEXT NOT NULL,
    saved      TEXT NOT NULL,
    UNIQUE (annotator, client_key)
) STRICT;
CREATE INDEX notes_by_item ON notes (item, annotator);

CREATE TABLE spans (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    annotator  INTEGER NOT NULL REFERENCES annotators,
    item       INTEGER NOT NULL REFERENCES items,
    spans      TEXT NOT NULL,              -- JSON: all that are marked now, [[start, end, of_second], ...]
    client_key TEXT NOT NULL,
    saved      TEXT NOT NULL,
    UNIQUE (annotator, client_key)
) STRICT;
CREATE INDEX spans_by_item ON spans (item, annotator);

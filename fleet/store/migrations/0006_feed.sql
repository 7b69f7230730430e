-- What faces follow: how often the state has changed, and what each line of the journal tells, by a number that is never
-- given out twice. Lines of before have no type.

ALTER TABLE meta RENAME TO meta_before;
CREATE TABLE meta (
    only            INTEGER PRIMARY KEY CHECK (only = 1),
    home_id         TEXT    NOT NULL,
    now_ms          INTEGER NOT NULL DEFAULT 0,
    tasks_made      INTEGER NOT NULL DEFAULT 0,
    decisions_made  INTEGER NOT NULL DEFAULT 0,
    draining        INTEGER NOT NULL DEFAULT 0,
    revision        INTEGER NOT NULL DEFAULT 0
);
INSERT INTO meta (only, home_id, now_ms, tasks_made, decisions_made, draining)
SELECT only, home_id, now_ms, tasks_made, decisions_made, draining FROM meta_before;
DROP TABLE meta_before;

ALTER TABLE journal RENAME TO journal_before;
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    level    TEXT    NOT NULL,
    type     TEXT,
    task     TEXT,
    attempt  TEXT,
    account  TEXT,
    host     TEXT,
    text     TEXT    NOT NULL,
    data     TEXT
);
INSERT INTO journal (seq, at_ms, level, task, attempt, account, host, text)
SELECT seq, at_ms, level, task, attempt, account, host, text FROM journal_before ORDER BY seq;
DROP TABLE journal_before;
CREATE INDEX journal_by_task ON journal (task, seq);

BEGIN TRANSACTION;
CREATE TABLE answers (
    message INTEGER NOT NULL,
    request INTEGER NOT NULL,
    preference INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    place INTEGER NOT NULL REFERENCES places,
    model INTEGER NOT NULL REFERENCES models,
    account INTEGER NOT NULL REFERENCES texts,
    task INTEGER NOT NULL REFERENCES texts,
    attempt INTEGER NOT NULL REFERENCES texts,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    batch INTEGER NOT NULL, -- 1: asked of the batch API
    cost_usd REAL -- NULL: unpriced
);
INSERT INTO "answers" VALUES(5781100193968281886,3904355907,1493064411581,1789993610000,1,6,2,0,0,5,3,20,0,300,0,0.03);
INSERT INTO "answers" VALUES(4197205893189690636,1911956598,1493064411581,253402300799999,1,6,2,0,0,5,100,20,0,300,0,1.0);
INSERT INTO "answers" VALUES(70996752590448295,112844655,1493064411581,1789993612000,1,6,2,0,0,5,11,20,0,300,0,0.11);
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    config_dir INTEGER NOT NULL REFERENCES texts,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    read_to INTEGER NOT NULL,
    open TEXT NOT NULL,
    print TEXT NOT NULL,
    broken INTEGER NOT NULL
);
INSERT INTO "files" VALUES('/home/me/config/projects/-work-repo/s1.jsonl',1,65024,5189094,1601,1796027425272535840,1601,'[[["a","a"],5781100193968281886,3904355907,[5,20,300],null,"2026-09-21T12:26:02Z"],[["far","far"],4197205893189690636,1911956598,[5,20,300],null,"9999-12-31T23:59:59.999000Z"],[["c","c"],70996752590448295,112844655,[5,20,300],null,"2026-09-21T12:26:52Z"]]','fc53fa5cab0eca2706c24e5dede5c44e',1);
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('prices','flat');
CREATE TABLE models (
    model INTEGER PRIMARY KEY REFERENCES texts,
    tier INTEGER NOT NULL REFERENCES texts
);
INSERT INTO "models" VALUES(6,7);
CREATE TABLE places (
    id INTEGER PRIMARY KEY,
    config_dir INTEGER NOT NULL REFERENCES texts,
    account INTEGER NOT NULL REFERENCES texts,
    project INTEGER NOT NULL REFERENCES texts,
    branch INTEGER NOT NULL REFERENCES texts,
    session INTEGER NOT NULL REFERENCES texts,
    agent INTEGER NOT NULL REFERENCES texts,
    sidechain INTEGER NOT NULL,
    UNIQUE (session, config_dir, project, branch, agent, sidechain)
);
INSERT INTO "places" VALUES(1,1,2,3,4,5,0,0);
CREATE TABLE quarters (
    quarter INTEGER NOT NULL,
    account INTEGER NOT NULL,
    project INTEGER NOT NULL,
    model INTEGER NOT NULL,
    fleet INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (quarter, account, project, model, fleet)
) WITHOUT ROWID;
INSERT INTO "quarters" VALUES(1988881,2,3,6,0,2,10,14,40,0,600,0.14,0);
INSERT INTO "quarters" VALUES(281558111,2,3,6,0,1,5,100,20,0,300,1.0,0);
CREATE TABLE readings (
    account INTEGER NOT NULL REFERENCES texts,
    bucket INTEGER NOT NULL REFERENCES texts,
    at_ms INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES texts,
    status INTEGER NOT NULL REFERENCES texts,
    utilization REAL,
    resets_at_ms INTEGER, -- NULL: not told
    PRIMARY KEY (account, bucket, at_ms, source)
) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES texts,
    task INTEGER NOT NULL REFERENCES texts,
    attempt INTEGER NOT NULL UNIQUE REFERENCES texts,
    project INTEGER NOT NULL REFERENCES texts,
    account INTEGER NOT NULL REFERENCES texts,
    tier INTEGER NOT NULL REFERENCES texts,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER -- NULL: still running
);
CREATE TABLE sessions (
    session INTEGER NOT NULL,
    account INTEGER NOT NULL,
    project INTEGER NOT NULL,
    model INTEGER NOT NULL,
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (session, account, project, model, task, attempt)
) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(5,2,3,6,0,0,1789993610000,253402300799999,3,15,114,60,0,900,1.14000000000000012434e+00,0);
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
INSERT INTO "texts" VALUES(0,'');
INSERT INTO "texts" VALUES(1,'/home/me/config');
INSERT INTO "texts" VALUES(2,'me');
INSERT INTO "texts" VALUES(3,'/work/repo');
INSERT INTO "texts" VALUES(4,'main');
INSERT INTO "texts" VALUES(5,'s1');
INSERT INTO "texts" VALUES(6,'claude-sonnet-5-5');
INSERT INTO "texts" VALUES(7,'sonnet');
CREATE INDEX runs_session ON runs (session);
CREATE UNIQUE INDEX answers_key ON answers (message, request);
CREATE INDEX answers_time ON answers (at_ms);
CREATE INDEX answers_place ON answers (place, at_ms);
COMMIT;

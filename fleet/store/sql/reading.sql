-- name: revision
SELECT revision FROM meta;

-- name: events
SELECT seq, at_ms, level, type, task, attempt, account, host, text, data FROM journal
WHERE seq > :after ORDER BY seq LIMIT :most;

-- name: events_of
SELECT seq, at_ms, level, type, task, attempt, account, host, text, data FROM journal
WHERE seq > :after AND task = :task ORDER BY seq LIMIT :most;

-- name: last_event
SELECT coalesce(max(seq), 0) FROM journal;

-- name: events_before
SELECT coalesce(max(seq), 0) FROM journal WHERE at_ms < :at_ms;

-- name: open_tasks
SELECT id, body FROM tasks WHERE state NOT IN ('landed', 'cancelled') ORDER BY seq;

-- name: policy
SELECT name, body FROM singles WHERE name = 'policy';

-- name: paused_projects
SELECT id, body FROM projects WHERE instr(body, '"paused":{') > 0 ORDER BY id;

-- name: task_states
-- A queued task that somebody has paused is not in the queue, and a branch that was left is merged nowhere. No body is
-- looked into: all are counted in indexes.
WITH
parts (state, part, tasks) AS (
    SELECT 'queued', 'paused', count(*) FROM tasks WHERE state = 'queued' AND instr(body, '"paused":{') > 0
    UNION ALL
    SELECT 'landed', 'on-branch', count(*) FROM tasks WHERE state = 'landed' AND instr(body, '"land":"branch"') > 0
),
counted (state, tasks) AS (SELECT state, count(*) FROM tasks GROUP BY state)
SELECT counted.state, counted.tasks - coalesce(parts.tasks, 0) AS whole
FROM counted LEFT JOIN parts ON parts.state = counted.state WHERE whole > 0
UNION ALL
SELECT part, tasks FROM parts WHERE tasks > 0;

-- name: task_ids
SELECT id FROM tasks ORDER BY seq;

-- name: tasks_in_trouble
-- Only where something is being performed for the task, and queued ones that need a person's consent, which an index
-- knows: looking into every body takes longer than all the rest.
WITH
found (seq, id, body) AS (
    SELECT seq, id, body FROM tasks
    WHERE (
        state IN ('running', 'checking', 'landing', 'held')
        OR id IN (SELECT task FROM worktrees WHERE state = 'removing')
    ) AND instr(body, '"trouble":{') > 0
    UNION ALL
    SELECT seq, id, body FROM tasks WHERE state = 'queued' AND instr(body, '"consent":"') > 0
)
SELECT id, body FROM found ORDER BY seq;

-- name: task
SELECT id, body FROM tasks WHERE id = :id;

-- name: accounts
SELECT name, body FROM accounts WHERE state <> 'removed' ORDER BY name;

-- name: account
SELECT name, body FROM accounts WHERE state <> 'removed' AND name = :name;

-- name: unbilled
SELECT name FROM accounts WHERE body ->> 'kind' = 'local' ORDER BY name;

-- name: buckets
SELECT id, body FROM buckets ORDER BY pool, id;

-- name: workers
SELECT id, body FROM attempts WHERE state <> 'ended' ORDER BY seq;

-- name: attempts_of
SELECT id, body FROM attempts WHERE task = :task ORDER BY seq;

-- name: runs
-- `:known` is a JSON list of attempts that are not asked for.
SELECT attempts.body ->> 'session_id', attempts.task, attempts.id,
    coalesce(nullif(tasks.body ->> '$.spec.project', ''), tasks.body ->> '$.spec.repo'),
    attempts.account, attempts.body ->> 'tier', attempts.body ->> 'started_ms', attempts.body ->> 'ended_ms'
FROM attempts JOIN tasks ON tasks.id = attempts.task
WHERE attempts.id NOT IN (SELECT value FROM json_each(:known))
ORDER BY attempts.seq;

-- name: hosts
SELECT name, body FROM hosts ORDER BY name;

-- name: host
SELECT name, body FROM hosts WHERE name = :name;

-- name: host_history
-- What is told of the host itself, the latest first.
SELECT seq, at_ms, level, type, task, attempt, account, host, text, data FROM journal
WHERE host = :host AND task IS NULL
ORDER BY seq DESC LIMIT 12;

-- name: worktree
SELECT task, body FROM worktrees WHERE task = :task;

-- name: worktrees
SELECT worktrees.task, worktrees.body, tasks.state FROM worktrees JOIN tasks ON tasks.id = worktrees.task
ORDER BY worktrees.seq;

-- name: worktrees_on
-- Or whose work has still to be brought from there. A body of an older version names no host: it is this machine's.
SELECT worktrees.task, worktrees.body, tasks.state FROM worktrees JOIN tasks ON tasks.id = worktrees.task
WHERE worktrees.body ->> 'moves_from' = :host
    OR (worktrees.state <> 'removed' AND coalesce(worktrees.body ->> 'host', 'local') = :host)
ORDER BY worktrees.seq;

-- name: history
SELECT seq, at_ms, level, type, task, attempt, account, host, text, data FROM journal WHERE task = :task ORDER BY seq;

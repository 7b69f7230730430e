-- Pieces of which `fleet.store.choosing` makes the question for tasks that a person describes.

-- name: select
SELECT id, body FROM tasks

-- name: count
SELECT count(*) FROM tasks

-- name: states
state IN (SELECT value FROM json_each(:states))

-- name: paused
(state = 'queued' AND instr(body, '"paused":{') > 0)

-- name: on-branch
(state = 'landed' AND instr(body, '"land":"branch"') > 0)

-- name: project
coalesce(nullif(body ->> '$.spec.project', ''), body ->> '$.spec.repo') = :project

-- name: account
(SELECT account FROM attempts WHERE attempts.task = tasks.id ORDER BY seq DESC LIMIT 1) = :account

-- name: label
EXISTS (SELECT 1 FROM json_each(body, '$.spec.labels') WHERE value = :label)

-- name: added_before_ms
(body ->> 'created_ms') < :added_before_ms

-- name: text
(instr(folded(body ->> '$.spec.title'), :text) > 0 OR instr(folded(body ->> '$.spec.prompt'), :text) > 0)

-- name: by_added
seq

-- name: by_priority
body ->> '$.spec.priority'

-- name: by_state
state

-- name: by_title
folded(body ->> '$.spec.title')

-- name: by_project
coalesce(nullif(body ->> '$.spec.project', ''), body ->> '$.spec.repo')

-- name: by_deadline
body ->> '$.spec.deadline_ms'

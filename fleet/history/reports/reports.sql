-- Each statement takes what `choice.Choice.parameters` gives. Sets of ids come as JSON lists, NULL for everything.
-- The columns of a use: key, answers, five kinds of tokens, cost of the priced answers, count of the unpriced, count of
-- those of `:unbilled` accounts, which cost nothing.

-- name: extent
SELECT min(quarter), max(quarter) FROM quarters
WHERE quarter >= :since AND quarter < :until
    AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
    AND (:fleet IS NULL OR fleet = :fleet);

-- name: by_time
-- `:spans` is a list of key, first quarter, quarter after the last.
SELECT span.value ->> 0, sum(answers), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h),
    sum(cache_read), sum(iif(free, 0, cost_usd)), sum(iif(free, 0, unpriced)), sum(iif(free, answers, 0))
FROM json_each(:spans) AS span
CROSS JOIN (SELECT *, account IN (SELECT value FROM json_each(:unbilled)) AS free FROM quarters)
    ON quarter >= max(:since, span.value ->> 1) AND quarter < min(:until, span.value ->> 2)
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
    AND (:fleet IS NULL OR fleet = :fleet)
GROUP BY span.key ORDER BY span.key;

-- name: by_what
-- `:by` is project, model or account. What the fleet ran counts for its project, not for the worktree it ran in.
WITH
worktrees AS (
    SELECT sessions.project AS path, min(runs.project) AS project
    FROM sessions JOIN runs ON runs.attempt = sessions.attempt
    WHERE :by = 'project' GROUP BY sessions.project
),
sums AS (
    SELECT
        CASE :by
            WHEN 'project' THEN coalesce((SELECT w.project FROM worktrees AS w WHERE fleet AND path = q.project), project)
            WHEN 'model' THEN model
            ELSE account
        END AS what,
        sum(answers), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),
        sum(iif(free, 0, cost_usd)) AS cost_usd, sum(iif(free, 0, unpriced)), sum(iif(free, answers, 0))
    FROM (SELECT *, account IN (SELECT value FROM json_each(:unbilled)) AS free FROM quarters) AS q
    WHERE quarter >= :since AND quarter < :until
        AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
        AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
        AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
        AND (:fleet IS NULL OR fleet = :fleet)
    GROUP BY what
)
SELECT text, sums.* FROM sums JOIN texts ON id = what ORDER BY cost_usd DESC, text;

-- name: by_session
-- The sums of sessions are over all time: what lies within the time is taken from them, of those that reach over its
-- ends the answers are counted.
WITH
extents AS (
    SELECT session, min(first_ms) AS first_ms, max(last_ms) AS last_ms FROM sessions GROUP BY session
),
parts AS (
    SELECT s.session, s.first_ms, answers, input, output, cache_write_5m, cache_write_1h, cache_read, cost_usd, unpriced,
        s.account, s.project, s.model, s.attempt <> 0 AS fleet
    FROM extents AS e JOIN sessions AS s ON s.session = e.session
    WHERE e.first_ms >= :since_ms AND e.last_ms < :until_ms
    UNION ALL
    SELECT e.session, a.at_ms, 1, input, output, cache_write_5m, cache_write_1h, cache_read, coalesce(cost_usd, 0),
        cost_usd IS NULL, a.account, p.project, a.model, a.attempt <> 0
    FROM extents AS e
    CROSS JOIN places AS p ON p.session = e.session
    CROSS JOIN answers AS a ON a.place = p.id AND a.at_ms >= :since_ms AND a.at_ms < :until_ms
    WHERE (e.first_ms < :since_ms AND e.last_ms >= :since_ms) OR (e.first_ms < :until_ms AND e.last_ms >= :until_ms)
)
SELECT text, sum(answers), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),
    sum(iif(free, 0, cost_usd)), sum(iif(free, 0, unpriced)), sum(iif(free, answers, 0))
FROM (SELECT *, account IN (SELECT value FROM json_each(:unbilled)) AS free FROM parts) JOIN texts ON id = session
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
    AND (:fleet IS NULL OR fleet = :fleet)
GROUP BY session ORDER BY 8 DESC, text;

-- name: unpriced
-- `unpriced` counts answers; a model that has a price at one time and none at another does not occur.
SELECT text, sum(unpriced), sum(input + output + cache_write_5m + cache_write_1h + cache_read)
FROM quarters JOIN texts ON id = model
WHERE unpriced > 0 AND quarter >= :since AND quarter < :until
    AND account NOT IN (SELECT value FROM json_each(:unbilled))
    AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
    AND (:fleet IS NULL OR fleet = :fleet)
GROUP BY model ORDER BY 3 DESC, text;

-- name: by_quarter
-- Work is in work units: tokens weighed as list prices weigh them.
SELECT quarter, sum(answers), sum(input + output + cache_write_5m + cache_write_1h + cache_read),
    sum(input + 5.0 * output + 1.25 * cache_write_5m + 2.0 * cache_write_1h + 0.1 * cache_read),
    sum(iif(account IN (SELECT value FROM json_each(:unbilled)), 0, cost_usd))
FROM quarters
WHERE quarter >= :since AND quarter < :until
    AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR model IN (SELECT value FROM json_each(:models)))
    AND (:fleet IS NULL OR fleet = :fleet)
GROUP BY quarter ORDER BY quarter;

-- name: quarters_of_accounts
-- In the order of the table: sorting and summing them here takes longer than all the rest.
SELECT account, quarter, answers, input, output, cache_write_5m, cache_write_1h, cache_read,
    iif(free, 0, cost_usd), iif(free, 0, unpriced), iif(free, answers, 0)
FROM (SELECT *, account IN (SELECT value FROM json_each(:unbilled)) AS free FROM quarters)
WHERE :accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts))
ORDER BY quarter;

-- name: of_tasks
-- What each task that the fleet ran has used, by project and tier. The project is that of the run: the answers' own is the
-- worktree.
SELECT task.text, project.text, tier.text, count(DISTINCT sessions.attempt), min(first_ms), max(last_ms), sum(answers),
    sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),
    sum(iif(free, 0, cost_usd)), sum(iif(free, 0, unpriced)), sum(iif(free, answers, 0))
FROM (SELECT *, account IN (SELECT value FROM json_each(:unbilled)) AS free FROM sessions) AS sessions
JOIN runs ON runs.attempt = sessions.attempt
JOIN models ON models.model = sessions.model
JOIN texts AS task ON task.id = sessions.task
JOIN texts AS project ON project.id = runs.project
JOIN texts AS tier ON tier.id = models.tier
WHERE last_ms >= :since_ms AND first_ms < :until_ms
    AND (:accounts IS NULL OR sessions.account IN (SELECT value FROM json_each(:accounts)))
    AND (:projects IS NULL OR runs.project IN (SELECT value FROM json_each(:projects)))
    AND (:models IS NULL OR sessions.model IN (SELECT value FROM json_each(:models)))
GROUP BY sessions.task, runs.project, models.tier ORDER BY min(first_ms), task.text, tier.text;

-- name: ended_attempts
SELECT text FROM runs JOIN texts ON texts.id = attempt WHERE to_ms IS NOT NULL;

-- name: readings
-- A window that refuses is full, also where the client says no more than that.
SELECT account.text, bucket.text, at_ms,
    coalesce(utilization, iif(status.text = 'rejected', 1.0, NULL)), resets_at_ms
FROM readings
LEFT JOIN texts AS status ON status.id = readings.status
JOIN texts AS account ON account.id = readings.account
JOIN texts AS bucket ON bucket.id = readings.bucket
WHERE (:accounts IS NULL OR readings.account IN (SELECT value FROM json_each(:accounts)))
ORDER BY account.text, bucket.text, at_ms;

-- name: users
-- The accounts that persons have used themselves.
SELECT text FROM texts WHERE id IN (SELECT account FROM quarters WHERE fleet = 0) AND text <> '' ORDER BY text;

-- name: own_use
-- What persons used themselves, by quarter of an hour and tier, in tokens by kind; `:accounts` is a JSON list of names.
SELECT quarter, tier.text, sum(input), sum(output), sum(cache_write_5m + cache_write_1h), sum(cache_read)
FROM quarters
JOIN models ON models.model = quarters.model
JOIN texts AS tier ON tier.id = models.tier
WHERE fleet = 0 AND quarter >= :since
    AND account IN (SELECT id FROM texts WHERE text IN (SELECT value FROM json_each(:accounts)))
GROUP BY quarter, tier.text ORDER BY quarter, tier.text;

-- name: own_answers
SELECT account.text, at_ms FROM answers JOIN texts AS account ON account.id = answers.account
WHERE attempt = 0 AND at_ms >= :since_ms AND at_ms < :until_ms
    AND (:accounts IS NULL OR answers.account IN (SELECT value FROM json_each(:accounts)))
ORDER BY account.text, at_ms;

-- name: refusals
-- With whether the fleet ran something on the account at that time.
SELECT account.text, bucket.text, at_ms,
    EXISTS (
        SELECT 1 FROM runs
        WHERE runs.account = readings.account AND from_ms <= at_ms AND (to_ms IS NULL OR to_ms >= at_ms)
    )
FROM readings
JOIN texts AS account ON account.id = readings.account
JOIN texts AS bucket ON bucket.id = readings.bucket
JOIN texts AS status ON status.id = readings.status
WHERE status.text = 'rejected' AND at_ms >= :since_ms AND at_ms < :until_ms
    AND (:accounts IS NULL OR readings.account IN (SELECT value FROM json_each(:accounts)));

-- name: work_of_spans
-- Work units by task ('' a person's own); `:spans` is a list of account, begin, end (ms).
SELECT span.key, task.text, sum(input + 5.0 * output + 1.25 * cache_write_5m + 2.0 * cache_write_1h + 0.1 * cache_read)
FROM json_each(:spans) AS span
JOIN texts AS account ON account.text = span.value ->> 0
CROSS JOIN answers ON at_ms >= span.value ->> 1 AND at_ms < span.value ->> 2 AND answers.account = account.id
JOIN texts AS task ON task.id = answers.task
GROUP BY span.key, task.text;

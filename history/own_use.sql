-- What persons used themselves.

-- name: users
SELECT text FROM texts WHERE id IN (SELECT account FROM quarters WHERE fleet = 0) AND text <> '' ORDER BY text;

-- name: own_use
-- By quarter of an hour and tier, in tokens by kind; `:accounts` is a JSON list of names.
SELECT quarter, tier.text, sum(input), sum(output), sum(cache_write_5m + cache_write_1h), sum(cache_read)
FROM quarters
JOIN models ON models.model = quarters.model
JOIN texts AS tier ON tier.id = models.tier
WHERE fleet = 0 AND quarter >= :since
    AND account IN (SELECT id FROM texts WHERE text IN (SELECT value FROM json_each(:accounts)))
GROUP BY quarter, tier.text ORDER BY quarter, tier.text;

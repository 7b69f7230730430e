-- One word for one thing: what a bucket keeps is its protection, whoever it is kept for (docs/house.md).

UPDATE buckets
SET body = json_remove(
    json_set(body, '$.protected_until_ms', json_extract(body, '$.kept_until_ms')), '$.kept_until_ms'
)
WHERE json_type(body, '$.kept_until_ms') IS NOT NULL;

UPDATE singles
SET body = json_remove(
    json_set(
        body,
        '$.protect_by_forecast',
        CASE json_extract(body, '$.foresee') WHEN 1 THEN json('true') ELSE json('false') END
    ),
    '$.foresee'
)
WHERE name = 'policy' AND json_type(body, '$.foresee') IS NOT NULL;

UPDATE singles
SET name = 'protections',
    body = json_object('at_ms', json_extract(body, '$.at_ms'), 'by_bucket', json_extract(body, '$.protections'))
WHERE name = 'foresight';

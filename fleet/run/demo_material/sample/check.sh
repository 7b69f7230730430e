#!/bin/sh
# What every change has to pass: each part's own check.
set -e
for check in checks/*.sh; do
    [ -e "$check" ] || continue
    echo "running $check"
    sh "$check"
done

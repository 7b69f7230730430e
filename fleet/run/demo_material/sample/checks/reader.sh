[ -e words/reader.py ] || exit 0
grep -q 'encoding=' words/reader.py || { echo 'read() must name its encoding'; exit 1; }

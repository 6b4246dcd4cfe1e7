#!/bin/sh
# from_python.sh PROGRAM PAIR: runs a C++ example, and its twin PAIR.py where there is a python3, and compares
# what they print with PAIR.txt. Process ids become letters in order of appearance, so that it shows which are equal.
set -eu
program=$1 pair=$2
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT

name_pids() {
  awk '{
    line = ""
    while (match($0, /(pid=|parent=|parent process: |process id: )[0-9]+/)) {
      found = substr($0, RSTART, RLENGTH)
      pid = found; sub(/.*[= ]/, "", pid)
      if (!(pid in letter)) letter[pid] = substr("ABCDEFGHIJ", ++count, 1)
      line = line substr($0, 1, RSTART - 1) substr(found, 1, length(found) - length(pid)) letter[pid]
      $0 = substr($0, RSTART + RLENGTH)
    }
    print line $0
  }'
}

compare() {
  "$@" >"$printed" || { echo "$*: exit status $?" >&2; exit 1; }
  name_pids <"$printed" | diff -u --label "$pair.txt" --label "$*" "$pair.txt" - >&2
}

compare "$program"
if command -v python3 >/dev/null; then compare python3 "$pair.py"; fi

#!/bin/bash
# quotes.sh PAGE DIRECTORY: every program quoted on the page ends as the file in the directory it was taken from, so
# that the page shows what is compiled and run. (The page leaves out a program's first lines.)
set -euo pipefail
page=$1 directory=$2
quoted=0 inside=
while IFS= read -r line; do
  case $line in
    '```python') inside=py block= ;;
    '```cpp') inside=cpp block= ;;
    '```')
      [[ $block == '#include'* ]] || {
        found=
        for file in "$directory"/*."$inside"; do
          [[ $'\n'$(<"$file")$'\n' != *$'\n'"$block" ]] || found=$file
        done
        [ -n "$found" ] || { printf 'No program in %s ends like this:\n%s' "$directory" "$block" >&2; exit 1; }
        quoted=$((quoted + 1))
      }
      inside= ;;
    *) [ -z "$inside" ] || block+=$line$'\n' ;;
  esac
done <"$page"
programs=("$directory"/*.{py,cpp})
[ $quoted -eq ${#programs[@]} ] || { echo "$quoted programs quoted, ${#programs[@]} exist" >&2; exit 1; }

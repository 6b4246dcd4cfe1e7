#!/bin/bash
# checksum_tree.sh PROGRAM METHOD: compares the example with coreutils' sha256sum, byte for byte, on a small tree of
# awkward names, and tries its errors and crashes, with workers started by METHOD.
set -euo pipefail
export LC_ALL=C
ulimit -c 0
program=$(realpath "$1") method=$2
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

fail() { echo "checksum_tree.sh: $*" >&2; sed 's/^/  stderr: /' errors >&2; exit 1; }

# run STATUS ARGUMENT...: leaves the output in `printed` and `errors`; the exit status must be STATUS.
run() {
  local expected=$1 status=0
  shift
  "${as[@]}" "$program" --start-method "$method" "$@" >printed 2>errors || status=$?
  [ $status -eq "$expected" ] || fail "$*: exit status $status, not $expected"
}
as=()

# reference DIRECTORY [FIND'S CONDITION...]: leaves in `wanted` what sha256sum prints for the same files.
reference() { find "$1" -type f "${@:2}" -print0 | sort -z | xargs -0 -r sha256sum >wanted; }
same() { cmp printed wanted >&2 || fail "$1: output differs from sha256sum's"; }
quiet() { [ ! -s errors ] || fail "$1: said something on stderr"; }
said() { grep -qE -- "$1" errors || fail "nothing on stderr matches: $1"; }

# -- A tree of everything that is easily got wrong: names, order, kinds and sizes of files.
mkdir -p tree/a tree/empty 'tree/dir with space' $'tree/new\nline' "tree/$(printf 'deep/%.0s' {1..40})"
for name in a.b a/b a0 ' leading' 'two  spaces' $'new\nline/x' $'new\nline/y\nz' 'back\slash' $'carriage\rreturn' -dash '*' \
  "quote'\"" .hidden $'tab\t' $'\xff\xfe' 'dir with space/f' "$(printf 'deep/%.0s' {1..40})bottom"; do
  printf %s "$name" >"tree/$name"
done
: >tree/nothing
head -c 3000017 /dev/urandom >tree/large
for n in {1..99}; do echo "$n" >"tree/dir with space/$n"; done
ln -s large tree/link
ln -s nowhere tree/dangling
ln -s . tree/loop
mkfifo tree/fifo

for root in tree tree/ ./tree "$work/tree" tree/large tree/link tree/loop/ tree/empty; do
  reference "$root"
  run 0 "$root"
  same "$root"
  quiet "$root"
done
reference tree
for options in '--workers 1' '--workers 3 --chunksize 1' '--chunksize 7' '--chunksize 100000'; do
  run 0 $options tree
  same "$options"
done

mkdir many
for n in {1..5000}; do : >many/$n; done
reference many
run 0 --chunksize 1 many
same 'thousands of tasks'

# -- A worker dies of a file, wherever that is in its chunk: nothing else is lost.
mkdir tree/other
echo poison >'tree/dir with space/poison'
echo poison >tree/other/poison
reference tree ! -name poison
for options in '--chunksize 1' '--chunksize 16' '--chunksize 100000' '--workers 1'; do
  run 1 $options --crash-on poison tree
  same "--crash-on, $options"
  said '^checksum_tree: tree/dir with space/poison: .*SIGSEGV'
  said '^checksum_tree: tree/other/poison: .*SIGSEGV'
  [ "$(grep -c SIGSEGV errors)" -eq 2 ] || fail "--crash-on, $options: innocent files are reported"
  said '^checksum_tree: 2 could not be read$'
done

# -- What cannot be read. Root reads everything, so it becomes somebody else.
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
mkdir locked locked/directory
echo readable | tee locked/{a,b,directory/c} >locked/secret
reference locked ! -name secret ! -path locked/directory/c
chmod 000 locked/secret locked/directory
run 1 locked
same 'unreadable files'
said '^checksum_tree: locked/secret: Permission denied$'
said '^checksum_tree: locked/directory: Permission denied$'
said '^checksum_tree: 2 could not be read$'
as=()
run 1 /proc/self/mem  # opens, but has nothing at its beginning
said '^checksum_tree: /proc/self/mem: Input/output error$'
run 1 missing
said '^checksum_tree: missing: No such file or directory$'

# -- Wrong use.
run 0 --help
grep -q '^Usage: checksum_tree' printed || fail 'no usage'
for options in '' 'tree tree' '--nonsense tree' '--workers 0 tree' '--workers x tree' '--chunksize -1 tree' '--workers' \
  '--start-method telepathy tree'; do
  run 2 $options
  said '^checksum_tree: '
  [ ! -s printed ] || fail "'$options': printed something"
done
if "$program" tree >/dev/full 2>errors; then fail 'a full disk goes unnoticed'; fi
said 'cannot write'

# -- The progress line, on a terminal only.
script -qec "'$program' --start-method $method tree >printed" /dev/null </dev/null >errors
said '[0-9]+ of [0-9]+ files'
reference tree
same 'on a terminal'

#!/usr/bin/env bash
# Asks the Go program's verifier about every question of the ledger:
#
#   run.sh             fails where it says something else than verdicts.txt, and checks the ledger over 100,000 drawn tokens
#   run.sh --write     writes verdicts.txt anew
#
# Needs Go 1.26 or newer, and its module proxy or a module cache that has sigs.k8s.io/aws-iam-authenticator v0.7.18.
set -euo pipefail
cd "$(dirname "$0")"
version=v0.7.18
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cp ledger_test.go "$folder"
(cd "$folder" && go mod init ledger && go get "sigs.k8s.io/aws-iam-authenticator/pkg/token@$version") >"$folder/log" 2>&1 ||
  { cat "$folder/log"; exit 1; }

ledger() { cargo test --quiet --profile laws --package k8s-aws-sts --test ledger "$@"; }

# The questions go to $folder/$1.questions, what the Go program says to $folder/$1.verdicts.
ask() {
  LEDGER_QUESTIONS="$folder/$1.questions" ledger -- --ignored questions_are_written
  (cd "$folder" && LEDGER_QUESTIONS="$1.questions" LEDGER_VERDICTS="$1.verdicts" go test -count=1 .)
  wc -l "$folder/$1.verdicts"
}

drawn=${LEDGER_DRAWN:-100000}
unset LEDGER_DRAWN
ask committed
if [ "${1:-}" = --write ]; then
  cp "$folder/committed.verdicts" verdicts.txt
  exit
fi
cmp "$folder/committed.verdicts" verdicts.txt || { echo 'the Go program says something else than verdicts.txt'; exit 1; }
export LEDGER_DRAWN="$drawn"
ask drawn
LEDGER_VERDICTS="$folder/drawn.verdicts" ledger

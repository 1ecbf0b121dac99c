#!/usr/bin/env bash
# Looks for known vulnerabilities in the code that the programs reach, with
# govulncheck: vuln.sh VERSION FOLDER, where FOLDER is for the tool. A finding
# is an error. Where the tool cannot be installed or its database cannot be
# reached, it says so in one line and is none. VULNDB names another database.
set -uo pipefail
version=$1 folder=$2
tool=$folder/govulncheck-$version

log=$(mktemp)
trap 'rm -f "$log"' EXIT

skip() {
  echo "vuln: not checked for known vulnerabilities: $1: $(tail -n 1 "$log")"
  exit 0
}

if [ ! -x "$tool" ]; then
  mkdir -p "$folder"
  GOBIN=$folder GOFLAGS='' "${GO:-go}" install "golang.org/x/vuln/cmd/govulncheck@$version" >"$log" 2>&1 ||
    skip "govulncheck $version cannot be installed"
  mv "$folder/govulncheck" "$tool"
fi

code=0
"$tool" ${VULNDB:+"-db=$VULNDB"} ./... >"$log" 2>&1 || code=$?
if [ "$code" -ne 0 ] && [ "$code" -ne 3 ] && grep -q 'fetching vulnerabilities: ' "$log"; then
  skip "the database cannot be reached"
fi
cat "$log"
exit "$code"

#!/usr/bin/env bash
# Whole synchronization cycles on an embedded directory and an embedded post
# office: check, plan, run, run again, changes on both sides, and the run that
# carries just these. Leaves its folder for a look; stops what it started.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$root/bin
work=$root/demo-work
bind=cn=dirsync,cn=CONTOSO,cn=admin

rm -rf "$work"
mkdir -p "$work"
cd "$work"

# The passwords are made for this run.
(umask 077 && head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n' >exchange.pw && echo secret >po.pw)

directory=
stop() { [ -z "$directory" ] || { kill "$directory" 2>/dev/null && wait "$directory" || true; }; }
trap stop EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Shows a command and its output. 3 says that entries were refused, which some
# of the people here are made for.
show() {
  local word code=0
  printf '\n$'
  for word in "${@/#"$bin/"/}"; do
    case $word in
      *[[:space:]]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "${word/#"$root/"/}" ;;
    esac
  done
  echo
  "$@" || code=$?
  case $code in
    0 | 3) printf '(exit code %d)\n' "$code" ;;
    *) echo "demo: exit code $code was not expected" >&2; exit 1 ;;
  esac
}

"$bin/exchange55" serve --listen 127.0.0.1:0 --ldif "$here/exchange.ldif" \
  --account CONTOSO/dirsync:exchange.pw --port-file port --ready-file url >exchange55.log 2>&1 &
directory=$!
until [ -s url ]; do
  kill -0 "$directory" 2>/dev/null || { cat exchange55.log >&2; exit 1; }
  sleep 0.05
done
url=$(cat url)
"$bin/ccpo" init po --name NORTHHUB --password-file po.pw --code-page cp850 --seed "$here/postoffice.txt" >/dev/null
sed "s|PORT|$(cat port)|; s|BIN|$bin|" "$here/ccdirsync.yaml" >ccdirsync.yaml

say "1. Is everything there that a run needs?"
show "$bin/ccdirsync" check

say "2. What would a run change, and why? Nothing is written."
show "$bin/ccdirsync" plan

say "3. The run, with its ten steps"
show "$bin/ccdirsync" run

say "4. The same run again: nothing to do, byte for byte"
"$bin/exchange55" dump --url "$url" --bind-dn "$bind" --password-file exchange.pw >exchange-before.ldif
cp po/CCPO.DAT po-before
show "$bin/ccdirsync" run
"$bin/exchange55" dump --url "$url" --bind-dn "$bind" --password-file exchange.pw >exchange-after.ldif
cmp exchange-before.ldif exchange-after.ldif && cmp po-before po/CCPO.DAT && echo "both sides are byte for byte as they were"
rm exchange-before.ldif exchange-after.ldif po-before

say "5. Changes on both sides"
show "$bin/exchange55" apply --url "$url" --bind-dn "$bind" --password-file exchange.pw "$here/changes.ldif"
show "$bin/ccpo" move po "Lindström, Åsa" SOUTHPO
show "$bin/ccpo" delete po "Leaver, Leo"
show "$bin/ccpo" comment po "Okafor, Ben" "Room 14, since May"
show "$bin/ccpo" board add po "For Sale"

say "6. The run that carries just these"
show "$bin/ccdirsync" run

say "7. And then there is nothing to do again"
show "$bin/ccdirsync" plan

"$bin/exchange55" dump --url "$url" --bind-dn "$bind" --password-file exchange.pw >exchange.ldif
"$bin/ccpo" show po >postoffice.txt
cat <<END

What to look at in $work
  ccdirsync.yaml     the configuration
  exchange.ldif      the Exchange directory as it is now (it was at $url)
  postoffice.txt     the post office as it is now; its data is in po/
  CCMCDATA/          the files of the last cycle: Export, and in Import.bak what was imported
and with
  bin/ccdirsync file show demo-work/CCMCDATA/Export/CCMDIR.EXP --code-page cp850
  bin/ccpo show demo-work/po
To play on, serve the directory again:
  cd demo-work && ../bin/exchange55 serve --listen 127.0.0.1:$(cat port) --ldif exchange.ldif --account CONTOSO/dirsync:exchange.pw
  bin/ccdirsync plan -c demo-work/ccdirsync.yaml
  ldapsearch -x -H $url -D $bind -y demo-work/exchange.pw -b o=Contoso   # from the package ldap-utils
END

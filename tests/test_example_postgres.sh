#!/usr/bin/env bash
#
# postgres_load loads a real PostgreSQL, and what its tables and statistics hold is what was counted.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-postgres-load.XXXXXX") || exit 1
result=$tmp/result.json

# shellcheck source=tests/support/tell.sh
. tests/support/tell.sh
# shellcheck source=tests/support/result.sh
. tests/support/result.sh
# shellcheck source=tests/support/postgres.sh
. tests/support/postgres.sh
trap 'end_postgres; rm -rf "$tmp"' EXIT

load() { # user [argument...]
    timeout 100 "$build/examples/postgres_load" run -q --json "$result" \
        -p database="host=$postgres_dir user=$1 dbname=postgres" "${@:2}" >"$tmp/out" 2>&1
    status=$?
}

compare() { # what
    same "$1: what was paid was inserted" "$(query 'select count(*) from loadkit_payment')" \
        "$(samples 'pay\/payment' METRIC_OK)"
    same "$1: and is on the accounts" "$(query 'select sum(amount) from loadkit_payment')" \
        "$(query 'select sum(balance) from loadkit_account')"
    same "$1: no step failed" "$(samples pay STEP_OK) 0" \
        "$(samples 'pay\/COMMIT' PG_OK) $(samples pay STEP_FAILED)"
}

start_postgres || exit 1

# Sessions tell the statistics what they did when they end, or a little later.
load loadkit -w 1 -u 8 -i 600 -p accounts=50
same 'postgres_load passes' 0 $status
compare 'one worker'
for _ in $(seq 100); do
    told=$(query "select n_tup_ins || ' ' || n_tup_upd from pg_stat_user_tables
        where relname in ('loadkit_payment', 'loadkit_account') order by relname" | paste -sd ' ')
    [ "$told" = "50 $(samples pay STEP_OK) $(samples pay STEP_OK) 0" ] && break
    sleep 0.1
done
same 'the statistics of the database say so too' \
    "50 $(samples pay STEP_OK) $(samples pay STEP_OK) 0" "$told"
same 'each step is one of the two' 600 $(($(samples look STEP_OK) + $(samples pay STEP_OK)))
same 'each look was one SELECT' "$(samples look STEP_OK)" "$(samples 'look\/SELECT' PG_OK)"

load loadkit -w 2 -u 12 -d 2s
same 'postgres_load passes with two workers' 0 $status
compare 'two workers'
same 'nobody is connected any more' 1 \
    "$(query "select count(*) from pg_stat_activity where backend_type = 'client backend'")"

load nobody -w 1 -u 1 -i 3
same 'who is not let in does not begin' 1 $status
same 'who is not let in is told why' 1 \
    "$(grep -c 'role "nobody" does not exist' "$tmp/out" | sed 's/^[1-9][0-9]*$/1/')"

exit $((failed > 0))

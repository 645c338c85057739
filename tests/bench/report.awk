# Makes the table in Markdown of the samples that run took:
#
#   PART KEY PAIR TOOL REQUESTS USER_US SYSTEM_US WALL_US FAILED
#       cost, tls, http2, workers, mix, bodies, steps, start
#   calls TOOL REQUESTS READS WRITES WAITS OTHERS
#   instructions ITERATIONS REQUESTS INSTRUCTIONS
#   memory SITUATION USERS PSS_KB DESCRIPTORS
#   truth RUN HELD_P50_MS HELD_P90_MS HELD_P99_MS RECORDED_P50_MS RECORDED_P90_MS RECORDED_P99_MS
#       EXCESS_P50_MS EXCESS_P90_MS EXCESS_P99_MS
#   arrivals RATE RUN INTENDED STARTED LATE_P50_MS LATE_P99_MS BARE_P50_MS BARE_P99_MS
#   connections TIME_S OPEN
#   connections_over REQUESTS FAILED
#   load WORKERS SECONDS USER_CS SYSTEM_CS TIME_S USER_CS SYSTEM_CS TIME_S BYTES STEPS BYTES STEPS
#       of the orchestrator, what has come in at Redis, and of how many steps it was told: before and
#       after
#   api REQUESTS P50_MS P99_MS MAX_MS
#   redis SECOND BYTES BYTES_OF_CHECKPOINT
#   throng USERS RUN BEGIN_S ACTIVE_S STOP_S LAST_S
#   instructions_run, instructions_redis: as instructions

function sort_numbers(list, n,    i, j, x) {
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (j = i - 1; j >= 1 && list[j] > x; j--)
            list[j + 1] = list[j]
        list[j + 1] = x
    }
}

function median(list, n) {
    sort_numbers(list, n)
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The median over the pairs of one column of a tool: "us", "user", "system" or "rate".
function of(part, key, tool, column,    n, pair, list) {
    n = 0
    for (pair = 1; pair <= pairs; pair++)
        if ((part, key, tool, pair, column) in value)
            list[++n] = value[part, key, tool, pair, column]
    return n ? median(list, n) : ""
}

# Sets ratio and spread of loadkit to a tool, pair by pair.
function compare(part, key, tool, column,    n, pair, list) {
    n = 0
    for (pair = 1; pair <= pairs; pair++)
        if ((part, key, tool, pair, column) in value &&
            (part, key, "loadkit", pair, column) in value)
            list[++n] = value[part, key, "loadkit", pair, column] / \
                        value[part, key, tool, pair, column]
    ratio = n ? median(list, n) : ""
    spread = n ? sprintf("%.2f to %.2f", list[1], list[n]) : ""
}

function row(what, ours, theirs, beside, scatter, budget, held) {
    printf "| %s | %s | %s | %s | %s | %s | %s |\n",
           what, ours, theirs, beside, scatter, budget, held
}

function verdict(measured, budget) {
    return measured == "" ? "" : measured <= budget ? "yes" : "**no**"
}

function split_us(part, key, tool,    us) {
    us = of(part, key, tool, "us")
    if (us == "")
        return ""
    return sprintf("%.2f (%.2f + %.2f)",
                   us, of(part, key, tool, "user"), of(part, key, tool, "system"))
}

function two(number) {
    return number == "" ? "" : sprintf("%.2f", number)
}

function beside(tool, part, key, name, budget) {
    if (!((part, key) in seen))
        return
    compare(part, key, tool, "us")
    row(name ", us a request", split_us(part, key, "loadkit"), split_us(part, key, tool),
        two(ratio), spread, sprintf("%.1f x", budget), verdict(ratio, budget))
    compare(part, key, tool, "rate")
    row(name ", requests/s", sprintf("%d", of(part, key, "loadkit", "rate")),
        sprintf("%d", of(part, key, tool, "rate")), two(ratio), spread, "", "")
}

function beside_wrk(part, key, name, budget) {
    beside("wrk", part, key, name, budget)
}

function beside_others(tool, key,    us) {
    us = of("cost", key, tool, "us")
    if (us == "")
        return
    row("the same, beside " tool, two(of("cost", key, "loadkit", "us")),
        split_us("cost", key, tool), two(of("cost", key, "loadkit", "us") / us), "", "", "")
}

function calls_text(tool, from,    n, k, text) {
    n = calls[tool, "requests"] - (from == "" ? 0 : calls[from, "requests"])
    if (n <= 0)
        return ""
    for (k = 1; k <= 4; k++)
        per[k] = (calls[tool, k] - (from == "" ? 0 : calls[from, k])) / n
    return sprintf("%.3f, %.3f, %.3f, %.3f", per[1], per[2], per[3], per[4])
}

function report_calls(    theirs, ours, kept) {
    theirs = calls_text("wrk", "")
    ours = calls_text("loadkit-24000", "loadkit-4000")
    if (ours == "")
        return
    kept = per[1] < 1.01 && per[2] < 1.01 && per[3] < 1.01 && per[4] < 0.01
    row("system calls a request: read, write, wait, other", ours, theirs, "", "",
        "1, 1, at most 1, 0", kept ? "yes" : "**no**")
}

function report_memory(situation, name, budget,    most, u, each, total, held) {
    most = 0
    for (u in users_of)
        if ((situation, u) in pss && u + 0 > most)
            most = u + 0
    if (!most)
        return
    each = (pss[situation, most] - pss[situation, 1]) / (most - 1)
    held = budget == "" ? "" : verdict(each, budget)
    if (situation != "thinking" && files[situation, most] < most)
        held = "only " files[situation, most] " descriptors open"
    row(most " users " name ", kB each above one", two(each), "", "", "", budget, held)
    total = pss[situation, most] / 1024
    if (situation == "thinking")
        row(most " users " name ", MB in all", sprintf("%.0f", total), "", "", "", 300,
            verdict(total, 300))
}

# Two workers beside one: the column of the other tool is -w 1.
function report_workers(    n, pair, list) {
    for (pair = 1; pair <= pairs; pair++)
        if (("workers", 2, "loadkit", pair, "us") in value)
            list[++n] = value["workers", 2, "loadkit", pair, "us"] / \
                        value["workers", 1, "loadkit", pair, "us"]
    if (!n)
        return
    ratio = median(list, n)
    row("1000 connections, -w 2 against -w 1, us a request", split_us("workers", 2, "loadkit"),
        split_us("workers", 1, "loadkit"), two(ratio),
        sprintf("%.2f to %.2f", list[1], list[n]), "1.03 x", verdict(ratio, 1.03))
}

# What is recorded is later than what the server says by the way back and by our own lateness.
function report_truth(    q, n, run, held, late, budget) {
    for (q = 1; q <= 3 && truths; q++) {
        for (run = 1; run <= truths; run++) {
            held[run] = truth[run, q]
            late[run] = truth[run, q + 3] - truth[run, q]
        }
        n = median(held, truths)
        budget = n * 0.005 > 0.1 ? n * 0.005 : 0.1
        run = median(late, truths)
        row("recorded against known " (q == 1 ? "p50" : q == 2 ? "p90" : "p99") ", ms",
            sprintf("%.3f", n + run), sprintf("%.3f", n), sprintf("%+.3f", run),
            sprintf("%+.3f to %+.3f", late[1], late[truths]), sprintf("%.3f", budget),
            verdict(run < 0 ? -run : run, budget))
    }
    for (q = 7; q <= 9 && truths; q++) {
        for (run = 1; run <= truths; run++)
            late[run] = truth[run, q]
        n = median(late, truths)
        row("recorded less known, request by request, " \
            (q == 7 ? "p50" : q == 8 ? "p90" : "p99") ", ms", sprintf("%.3f", n), "", "",
            sprintf("%.3f to %.3f", late[1], late[truths]), q == 7 ? "0.100" : "",
            q == 7 ? verdict(n, 0.1) : "")
    }
}

function report_arrivals(rate,    run, runs, ours, theirs, more, share) {
    runs = arrivals[rate]
    if (!runs)
        return
    for (run = 1; run <= runs; run++) {
        ours[run] = arrival[rate, run, 6]
        theirs[run] = arrival[rate, run, 8]
        more[run] = ours[run] - theirs[run]
        share[run] = arrival[rate, run, 4] / arrival[rate, run, 3] * 100
    }
    run = median(more, runs)
    row("arrivals at " rate "/s, late p99, ms", sprintf("%.3f", median(ours, runs)),
        sprintf("%.3f", median(theirs, runs)), sprintf("%+.3f", run),
        sprintf("%+.3f to %+.3f", more[1], more[runs]), "+0.5", verdict(run, 0.5))
    run = median(share, runs)
    row("of them started, %", sprintf("%.2f", run), "", "",
        sprintf("%.2f to %.2f", share[1], share[runs]), 99.5, run >= 99.5 ? "yes" : "**no**")
}

# The mean of what was sampled in a part of the time, as in shares. What is on its way comes and goes
# each second: of that the median would tell whether a little more than half of the looks saw it.
function memory_between(from, to,    n, i, sum) {
    for (i = 1; i <= memories; i++) {
        if (i > from * memories && i <= to * memories) {
            sum += redis[i] / 1e6
            n++
        }
    }
    return n ? sum / n : ""
}

function report_load(    most, seconds, cores, steps, early, late, i, list) {
    if (!load[1])
        return
    most = load[1] " workers of 50 metrics, " load[2] " s: "
    seconds = load[8] - load[5]
    cores = (load[6] + load[7] - load[3] - load[4]) / seconds
    row(most "the orchestrator, % of a processor",
        sprintf("%.1f (%.1f + %.1f)", cores, (load[6] - load[3]) / seconds,
                (load[7] - load[4]) / seconds), "", "", "", 25, verdict(cores, 25))
    row("answers of its API meanwhile, p99, ms", sprintf("%.1f", api[3]), "", "",
        sprintf("p50 %.1f, max %.1f", api[2], api[4]), 50, verdict(api[3], 50))
    row("to Redis meanwhile, MB/s", sprintf("%.1f", (load[11] - load[9]) / seconds / 1e6),
        "", "", "", "", "")
    steps = (load[12] - load[10]) / seconds / load[1]
    row("seconds that each worker told of meanwhile, % of those there were",
        sprintf("%.1f", steps * 100), "", "", "", 95, steps >= 0.95 ? "yes" : "**no**")
    for (i = 1; i <= memories; i++)
        list[i] = redis[i] / 1e6
    sort_numbers(list, memories)
    row("the checkpoint in Redis at the end, MB", sprintf("%.1f", checkpoint), "", "", "", "", "")
    early = memory_between(0.25, 0.5)
    late = memory_between(0.75, 1)
    if (early)
        row("mean memory of Redis beside the checkpoint, in the last quarter and in the second, MB", sprintf("%.1f", late),
            sprintf("%.1f", early), two(late / early),
            sprintf("%.1f to %.1f", list[1], list[memories]), "1.1 x",
            load[2] < 600 ? "" : verdict(late / early, 1.1))
}

function report_throng(    run, begin, stop) {
    for (run = 1; run <= throngs; run++) {
        begin[run] = throng[run, 4] - throng[run, 3]
        stop[run] = throng[run, 6] - throng[run, 5]
        if (stop[run] < 0)
            stop[run] = 0
    }
    if (!throngs)
        return
    run = median(begin, throngs)
    row(throng_users " users on 4 workers of 2 stations, from the command to all active, s",
        two(run), "", "", two(begin[1]) " to " two(begin[throngs]), 5, verdict(begin[throngs], 5))
    run = median(stop, throngs)
    row("from the command to stop to the last request, s", sprintf("%.3f", run), "", "",
        sprintf("%.3f to %.3f", stop[1], stop[throngs]), 1, verdict(stop[throngs], 1))
}

function report_connections() {
    if (requests_of_all)
        row("60000 connections of 4 workers, all open for so many seconds", open_s + 0, "", "",
            requests_of_all " requests", "at least 60", open_s >= 60 ? "yes" : "**no**")
}

function report_worker_instructions(    ours, theirs) {
    ours = worker_instructions["redis"]
    theirs = worker_instructions["run"]
    if (ours && theirs)
        row("instructions a request of a worker under Redis, and of one under run",
            sprintf("%.0f", ours), sprintf("%.0f", theirs), sprintf("%.3f", ours / theirs), "",
            "1.02 x", verdict(ours / theirs, 1.02))
}

$1 == "connections" {
    if ($3 < 60000)
        open_from = ""
    else if (open_from == "")
        open_from = $2
    if (open_from != "" && $2 - open_from > open_s)
        open_s = $2 - open_from
    next
}

$1 == "connections_over" {
    requests_of_all = $2
    if ($3)
        failed["connections"] = $3
    next
}

$1 == "load" {
    for (k = 1; k <= 12; k++)
        load[k] = $(k + 1)
    next
}

$1 == "api" {
    for (k = 1; k <= 4; k++)
        api[k] = $(k + 1)
    next
}

$1 == "redis" {
    redis[++memories] = $3 - $4
    checkpoint = $4 / 1e6
    next
}

$1 == "throng" {
    throng_users = $2
    throngs = $3
    for (k = 3; k <= 6; k++)
        throng[$3, k] = $(k + 1)
    next
}

$1 ~ /^instructions_/ {
    of_whom = substr($1, 14)
    if (of_whom in before_count)
        worker_instructions[of_whom] = ($4 - before_count[of_whom]) / ($3 - before_requests[of_whom])
    before_count[of_whom] = $4
    before_requests[of_whom] = $3
    next
}

$1 == "arrivals" {
    arrivals[$2] = $3
    for (k = 3; k <= 8; k++)
        arrival[$2, $3, k] = $(k + 1)
    next
}

$1 == "truth" {
    truths = $2
    for (k = 1; k <= 9; k++)
        truth[$2, k] = $(2 + k)
    next
}

$1 == "calls" {
    calls[$2, "requests"] = $3
    for (k = 1; k <= 4; k++)
        calls[$2, k] = $(3 + k)
    next
}

$1 == "instructions" {
    if (instructions_before != "")
        instructions = ($4 - instructions_before) / ($3 - requests_before)
    instructions_before = $4
    requests_before = $3
    next
}

$1 == "memory" {
    pss[$2, $3] = $4
    files[$2, $3] = $5
    users_of[$3] = 1
    next
}

{
    seen[$1, $2] = 1
    if ($3 > pairs)
        pairs = $3
    if ($9 > 0)
        failed[$1 ", " $2 ", " $4] += $9
    if (!$5) {
        failed[$1 ", " $2 ", " $4 " (none was answered)"] += 1
        next
    }
    value[$1, $2, $4, $3, "us"] = ($6 + $7) / $5
    value[$1, $2, $4, $3, "user"] = $6 / $5
    value[$1, $2, $4, $3, "system"] = $7 / $5
    value[$1, $2, $4, $3, "rate"] = $5 * 1e6 / $8
    value[$1, $2, $4, $3, "wall"] = $8 / 1e6
}

# A tool beside itself with fewer users.
function report_growth(tool, name, budget,    pair, n, list) {
    for (pair = 1; pair <= pairs; pair++)
        if (("http2", 4000, tool, pair, "us") in value &&
            ("http2", 64, tool, pair, "us") in value)
            list[++n] = value["http2", 4000, tool, pair, "us"] / \
                        value["http2", 64, tool, pair, "us"]
    if (!n)
        return
    ratio = median(list, n)
    row(name, split_us("http2", 4000, tool), split_us("http2", 64, tool), two(ratio),
        sprintf("%.2f to %.2f", list[1], list[n]), budget ? sprintf("%.1f x", budget) : "",
        budget ? verdict(ratio, budget) : "")
}

END {
    row("what", "loadkit", "wrk or other", "ratio", "spread", "budget", "held")
    row("---", "---", "---", "---", "---", "---", "---")
    n = split("64 1000 4000", keys)
    for (i = 1; i <= n; i++) {
        beside_wrk("cost", keys[i], keys[i] " connections", 1.0)
        m = split("h2load ab hey", tools)
        for (j = 1; j <= m; j++)
            beside_others(tools[j], keys[i])
    }
    beside("h2load", "tls", 64, "TLS, 64 connections, beside h2load", 1.1)
    beside("h2load", "tls", 1000, "TLS, 1000 connections, beside h2load", 1.1)
    report_growth("loadkit", "HTTP/2 by libcurl, 4000 users, us a request, beside 64", 1.5)
    report_growth("h2load", "the same by h2load", 0)
    beside_wrk("workers", 1, "1000 connections, -w 1", 1.0)
    report_workers()
    beside_wrk("mix", 1000, "shop-like mix", 1.3)
    beside_wrk("bodies", 64, "bodies of 64 kB", 1.3)
    if (("steps", 64) in seen) {
        ns = of("steps", 64, "loadkit", "us") * 1000
        row("own time of a step, ns", sprintf("%.0f", ns), "", "", "", 1000, verdict(ns, 1000))
    }
    report_calls()
    if (instructions)
        row("instructions a request", sprintf("%.0f", instructions), "", "", "", "", "")
    report_memory("connected", "connected, waiting", 2)
    report_memory("secure", "connected by TLS, waiting", "")
    report_memory("http2", "connected by HTTP/2 of libcurl, waiting", "")
    report_memory("inside", "inside a request", 12)
    report_memory("thinking", "thinking", "")
    if (("start", 100000) in seen)
        row("100000 users, from start to end of a step of each, s",
            two(of("start", 100000, "loadkit", "wall")), "", "", "", 2,
            verdict(of("start", 100000, "loadkit", "wall"), 2))
    report_truth()
    n = split("200 2000 20000", keys)
    for (i = 1; i <= n; i++)
        report_arrivals(keys[i])
    report_connections()
    report_load()
    report_throng()
    report_worker_instructions()
    for (what in failed)
        printf "\nFailed requests: %s: %d\n", what, failed[what]
}

# Servers that run beside a check, and end with it.

servers=()

# start LOG COMMAND...: starts a server in a process group of its own. Its output goes to LOG, its errors to LOG.err.
start() {
    local log=$1
    shift
    set -m
    "$@" >"$log" 2>"$log.err" &
    set +m
    servers+=($!)
}

# Kills what still runs after ten seconds: cargo-lambda does not stop while it builds.
stop_servers() {
    local server
    for server in "${servers[@]}"; do
        kill -- "-$server" 2>/dev/null || continue
        for _ in {1..50}; do
            sleep 0.2
            kill -0 -- "-$server" 2>/dev/null || break
        done
        kill -KILL -- "-$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    servers=()
}
trap stop_servers EXIT

# wait_until LOG COMMAND...: repeats the command until it succeeds, as long as the last server runs.
wait_until() {
    local log=$1
    shift
    until "$@" 2>/dev/null; do
        kill -0 "${servers[-1]}" 2>/dev/null || { cat "$log" "$log.err"; return 1; }
        sleep 0.2
    done
}

# Whether a server listens on this port.
listens_on() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_local_stack LOG [ARGUMENTS...]: starts `cargo dev`, and returns when it is ready. Its last line, which says how
# to stop it, comes when the demo users exist.
start_local_stack() {
    local log=$1
    shift
    cargo build --bin dev --locked
    start "$log" cargo --quiet dev --listen 127.0.0.1:0 "$@"
    wait_until "$log" grep -q 'Ctrl-C stops' "$log"
}

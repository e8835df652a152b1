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

stop_servers() {
    local server
    for server in "${servers[@]}"; do
        kill -- "-$server" 2>/dev/null || true
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

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_local_stack LOG [ARGUMENTS...]: returns when it is ready, and its demo users exist. Its last line says how it is stopped.
start_local_stack() {
    local log=$1
    shift
    cargo build --bin dev --locked
    start "$log" cargo --quiet dev --listen 127.0.0.1:0 "$@"
    wait_until "$log" grep -q 'Ctrl-C stops' "$log"
}

# What the private Postfix (contrib/demo/postfix) and the private Sendmail (tests/mta/sendmail) have in common:
# a directory each, ports that nobody else uses, and how to say what is wrong. To be sourced by a script that has
# $self and the functions queue and down; sets $dir.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $self is whoever sources this

die() { echo "$(basename "$self"): $*" >&2; exit 1; }

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$self" >&2; exit 64; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root"; }

need_programs() {
    local program
    for program; do
        command -v "$program" >/dev/null || die "needs $program"
    done
}

# A new instance's directory. Refuses one that holds anything, because "down" removes it. Should the rest of "up"
# fail, nothing of the instance stays.
make_dir() {
    [ -z "$(ls -A "$1" 2>/dev/null)" ] || die "$1 is not empty"
    mkdir -p "$1"
    dir=$(readlink -f "$1")
    trap '[ $? = 0 ] || down' EXIT
}

# The directory of a running instance, told by FILE in it.
open_dir() {
    [ -f "$1/$2" ] || die "no instance in $1"
    dir=$(readlink -f "$1")
}

# Where no milter ever listens (tcpmux).
# shellcheck disable=SC2034 # for those who source this
nowhere=inet:127.0.0.1:1

# Claims are links, PORT -> DIR, in one place for the whole machine; one whose directory is gone is void.
claims=/run/sms-milter-ports

# Give each NAME a free port of the loopback interface, kept for this directory until release. Ports are below
# those that the kernel gives to outgoing connections (32768 and up).
claim_ports() {
    local lock name port
    mkdir -p "$claims"
    exec {lock}>"$claims/lock"
    flock "$lock"
    for name; do
        while :; do
            port=$((20000 + RANDOM % 12000))
            [ -e "$claims/$port" ] && continue
            (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
            break
        done
        ln -sfn "$dir" "$claims/$port"
        printf -v "$name" %s "$port"
        printf '%s=%s\n' "$name" "$port" >> "$dir/env"
    done
    exec {lock}>&-
}

# Add assignments to what "env" prints.
write_env() { printf '%s\n' "$@" >> "$dir/env"; }

# Remove the instance's directory and its claims.
release() {
    local claim
    for claim in "$claims"/*; do
        if [ "$(readlink "$claim")" = "$dir" ]; then rm -f "$claim"; fi
    done
    rm -rf "$dir"
}

# Wait until the queue is empty.
wait_idle() {
    local end=$((SECONDS + $1))
    while [ -n "$(queue)" ]; do
        [ $SECONDS -lt "$end" ] || die "still in the queue after $1 seconds: $(queue)"
        sleep 0.1
    done
}

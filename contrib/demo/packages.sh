# Debian's packages, for contrib/demo/run and tests/run. To be sourced.
# shellcheck shell=bash

# Print those of the packages that are not installed.
missing_packages() {
    local package
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# Install the packages, without a question, without starting a service, and without removing anything: a machine with
# another mail server (exim4, sendmail) keeps it, and this fails. Postfix comes with "No configuration".
install_packages() {
    local log policy=/usr/sbin/policy-rc.d ours='' rc=0
    log=$(mktemp)
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
        ours=yes
    fi
    apt_get "$@" >"$log" 2>&1 || { apt-get -q update && apt_get "$@"; } >"$log" 2>&1 || rc=1
    [ -z "$ours" ] || rm -f $policy
    if [ $rc != 0 ]; then
        echo "apt-get install $* failed:" >&2
        tail -n 20 "$log" >&2
        # A machine with another mail server than Postfix: say so, instead of apt's riddles.
        ! grep -q 'need to be removed' "$log" || echo "That would remove a mail server. Use a container or another machine." >&2
    fi
    rm -f "$log"
    return $rc
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends --no-remove \
        -o Dpkg::Use-Pty=0 install "$@" </dev/null
}

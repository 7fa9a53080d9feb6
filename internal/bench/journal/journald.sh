#!/bin/sh
# Ten thousand records as fast as one goroutine logs them, to a journald of this
# host's systemd in a mount namespace with a /run of its own: nothing of the host
# is touched, and nothing stays. Root; from the root of the repository.
set -eu
if [ "${1-}" != inside ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	CGO_ENABLED=0 go test -c -tags privileged -o "$dir/journal.test" ./unit/journal
	unshare --mount "$0" inside "$dir/journal.test"
	exit
fi
mount -t tmpfs run /run
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald &
journald=$!
trap 'kill $journald' EXIT
while [ ! -S /run/systemd/journal/socket ]; do sleep 0.05; done
JOURNAL_TEST_FLOOD=1 "$2"
journalctl --sync
echo "$(journalctl -o cat SYSLOG_IDENTIFIER=flood MESSAGE=flood | wc -l) are in the journal"

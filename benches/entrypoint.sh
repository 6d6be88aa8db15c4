#!/bin/sh
set -e
# The engine mounts tmpfs as root, regardless of the image; only root can hand it over.
chown 1001:1001 home staticfiles

case "$ROLE" in
    web)    set -- "$APP" ;;
    worker) set -- "$APP" ;;
    beat)   set -- "$APP" ;;
    flower) set -- "$APP" ;;
    *)      echo "unknown role: $ROLE" >&2; exit 1 ;;
esac

exec setpriv --reuid 1001 --regid 1001 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"

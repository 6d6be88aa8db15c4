#!/usr/bin/env bash
# The script that stepdown is compared with, of the usual kind: it resolves the moving tag, verifies, pulls by digest,
# restarts each unit and asks Podman for its health.
set -euo pipefail

TAG="${1:-stable}"
IMAGE="127.0.0.1:5000/app"
SERVICES=(web worker beat flower)
HEALTH_TIMEOUT=120

log() { printf '%s\n' "$*" >&2; }

log "Starting deploy of ${TAG}"
DIGEST="$(skopeo inspect --format '{{.Digest}}' "docker://${IMAGE}:stable")"
REF="${IMAGE}@${DIGEST}"
cosign verify --key /etc/containers/cosign-app.pub --insecure-ignore-tlog "${REF}"
podman pull "${REF}"
podman tag "${REF}" "${IMAGE}:stable"

for svc in "${SERVICES[@]}"; do
    log "Restarting ${svc}"
    systemctl --user restart "${svc}.service"
done

for svc in "${SERVICES[@]}"; do
    deadline=$(($(date +%s) + HEALTH_TIMEOUT))
    while :; do
        status=$(podman inspect --format '{{ .State.Health.Status }}' "${svc}" 2>/dev/null || echo missing)
        case "${status}" in
            healthy) break ;;
            unhealthy)
                log "ERROR: ${svc} reported unhealthy"
                exit 1 ;;
            *)
                if [ "$(date +%s)" -ge "${deadline}" ]; then
                    log "ERROR: ${svc} did not become healthy within ${HEALTH_TIMEOUT}s"
                    exit 1
                fi
                sleep 2 ;;
        esac
    done
done
log "Deploy of ${TAG} succeeded"

#!/bin/sh
# Replaces the containers of services one by one, by what compose.yaml and the images are now: with --profile lb the API goes on
# answering. COMPOSE_FILE, COMPOSE_PROJECT_NAME and the other variables of Compose are heeded.
#   infra/roll.sh [SERVICE...]          default: api dispatcher worker
set -eu
: "${COMPOSE_FILE:=$(dirname "$0")/compose.yaml}"
export COMPOSE_FILE
if [ $# -eq 0 ]; then set -- api dispatcher worker; fi
for service; do
  for container in $(docker compose ps --quiet "$service"); do
    echo "$service: replacing $(docker inspect --format '{{.Name}}' "$container")"
    docker stop "$container" > /dev/null
    docker rm "$container" > /dev/null
    # Makes the one that is missing, and waits until it is healthy. The others stay as they are until it is their turn.
    docker compose up --detach --no-deps --no-recreate --no-build --wait "$service"
  done
done

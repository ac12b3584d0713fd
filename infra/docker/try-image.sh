#!/usr/bin/env bash
# Starts an image all-in-one as docs/containers.md does, and has another container check the service from outside.
#   infra/docker/try-image.sh IMAGE [PORT [IMAGE-THAT-CHECKS]]
set -euo pipefail
image=${1:?the name of an image} port=${2:-7860} checks=${3:-$1}
name=qwen-edit-try-$$
trap 'docker rm --force --volumes "$name" > /dev/null' EXIT
docker run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges \
  --publish "127.0.0.1:$port:7860" "$image" serve --insecure > /dev/null
# A first start makes a database: the check waits for the model, but not for the first answer.
until docker exec "$name" bash /app/infra/docker/healthcheck.sh > /dev/null 2>&1; do
  if [[ $(docker inspect --format '{{.State.Running}}' "$name") != true ]]; then
    docker logs "$name" >&2
    exit 1
  fi
  sleep 1
done
if ! docker run --rm --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
  "$checks" smoke --url "http://127.0.0.1:$port"; then
  docker logs --tail 50 "$name" >&2
  exit 1
fi

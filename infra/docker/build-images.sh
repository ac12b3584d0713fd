#!/usr/bin/env bash
# Builds one target of the Dockerfile.
#   infra/docker/build-images.sh load TARGET          for the engine of this machine, as qwen-edit-TARGET (all-in-one: qwen-edit)
#   infra/docker/build-images.sh check TARGET         looks only whether it can be built
#   infra/docker/build-images.sh push TARGET TAG      with SBOM and provenance, to REGISTRY; needs a builder of the driver docker-container
# SOURCE, REVISION and CREATED, an address, a commit and a time, become labels.
set -euo pipefail
cd "$(dirname "$0")/../.."
how=${1:?load, check or push} target=${2:?a target of infra/docker/Dockerfile}
name=qwen-edit-$target
if [[ $target == all-in-one ]]; then name=qwen-edit; fi
build=(docker buildx build --file infra/docker/Dockerfile --target "$target")
if [[ -n ${SOURCE:-} ]]; then build+=(--label "org.opencontainers.image.source=$SOURCE"); fi
for argument in REVISION CREATED; do
  if [[ -n ${!argument:-} ]]; then build+=(--build-arg "$argument=${!argument}"); fi
done
case $how in
  load) build+=(--load --tag "$name") ;;
  check) build+=(--output type=cacheonly) ;;
  push)
    : "${REGISTRY:?as ghcr.io/somebody}"
    build+=(--push --sbom=true --provenance=mode=max --tag "$REGISTRY/$name:${3:?a tag}")
    ;;
  *)
    echo "There is no '$how': load, check or push." >&2
    exit 2
    ;;
esac
"${build[@]}" .

#!/usr/bin/env bash
# Compiles the programs with which test/infra checks charts, rules and workflows, at these versions, into a folder, beside the
# definitions of foreign resources that a cluster would have. Needs Go 1.26 and Rust 1.95. What is there already is not made again.
#   infra/tools.sh [FOLDER]          default: ~/.cache/qwen-edit-tools
# The tests look for the programs in QWEN_EDIT_TEST_TOOLS, in that folder, and in PATH.
set -euo pipefail
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/qwen-edit-tools}
mkdir -p "$folder/crds"
folder=$(cd "$folder" && pwd)

# Service discovery of every cloud would take ten minutes to compile: only what infra/prometheus and the chart use.
discovery=remove_all_sd,enable_dns_sd,enable_kubernetes_sd

# program NAME MODULE-PATH VERSION [FLAGS...]
program() {
  local name=$1 path=$2 version=$3
  shift 3
  [[ -x $folder/$name && $(cat "$folder/$name.version" 2> /dev/null) == "$version" ]] && return
  echo "compiling $name $version" >&2
  GOBIN=$folder CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' "$@" "$path@$version"
  echo "$version" > "$folder/$name.version"
}

# rust_program NAME CRATE VERSION FEATURES. Optimised little: it compiles in half the time, and runs for milliseconds.
rust_program() {
  local name=$1 crate=$2 version=$3 features=$4
  [[ -x $folder/$name && $(cat "$folder/$name.version" 2> /dev/null) == "$version" ]] && return
  echo "compiling $name $version" >&2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --quiet --locked --force --no-track --root "$folder/$name.root" \
    --version "$version" --no-default-features --features "$features" "$crate"
  mv "$folder/$name.root/bin/$name" "$folder/$name"
  rm -rf "${folder:?}/$name.root"
  echo "$version" > "$folder/$name.version"
}

# definitions NAME MODULE VERSION FOLDER-IN-IT FILE...
definitions() {
  local name=$1 module=$2 inside=$4 mark="$3 ${*:5}" source
  [[ $(cat "$folder/crds/$name.version" 2> /dev/null) == "$mark" ]] && return
  source=$(cd "$folder" && go mod download -json "$module@$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  rm -rf "${folder:?}/crds/$name"
  mkdir "$folder/crds/$name"
  for file in "${@:5}"; do install -m 644 "$source/$inside/$file.yaml" "$folder/crds/$name/"; done
  echo "$mark" > "$folder/crds/$name.version"
}

program actionlint github.com/rhysd/actionlint/cmd/actionlint v1.7.12
program kubeconform github.com/yannh/kubeconform/cmd/kubeconform v0.8.0
program helm helm.sh/helm/v4/cmd/helm v4.3.2
# v0.316.0 of the module is Prometheus 3.16.0, which infra/compose.yaml names.
program promtool github.com/prometheus/prometheus/cmd/promtool v0.316.0 -tags "$discovery"
program prometheus github.com/prometheus/prometheus/cmd/prometheus v0.316.0 -tags "$discovery"
# The language of Vector's programs, by itself.
rust_program vrl vrl 0.38.0 cli,stdlib
definitions keda github.com/kedacore/keda/v2 v2.21.0 config/crd/bases \
  keda.sh_scaledobjects keda.sh_triggerauthentications
definitions prometheus-operator github.com/prometheus-operator/prometheus-operator v0.85.0 example/prometheus-operator-crd \
  monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}
definitions external-secrets github.com/external-secrets/external-secrets v1.3.2 config/crds/bases \
  external-secrets.io_externalsecrets
definitions gateway-api sigs.k8s.io/gateway-api v1.4.0 config/crd/standard gateway.networking.k8s.io_httproutes

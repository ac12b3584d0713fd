#!/bin/sh
# Copies the rules and dashboards into the chart, which can only read its own folder. Run it after a change of either;
# test/infra/chart-files.test.ts holds the copies equal.
#   infra/helm/copy-files.sh
set -eu
cd "$(dirname "$0")/.."
chart=helm/qwen-edit/files
rm -rf "$chart/rules" "$chart/dashboards"
mkdir -p "$chart/rules" "$chart/dashboards"
for file in prometheus/rules/*.yml; do
  # Tests of rules lie beside them, and are no rules.
  if [ -e "$file" ] && grep -q '^groups:' "$file"; then cp "$file" "$chart/rules/"; fi
done
for file in grafana/dashboards/*.json; do
  if [ -e "$file" ]; then cp "$file" "$chart/dashboards/"; fi
done

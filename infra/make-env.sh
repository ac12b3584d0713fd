#!/bin/sh
# Writes the passwords that compose.yaml asks for into infra/.env, which Compose reads by itself. What is there stays as it is: the
# database keeps the password of its first start, and a new one would shut everybody out. What is missing is added.
#   infra/make-env.sh [FILE]
set -eu
file=${1:-$(dirname "$0")/.env}
if [ -e "$file" ] && ! { [ -f "$file" ] && [ -r "$file" ]; }; then
  echo "$file cannot be read, or is no file. Remove it, or name another one." >&2
  exit 1
fi
hex() { od -An -v -tx1 -N 24 /dev/urandom | tr -d ' \n'; }
added=
# add NAME COMMAND: a line for NAME, if no line gives it a value.
add() {
  name=$1
  shift
  if [ -e "$file" ] && grep -Eq "^[[:space:]]*(export[[:space:]]+)?$name[[:space:]]*=[[:space:]]*[^[:space:]]" "$file"; then return; fi
  echo "$name=$("$@")" >> "$file.new"
  added="$added $name"
}
secret() { printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64)"; }
umask 077
trap 'rm -f "$file.new"' EXIT
if [ -e "$file" ]; then
  cat "$file" > "$file.new"
  # A last line without its end would swallow the first new one.
  if [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file.new"; fi
else
  : > "$file.new"
fi
add POSTGRES_PASSWORD hex
add S3_ROOT_PASSWORD hex
add S3_SECRET_KEY hex
add QWEN_EDIT_WEBHOOK_SECRET secret
add GRAFANA_PASSWORD hex
if [ -z "$added" ]; then
  echo "$file has all passwords already and stays as it is." >&2
  exit 0
fi
mv "$file.new" "$file"
echo "New in $file:$added"

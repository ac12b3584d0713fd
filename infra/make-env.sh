#!/bin/sh
# Writes the passwords that compose.yaml asks for into infra/.env: new ones, once. Compose reads that file by itself.
#   infra/make-env.sh [FILE]
set -eu
file=${1:-$(dirname "$0")/.env}
if [ -e "$file" ]; then
  # The database keeps the password of its first start: a new one here would shut everybody out.
  echo "$file is there already and stays as it is." >&2
  exit 0
fi
hex() { od -An -v -tx1 -N 24 /dev/urandom | tr -d ' \n'; }
umask 077
cat > "$file.new" << END
POSTGRES_PASSWORD=$(hex)
S3_ROOT_PASSWORD=$(hex)
S3_SECRET_KEY=$(hex)
QWEN_EDIT_WEBHOOK_SECRET=whsec_$(head -c 32 /dev/urandom | base64)
END
mv "$file.new" "$file"
echo "New passwords are in $file."

#!/bin/sh
# Makes the bucket, and a user who has the rights of policy.json and no others. MC_HOST_store tells mc how to be the administrator.
set -eu
until mc ready store > /dev/null; do sleep 1; done
mc mb --ignore-existing store/qwen-edit
mc admin policy create store qwen-edit "$(dirname "$0")/policy.json"
# Also sets the password anew, where it was changed.
mc admin user add store "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
# To attach a policy again is an error. (The image has no grep.)
case $(mc admin user info store "$AWS_ACCESS_KEY_ID") in
  *'PolicyName: qwen-edit'*) ;;
  *) mc admin policy attach store qwen-edit --user "$AWS_ACCESS_KEY_ID" ;;
esac

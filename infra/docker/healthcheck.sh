#!/bin/bash
# HEALTHCHECK of the images: /readyz of the API, or /livez of a role that has none. In bash, because a Node that is started for
# each look would cost more than the idle role.
ask() {
  exec 3<> "/dev/tcp/127.0.0.1/$1" || return 2
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
  read -r -t 4 _ status _ <&3 && [[ $status == 200 ]]
}

ask "${PORT:-7860}" /readyz 2> /dev/null
answer=$?
# 2: nothing listens there.
if [[ $answer == 2 ]]; then
  ask "${QWEN_EDIT_METRICS_PORT:?is not set, so that this role cannot be asked for its health}" /livez
  answer=$?
fi
exit $((answer != 0))

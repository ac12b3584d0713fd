#!/bin/bash
# HEALTHCHECK of the balancer: it answers by itself, whatever becomes of the APIs.
exec 3<> /dev/tcp/127.0.0.1/8081 || exit 1
printf 'GET / HTTP/1.0\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[[ $status == 204 ]]

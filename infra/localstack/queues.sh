#!/bin/sh
# Makes the queue of jobs, and its dead letter queue for messages that were received too often.
set -e
awslocal sqs create-queue --queue-name jobs-dead
awslocal sqs create-queue --queue-name jobs --attributes '{
  "VisibilityTimeout": "60",
  "RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:jobs-dead\",\"maxReceiveCount\":\"20\"}"
}'

#!/usr/bin/env bash
# How the page looks: each view at a desk's and a telephone's width, light and dark, with hostile and long texts, judged by axe-core;
# what the pictures over time draw; and the alarms: looks_test.sh BIN PICTURES
source "$(dirname "$0")/../../support/lib.sh"
source "$(dirname "$0")/../../support/mail.sh"
source "$(dirname "$0")/common.sh"
setup "$1"
PICTURES=$2
begin
browse looks_test.mjs
stop_relay
equal "$STATUS" 0 "orderly stop"

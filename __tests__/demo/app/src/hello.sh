#!/bin/sh
echo "Hello from @ARCH@, release 1."

#!/bin/sh -e
# build.sh COMPILER PC_DIRECTORY OUTPUT: builds and runs the program by pkg-config alone.
cd "$(dirname "$0")"
export PKG_CONFIG_PATH="$2"
flags=$(pkg-config --cflags --libs "cohort >= 0.1")
"$1" -std=c++20 ../main.cpp $flags -o "$3"
"$3"

// What the emulated device says of itself: an H200 with four multiprocessors, so that persistent grids stay small.
#pragma once
#include "result.h"

namespace emulator {

constexpr int multiprocessors = 4;
constexpr int max_threads_per_multiprocessor = 2048;
constexpr int max_blocks_per_multiprocessor = 32;
constexpr int shared_bytes_per_multiprocessor = 228 << 10;
constexpr int shared_bytes_reserved_per_block = 1 << 10;
constexpr int default_shared_bytes = 48 << 10;  // of a block, without cuFuncSetAttribute
constexpr int max_shared_bytes = 227 << 10;

Result device_attribute(int attribute, int& value);

}  // namespace emulator

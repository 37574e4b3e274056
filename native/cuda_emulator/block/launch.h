// One launch of a kernel, as all blocks of it see it.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "../device/device.h"

namespace emulator {

struct Kernel {
    std::string name;
    Entry entry;
    size_t params_bytes;
    uint32_t max_threads;
};

struct Launch {
    const Kernel* kernel = nullptr;
    int device = 0;
    uint32_t grid[3] = {1, 1, 1};
    uint32_t threads = 1;
    uint32_t shared_bytes = 0;
    std::vector<uint64_t> params;  // a copy, aligned as a struct may be
    bool checked = true;
    uint64_t seed = 0;             // 0: blocks and threads in their order
    int64_t access_limit = 0;      // of a block
};

// Runs every block, on several host threads where that pays. False when a check found something.
bool run(const Launch& launch);

}  // namespace emulator

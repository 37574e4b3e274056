// One launch of a kernel, as all blocks of it see it.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
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

    // Launches are numbered when they run. One that need not wait for the kernel before it on its stream may begin while that one, and as many before that one as need not
    // wait either, still run: what they have written is not to be read before await_producers().
    bool early = false;
    std::shared_ptr<const Launch> before;  // the kernel before an early one
    uint32_t number = 0;
    uint32_t first_beside = 0;             // the first that may still run

    // Gives it its number.
    void begin();
};

// Runs every block, on several host threads where that pays. False when a check found something.
bool run(const Launch& launch);

// Runs what is not a kernel on the same host threads.
void run_parts(uint64_t total, const std::function<void(uint64_t)>& part);

}  // namespace emulator

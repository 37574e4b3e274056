// What tests choose. Read from the environment when the library is loaded, changed by srv_emulator_* afterwards.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace emulator {

struct Settings {
    std::atomic<int> devices;            // SRV_EMULATOR_DEVICES, 1 to 8
    std::atomic<size_t> memory_bytes;    // SRV_EMULATOR_MEMORY_MIB, of each device
    std::atomic<uint64_t> seed;          // SRV_EMULATOR_SEED: of the order of blocks, threads and graph nodes, and of when streams run
    std::atomic<bool> checked;           // SRV_EMULATOR_CHECKS, 0 or 1
    std::atomic<int> host_threads;       // SRV_EMULATOR_THREADS, that run blocks
    std::atomic<int64_t> access_limit;   // checked accesses of one block, after which it counts as never ending
    std::atomic<int64_t> patience_milliseconds{120000};             // of a rank that waits for another while nothing is queued or done anywhere
    std::atomic<uint32_t> refusing_algorithm{0};                    // of cuBLASLt; 0: every one
    std::atomic<uint64_t> refused_first{1}, refused_last{0};        // columns of the products that it refuses

    Settings();
};

extern Settings settings;

}  // namespace emulator

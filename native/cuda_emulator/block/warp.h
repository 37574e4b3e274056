// A warp: which of its lanes can run, and the meeting that they are gathering for.
#pragma once
#include <cstdint>
#include <vector>

#include "../device/device.h"

namespace emulator {

// A product of a warpgroup that has begun: a warp's 16 rows of it, which need nothing of the other warps.
struct BegunProduct {
    Product product;
    uint32_t group;
    uint32_t a[32][4];
    float* d[32];
    bool first;              // of those on the way that add to the same d
    float before[32][8][4];  // where it is the first: what d was
};

// A shuffle. A lane takes from one other, so it goes on as soon as that one has brought its word; shuffles order no memory, so that nothing else is changed by when it does.
struct alignas(16) Exchange {
    Operation operation;
    uint32_t brought;  // lanes that have, and those that do not exist
    uint32_t taken;    // lanes that are done with it
    uint32_t words[32];
};

struct Warp {
    static constexpr uint32_t kept_exchanges = 64;  // how far a lane may run ahead of another

    uint32_t index;
    uint32_t members;    // lanes that exist
    uint32_t runnable;
    uint32_t finished;
    uint32_t at_barrier;
    uint32_t arrived;    // at the meeting
    Operation operation;
    uint32_t qualifier;  // what all lanes have to agree on besides
    // What each lane brought, and what each takes away, word by word. A lane that runs ahead to its next meeting changes only what it brings.
    alignas(64) uint32_t in[10][32];
    const void* rows[32];
    alignas(64) uint32_t out[4][32];
    float* results[32];
    std::vector<BegunProduct> begun;
    uint32_t begun_count;    // since the block began
    uint32_t product_group;  // that is being filled
    bool fenced;             // wgmma_fence since the last wait
    uint32_t begun_exchanges;
    uint32_t awaited_by[32];  // by lane: those that sleep until it comes to its next exchange
    Exchange exchanges[kept_exchanges];
};

const char* name_of(Operation operation);

// What the operation makes of what the lanes brought.
void carry_out(Warp& warp);

}  // namespace emulator

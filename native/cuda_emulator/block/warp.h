// A warp: which of its lanes can run, and the meeting that they are gathering for.
#pragma once
#include <cstdint>

#include "../device/device.h"

namespace emulator {

struct Warp {
    uint32_t index;
    uint32_t members;    // lanes that exist
    uint32_t runnable;
    uint32_t finished;
    uint32_t arrived;    // at the meeting
    Operation operation;
    uint32_t qualifier;  // what all lanes have to agree on besides
    // What each lane brought, and what each takes away. A lane that runs ahead to its next meeting changes only what it brings.
    uint32_t in[32][10];
    const void* rows[32];
    uint32_t out[32][4];
};

const char* name_of(Operation operation);

// What the operation makes of what the lanes brought.
void carry_out(Warp& warp);

}  // namespace emulator

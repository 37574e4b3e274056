// What every kernel of the table takes.
#pragma once
#include "../ptx.cuh"

struct PtxTableParams {
    const uint32_t* in;
    uint32_t* out;
};

// A kernel whose threads each make one word of `words` neighbouring words; `in` is the thread's first.
#define SRV_PTX_TABLE(name, words, expression)                     \
    SRV_KERNEL(name, PtxTableParams, 1024) {                       \
        const uint32_t* const in = p.in + ptx::thread_index() * words; \
        p.out[ptx::thread_index()] = expression;                   \
    }

// Threads leave a word in shared memory, meet, and take another's: in the block, in half of it, in the warp.
#pragma once
#include "table.cuh"

SRV_KERNEL(ptx_barrier, PtxTableParams, 1024) {
    uint32_t* const shared = reinterpret_cast<uint32_t*>(ptx::dynamic_shared());
    const uint32_t t = ptx::thread_index();
    for (uint32_t turn = 0; turn < 3; turn++) {
        shared[t] = p.in[t] + turn;
        ptx::barrier();
        p.out[turn * ptx::block_size() + t] = shared[ptx::block_size() - 1 - t];
        ptx::barrier();
    }
}

SRV_KERNEL(ptx_barrier_part, PtxTableParams, 1024) {
    uint32_t* const shared = reinterpret_cast<uint32_t*>(ptx::dynamic_shared());
    const uint32_t t = ptx::thread_index(), part = ptx::block_size() / 2, first = t / part * part;
    shared[t] = p.in[t];
    ptx::barrier(1 + t / part, part);
    p.out[t] = shared[first + part - 1 - (t - first)];
}

SRV_KERNEL(ptx_producers, PtxTableParams, 1024) {
    ptx::release_dependents();
    ptx::await_producers();
    p.out[ptx::thread_index()] = p.in[ptx::thread_index()];
}

SRV_KERNEL(ptx_warp_sync, PtxTableParams, 1024) {
    uint32_t* const shared = reinterpret_cast<uint32_t*>(ptx::dynamic_shared());
    const uint32_t t = ptx::thread_index();
    shared[t] = p.in[t];
    ptx::warp_sync();
    p.out[t] = shared[t ^ 31];
}

// Each block leaves a word; the one that comes last finds them all. out: a counter, the sum, then the words.
SRV_KERNEL(ptx_threadfence, PtxTableParams, 1024) {
    if (ptx::thread_index() != 0) return;
    p.out[2 + ptx::block_index()] = p.in[ptx::block_index()];
    ptx::threadfence();
    if (ptx::atomic_add(p.out, 1) != ptx::block_count() - 1) return;
    ptx::threadfence();
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ptx::block_count(); i++) sum += *static_cast<volatile uint32_t*>(p.out + 2 + i);
    p.out[1] = sum;
}

// The second half of the block leaves its words and goes on; the first waits for them.
SRV_KERNEL(ptx_barrier_arrive, PtxTableParams, 1024) {
    uint32_t* const shared = reinterpret_cast<uint32_t*>(ptx::dynamic_shared());
    const uint32_t t = ptx::thread_index(), half = ptx::block_size() / 2;
    if (t >= half) {
        shared[t - half] = p.in[t];
        ptx::barrier_arrive(1, ptx::block_size());
        return;
    }
    ptx::barrier(1, ptx::block_size());
    p.out[t] = shared[half - 1 - t];
}

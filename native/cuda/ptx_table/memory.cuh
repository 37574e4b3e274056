#pragma once
#include "table.cuh"

SRV_KERNEL(ptx_load_16, PtxTableParams, 1024) {
    const ptx::Vec4 v = ptx::load_16(p.in + 4 * ptx::thread_index());
    uint32_t* const out = p.out + 4 * ptx::thread_index();
    out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
}

SRV_KERNEL(ptx_load_16_streaming, PtxTableParams, 1024) {
    ptx::prefetch_l2(p.in + 4 * ptx::thread_index());
    const ptx::Vec4 v = ptx::load_16_streaming(p.in + 4 * ptx::thread_index());
    uint32_t* const out = p.out + 4 * ptx::thread_index();
    out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
}

SRV_KERNEL(ptx_load_8, PtxTableParams, 1024) {
    const ptx::Vec2 v = ptx::load_8(p.in + 2 * ptx::thread_index());
    p.out[2 * ptx::thread_index()] = v.x;
    p.out[2 * ptx::thread_index() + 1] = v.y;
}

SRV_KERNEL(ptx_store_16, PtxTableParams, 1024) {
    const uint32_t* const in = p.in + 4 * ptx::thread_index();
    ptx::store_16(p.out + 4 * ptx::thread_index(), {in[0], in[1], in[2], in[3]});
}

SRV_KERNEL(ptx_store_8, PtxTableParams, 1024) {
    const uint32_t* const in = p.in + 2 * ptx::thread_index();
    ptx::store_8(p.out + 2 * ptx::thread_index(), {in[0], in[1]});
}

// Each thread adds its word to the counter that the word's low bits name.
SRV_KERNEL(ptx_atomic_add, PtxTableParams, 1024) {
    const uint32_t word = p.in[ptx::thread_index()];
    ptx::atomic_add(p.out + word % 4, word);
}

// What was there before: a thread's ticket, each given once.
SRV_KERNEL(ptx_atomic_add_old, PtxTableParams, 1024) { p.out[1 + ptx::atomic_add(p.out, 1)] = ptx::thread_index(); }

#pragma once
#include "table.cuh"

// Thread t copies the first t % 17 bytes of its 16; the rest is zeros.
SRV_KERNEL(ptx_cp_async_16, PtxTableParams, 1024) {
    const uint32_t t = ptx::thread_index();
    uint8_t* const shared = ptx::dynamic_shared() + 16 * t;
    ptx::cp_async_16(shared, p.in + 4 * t, t % 17);
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    ptx::store_16(p.out + 4 * t, ptx::load_16(shared));
}

// Thread t copies the first t % 5 bytes of a word, to its neighbour's place.
SRV_KERNEL(ptx_cp_async_4, PtxTableParams, 1024) {
    const uint32_t t = ptx::thread_index();
    uint8_t* const shared = ptx::dynamic_shared() + 4 * (t ^ 1);
    ptx::cp_async_4(ptx::shared_address(shared), p.in + t, t % 5);
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    p.out[t] = *reinterpret_cast<const uint32_t*>(shared);
}

// A ring of three: two copies are under way while the third's turn is read.
SRV_KERNEL(ptx_cp_async_ring, PtxTableParams, 1024) {
    const uint32_t t = ptx::thread_index(), threads = ptx::block_size(), turns = 8;
    uint8_t* const shared = ptx::dynamic_shared();
    for (uint32_t turn = 0; turn < turns + 2; turn++) {
        if (turn < turns) ptx::cp_async_16(shared + (turn % 3 * threads + t) * 16, p.in + 4 * (turn * threads + t));
        ptx::cp_async_commit();
        if (turn < 2) continue;
        ptx::cp_async_wait<2>();
        ptx::barrier();
        const uint32_t other = threads - 1 - t;
        ptx::store_16(p.out + 4 * ((turn - 2) * threads + t), ptx::load_16(shared + ((turn - 2) % 3 * threads + other) * 16));
        ptx::barrier();
    }
}

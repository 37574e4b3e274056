// sm_90a, a warpgroup. `in` is 64 lines of 64 bf16, which go to shared memory as wgmma wants them; then each thread's four registers of a; then its d.
#pragma once
#include "table.cuh"

template <bool Turned, bool Adds>
SRV_DEVICE void ptx_table_product(const PtxTableParams& p, uint32_t offset) {
    const uint32_t t = ptx::thread_index();
    for (uint32_t i = t; i < 512; i += 128) {
        const uint32_t line = i / 8, chunk = i % 8;
        ptx::store_16(ptx::dynamic_shared() + line * 128 + (chunk ^ line % 8) * 16, ptx::load_16(p.in + 4 * i));
    }
    ptx::fence_proxy_async();
    ptx::barrier();
    const uint32_t* const in = p.in + 2048 + 4 * t;
    uint32_t a[4] = {in[0], in[1], in[2], in[3]};
    float d[8][4];
    for (uint32_t i = 0; i < 32; i++) d[i / 4][i % 4] = ptx::as_float(p.in[2560 + 32 * t + i]);
    ptx::wgmma_hold(d);
    ptx::wgmma_hold(a);
    ptx::wgmma_fence();
    ptx::wgmma_m64n64k16<Turned, Adds>(d, a, ptx::tile_descriptor(ptx::shared_address(ptx::dynamic_shared())) + offset / 16);
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(d);
    for (uint32_t i = 0; i < 32; i++) p.out[32 * t + i] = ptx::as_uint(d[i / 4][i % 4]);
}

// b is k 16 .. 31 of 64 columns, or lines 16 .. 31.
SRV_KERNEL(ptx_wgmma_m64n64k16, PtxTableParams, 128) { ptx_table_product<false, false>(p, 32); }
SRV_KERNEL(ptx_wgmma_m64n64k16_adds, PtxTableParams, 128) { ptx_table_product<false, true>(p, 32); }
SRV_KERNEL(ptx_wgmma_m64n64k16_turned, PtxTableParams, 128) { ptx_table_product<true, false>(p, 2048); }
SRV_KERNEL(ptx_wgmma_m64n64k16_turned_adds, PtxTableParams, 128) { ptx_table_product<true, true>(p, 2048); }

// One warpgroup gives registers up, two take them; each thread keeps its word.
SRV_KERNEL_ALONE(ptx_registers, PtxTableParams, 384) {
    const uint32_t t = ptx::thread_index();
    if (t >= 256) {
        ptx::registers_give<40>();
    } else {
        ptx::registers_take<232>();
    }
    p.out[t] = p.in[t];
}

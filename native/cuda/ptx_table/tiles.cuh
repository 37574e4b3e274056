// One warp. ldmatrix: `in` is 32 rows of 8 bf16, row by row as lanes name them. mma: `in` is each lane's registers, a then b then d.
#pragma once
#include "table.cuh"

// Brings the rows to shared memory; the address of this lane's.
SRV_DEVICE const void* ptx_table_row(const PtxTableParams& p) {
    uint8_t* const row = ptx::dynamic_shared() + 16 * ptx::lane();
    ptx::store_16(row, ptx::load_16(p.in + 4 * ptx::lane()));
    ptx::warp_sync();
    return row;
}

#define SRV_PTX_TABLE_LDMATRIX(suffix)                                                              \
    SRV_KERNEL(ptx_ldmatrix_x1##suffix, PtxTableParams, 32) { ptx::ldmatrix_x1##suffix(p.out[ptx::lane()], ptx_table_row(p)); } \
    SRV_KERNEL(ptx_ldmatrix_x2##suffix, PtxTableParams, 32) {                                       \
        uint32_t tile[2];                                                                           \
        ptx::ldmatrix_x2##suffix(tile, ptx_table_row(p));                                           \
        for (uint32_t i = 0; i < 2; i++) p.out[2 * ptx::lane() + i] = tile[i];                      \
    }                                                                                               \
    SRV_KERNEL(ptx_ldmatrix_x4##suffix, PtxTableParams, 32) {                                       \
        uint32_t tile[4];                                                                           \
        ptx::ldmatrix_x4##suffix(tile, ptx_table_row(p));                                           \
        for (uint32_t i = 0; i < 4; i++) p.out[4 * ptx::lane() + i] = tile[i];                      \
    }
SRV_PTX_TABLE_LDMATRIX()
SRV_PTX_TABLE_LDMATRIX(_trans)

SRV_KERNEL(ptx_mma_m16n8k16, PtxTableParams, 32) {
    const uint32_t* const in = p.in + 10 * ptx::lane();
    const uint32_t a[4] = {in[0], in[1], in[2], in[3]}, b[2] = {in[4], in[5]};
    float d[4] = {ptx::as_float(in[6]), ptx::as_float(in[7]), ptx::as_float(in[8]), ptx::as_float(in[9])};
    ptx::mma_m16n8k16(d, a, b);
    for (uint32_t i = 0; i < 4; i++) p.out[4 * ptx::lane() + i] = ptx::as_uint(d[i]);
}

SRV_KERNEL(ptx_mma_m16n8k8, PtxTableParams, 32) {
    const uint32_t* const in = p.in + 7 * ptx::lane();
    const uint32_t a[2] = {in[0], in[1]};
    float d[4] = {ptx::as_float(in[3]), ptx::as_float(in[4]), ptx::as_float(in[5]), ptx::as_float(in[6])};
    ptx::mma_m16n8k8(d, a, in[2]);
    for (uint32_t i = 0; i < 4; i++) p.out[4 * ptx::lane() + i] = ptx::as_uint(d[i]);
}

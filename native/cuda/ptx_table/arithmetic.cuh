#pragma once
#include "table.cuh"

SRV_PTX_TABLE(ptx_fma, 3, ptx::as_uint(ptx::fma(ptx::as_float(in[0]), ptx::as_float(in[1]), ptx::as_float(in[2]))))
SRV_PTX_TABLE(ptx_div_rn, 2, ptx::as_uint(ptx::div_rn(ptx::as_float(in[0]), ptx::as_float(in[1]))))
SRV_PTX_TABLE(ptx_maximum, 2, ptx::as_uint(ptx::maximum(ptx::as_float(in[0]), ptx::as_float(in[1]))))
SRV_PTX_TABLE(ptx_rcp_rn, 1, ptx::as_uint(ptx::rcp_rn(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_sqrt_rn, 1, ptx::as_uint(ptx::sqrt_rn(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_exp2_approx, 1, ptx::as_uint(ptx::exp2_approx(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_log2_approx, 1, ptx::as_uint(ptx::log2_approx(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_rcp_approx, 1, ptx::as_uint(ptx::rcp_approx(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_rsqrt_approx, 1, ptx::as_uint(ptx::rsqrt_approx(ptx::as_float(in[0]))))
SRV_PTX_TABLE(ptx_mul_hi, 2, ptx::mul_hi(in[0], in[1]))
SRV_PTX_TABLE(ptx_popcount, 1, ptx::popcount(in[0]))
SRV_PTX_TABLE(ptx_leading_zeros, 1, ptx::leading_zeros(in[0]))
SRV_PTX_TABLE(ptx_permute_bytes, 3, ptx::permute_bytes(in[0], in[1], in[2] & 0x7777u))

// Plain operators, which no build may fuse or approximate: a product and a sum are two roundings.
SRV_PTX_TABLE(ptx_plain_mul_add, 3, ptx::as_uint(ptx::as_float(in[0]) * ptx::as_float(in[1]) + ptx::as_float(in[2])))
SRV_PTX_TABLE(ptx_plain_divide, 2, ptx::as_uint(ptx::as_float(in[0]) / ptx::as_float(in[1])))

SRV_DEVICE uint32_t ptx_table_not_negative(uint32_t bits) {
    ptx::trap_if_negative(ptx::as_float(bits));
    return bits;
}

SRV_PTX_TABLE(ptx_trap_if_negative, 1, ptx_table_not_negative(in[0]))

#pragma once
#include "table.cuh"

SRV_PTX_TABLE(ptx_to_bf16, 1, ptx::to_bf16(ptx::as_float(in[0])))
SRV_PTX_TABLE(ptx_to_bf16x2, 2, ptx::to_bf16x2(ptx::as_float(in[0]), ptx::as_float(in[1])))
SRV_PTX_TABLE(ptx_from_bf16, 1, ptx::as_uint(ptx::from_bf16(static_cast<uint16_t>(in[0]))))
SRV_PTX_TABLE(ptx_low_bf16, 1, ptx::as_uint(ptx::low_bf16(in[0])))
SRV_PTX_TABLE(ptx_high_bf16, 1, ptx::as_uint(ptx::high_bf16(in[0])))
SRV_PTX_TABLE(ptx_fma_bf16x2, 3, ptx::fma_bf16x2(in[0], in[1], in[2]))

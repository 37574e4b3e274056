// Two words per lane: a value and, for shuffles, by how much; for votes the first word's lowest bit.
#pragma once
#include "table.cuh"

SRV_PTX_TABLE(ptx_shuffle_xor, 2, ptx::shuffle_xor(in[0], in[1]))
SRV_PTX_TABLE(ptx_shuffle_down, 2, ptx::shuffle_down(in[0], in[1]))
SRV_PTX_TABLE(ptx_shuffle_index, 2, ptx::shuffle_index(in[0], in[1]))
SRV_PTX_TABLE(ptx_shuffle_float, 2, ptx::as_uint(ptx::shuffle_xor(ptx::as_float(in[0]), in[1])))
SRV_PTX_TABLE(ptx_shuffle_signed, 2, static_cast<uint32_t>(ptx::shuffle_xor(static_cast<int32_t>(in[0]), in[1]) / 2))
SRV_PTX_TABLE(ptx_ballot, 2, ptx::ballot((in[0] & 1) != 0))
SRV_PTX_TABLE(ptx_any, 2, ptx::any((in[0] & 1) != 0))
SRV_PTX_TABLE(ptx_all, 2, ptx::all((in[0] & 1) != 0))

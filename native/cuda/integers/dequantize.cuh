// A matrix of integers, or strips of one, as bf16: what cuBLASLt multiplies many rows with.
//
// Memory: a block of threads takes 64 outputs and 64 inputs; a warp a quarter of these inputs, 16 or 32 bytes per lane and whole lines per warp. They meet in shared memory, as a lane has pairs of eight
// rows and a row is to be written 128 bytes at a time; rows there are 16 bytes apart, so that the stores of a warp, and its loads, fall into different banks.
// Bytes per element: 1.0625 (int8), 0.5625 (int4, codes) or 0.625 (int4 with offsets) read, 2 written. Operations: 2 to 4 per element.
#pragma once
#include "decode.cuh"

constexpr int kDequantizeRow = SRV_INTEGER_INPUTS * 2 + 16;  // bytes

// Outputs 16 j + 8 h + g, pairs of inputs t and t + 4 of the quarter's eight.
SRV_DEVICE void put_quarter(uint8_t* rows, int quarter, const uint32_t (&w)[4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    SRV_UNROLL
    for (int j = 0; j < 4; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            const int row = j * 16 + i % 2 * 8 + lane / 4;
            *reinterpret_cast<uint32_t*>(rows + row * kDequantizeRow + quarter * 32 + i / 2 * 16 + lane % 4 * 4) = w[j][i];
        }
    }
}

template <IntegerFormat Format>
SRV_DEVICE void dequantize(const srv_dequantize_params& p, uint8_t* rows) {
    const int blocks = integer_blocks(p.inputs);
    const int thread = static_cast<int>(ptx::thread_index());
    const int quarter = static_cast<int>(ptx::warp());
    for (int unit = static_cast<int>(ptx::block_index()); unit < ceil_div(p.outputs, SRV_INTEGER_OUTPUTS) * blocks; unit += static_cast<int>(ptx::block_count())) {
        const int strip = unit / blocks, block = unit % blocks;
        uint32_t w[4][4];
        decode_quarter<Format>(integer_block_at<Format>(p.weight, p.inputs, strip, block), quarter, w);
        put_quarter(rows, quarter, w);
        ptx::barrier();
        const int column = block * SRV_INTEGER_INPUTS + thread % 8 * 8;
        SRV_UNROLL
        for (int i = 0; i < SRV_INTEGER_OUTPUTS; i += 16) {
            const int row = i + thread / 8, output = strip * SRV_INTEGER_OUTPUTS + row;
            if (output < p.outputs && column < p.output_stride) {
                ptx::store_16(row_of<uint16_t>(p.output, output, p.output_stride) + column, ptx::load_16(rows + row * kDequantizeRow + thread % 8 * 16));
            }
        }

        ptx::barrier();
    }
}

SRV_KERNEL(srv_dequantize_int8, srv_dequantize_params, 128) {
    static_assert(SRV_INTEGER_OUTPUTS * kDequantizeRow <= SRV_DEQUANTIZE_SHARED, "the host is told how much shared memory this takes");
    dequantize<IntegerFormat::Int8>(p, ptx::dynamic_shared());
}

SRV_KERNEL(srv_dequantize_int4, srv_dequantize_params, 128) { dequantize<IntegerFormat::Int4>(p, ptx::dynamic_shared()); }

SRV_KERNEL(srv_dequantize_int4_asymmetric, srv_dequantize_params, 128) { dequantize<IntegerFormat::Int4Asymmetric>(p, ptx::dynamic_shared()); }

SRV_KERNEL(srv_dequantize_iq4, srv_dequantize_params, 128) { dequantize<IntegerFormat::Iq4>(p, ptx::dynamic_shared()); }

SRV_KERNEL(srv_dequantize_mxfp4, srv_dequantize_params, 128) { dequantize<IntegerFormat::Mxfp4>(p, ptx::dynamic_shared()); }

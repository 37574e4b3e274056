// output[row] (fp32) = round(table[token of row]) * scale of a table of integers.
//
// Memory: a token's integers lie in words of four, 64 bytes of every KiB of its strip, and are read where they are: a few tokens, or some thousand that hardly share a strip.
// Bytes per row and column: 2 to 4 read in sectors, 4 written. Operations: 4 per column.
// Sampling writes over what the previous step sampled while its blocks still ask for it: they read pending instead, as with srv_embed.
#pragma once
#include "../embed/embed.cuh"
#include "decode.cuh"

// Two neighbouring columns, the second of which may lie behind the last.
SRV_DEVICE void store_pair(float* to, int column, int columns, uint32_t pair, float scale) {
    if (column < columns) {
        to[column] = ptx::low_bf16(pair) * scale;
    }

    if (column + 1 < columns) {
        to[column + 1] = ptx::high_bf16(pair) * scale;
    }
}

SRV_KERNEL(srv_embed_int8, srv_embed_params, 128) {
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int token = token_of(p, row);
        const int output = token % SRV_INTEGER_OUTPUTS, tile = output / 16, half = output / 8 % 2, group = output % 8;
        float* to = row_of<float>(p.output, row, p.output_stride);
        for (int i = static_cast<int>(ptx::thread_index()); i < integer_blocks(p.columns) * 16; i += 128) {
            const int quarter = i / 4 % 4, t = i % 4;
            const uint8_t* block = integer_block_at<IntegerFormat::Int8>(p.weight, p.columns, token / SRV_INTEGER_OUTPUTS, i / 16);
            const uint32_t word = *reinterpret_cast<const uint32_t*>(block + quarter * 1024 + tile / 2 * 512 + (group * 4 + t) * 16 + tile % 2 * 8 + half * 4);
            const float scale = ptx::from_bf16(*reinterpret_cast<const uint16_t*>(block + kIntegerValues<IntegerFormat::Int8> + quarter / 2 * 128 + group * 16 + tile * 4 + half * 2));
            const int column = i / 4 * 16 + t * 2;
            store_pair(to, column, p.columns, decode_bytes(word, 0, scale), p.scale);
            store_pair(to, column + 8, p.columns, decode_bytes(word, 2, scale), p.scale);
        }
    }
}

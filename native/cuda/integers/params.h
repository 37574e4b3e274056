/*
 * Matrices of integers in device memory: w = round(scale * q) in bf16, where 32 inputs of an output share a bf16 scale (Serving.Compute.Quantization.BlockQuantizer), or round(scale * q + offset) with a bf16
 * offset beside it: one rounding either way. What ../params.h says of structs holds here; kernels whose struct it has are told where they differ.
 *
 * Strips of 64 outputs, one behind the other, in a matrix of several experts each expert's from a strip of its own on; a strip is blocks of 64 inputs, one behind the other; the last strip and the last block are filled up with zeros. A block is its integers, in the order in which
 * lanes of m16n8k16 take them as the first operand, and behind them its scales:
 *
 *     int8, 4,352 bytes   [4 quarters of 16 inputs][2 pairs of 16 outputs][32 lanes][2 of the pair][2 halves of 8 outputs][4] unsigned bytes, q + 128
 *     int4, 2,304 bytes   [4 quarters of 16 inputs][32 lanes][4 of 16 outputs] words of eight q + 8 each
 *     int4 with offsets (asymmetric), 2,560 bytes: the same
 *     iq4, 2,304 bytes    the same, with words of eight codes of IQ4_NL
 *     mxfp4, 2,304 bytes  the same, with words of eight codes of E2M1, which stand for twice its numbers
 *     scales              [2 groups of 32 inputs][8 outputs][4 of 16 outputs][2 halves of 8 outputs] bf16
 *     offsets             likewise
 *
 *     lane 4 g + t has outputs g of every half and, of a quarter's inputs, 2 t, 2 t + 1, 2 t + 8, 2 t + 9: the four bytes in this order; in a word of nibbles output 8 h + g has inputs
 *     2 t, 2 t + 1 in nibbles h, h + 4 and inputs 2 t + 8, 2 t + 9 in nibbles h + 2, h + 6; in a word of codes in h, h + 2 and h + 4, h + 6
 */
#ifndef SERVING_CUDA_INTEGERS_PARAMS_H
#define SERVING_CUDA_INTEGERS_PARAMS_H

#include "../params.h"

enum {
    SRV_INTEGER_OUTPUTS = 64,          /* outputs of a strip */
    SRV_INTEGER_INPUTS = 64,           /* inputs of a block */
    SRV_INTEGER_SCALE_BYTES = 256,     /* of a block; of its offsets as many */
    SRV_INTEGER_PRODUCT_SHARED = 101376 /* a ring of stages, sums of eight rows: 99 KiB, which every device of sm_80 and up lets a block have */
};

/* srv_product_int8, srv_product_int4, srv_product_int4_asymmetric, srv_product_iq4, srv_product_mxfp4: what srv_product makes, bit for bit, of the bf16 that the integers stand for. Takes srv_product_params; weight points to strips, weight_stride is not used.
   256 threads, SRV_INTEGER_PRODUCT_SHARED bytes, persistent: a block per multiprocessor. */
/* srv_experts_few and srv_experts with these endings: what those make of the bf16 that the integers stand for, bit for bit. Take srv_experts_params; weight points to strips, weight_stride is not used, and with an
   activation half of an expert's outputs are whole strips. 256 threads, SRV_INTEGER_PRODUCT_SHARED bytes, persistent: two blocks per multiprocessor (few), or one. */
/* srv_embed_int8: srv_embed of a table of integers, whose values are rounded to bf16. Takes srv_embed_params; weight points to strips, weight_stride is not used. 128 threads, no shared memory, a block per row. */
/* srv_dequantize_int8, srv_dequantize_int4, srv_dequantize_int4_asymmetric, srv_dequantize_iq4, srv_dequantize_mxfp4: output = the matrix in bf16, up to the stride. 128 threads, SRV_DEQUANTIZE_SHARED bytes, a block per 64 outputs and 64 inputs. */
typedef struct srv_dequantize_params {
    srv_address weight; /* strips */
    srv_address output; /* bf16 [outputs, output_stride] */
    int outputs, inputs, output_stride, reserved;
} srv_dequantize_params;

enum { SRV_DEQUANTIZE_SHARED = 9216 /* 64 rows of 64 elements, 16 bytes apart */ };

#endif

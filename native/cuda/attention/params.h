/*
 * Keys and values of eight bits (Serving.Compute.Programs.KeyValueFormat). In a page, as ../params.h has it for bf16, with integers in their place and a scale for each slot behind them:
 *
 *     [layer][K, V][kv head]{[16 slots][head_size] int8, [16 slots] float}
 *
 * An element is integer * scale; the integers of a slot's head are its elements * 127 / their largest magnitude, the scale is that magnitude / 127. A slot is a row, of keys and of values: pieces
 * of 16 bytes, which cp.async copies and a lane of ldmatrix reads. Heads begin at multiples of 16 bytes, whatever their size.
 *
 * Kernels with _int8 behind their names take such pages, and else what those without take: srv_rope_append, srv_finish_rope_append, srv_finish_rope_append_rows, srv_copy_pages,
 * srv_attention_plain, and with and without _windowed srv_attention_decode, _prefill and _prefill_wgmma, whose shared memory is given here. srv_rotate_pages has no such twin.
 */
#ifndef SERVING_CUDA_ATTENTION_PARAMS_H
#define SERVING_CUDA_ATTENTION_PARAMS_H

#include "../params.h"

enum {
    SRV_ATTENTION_DECODE_INT8_SHARED = 88832,   /* a ring of five tiles of integers with their scales, and the scores of 16 rows */
    SRV_ATTENTION_PREFILL_INT8_SHARED = 100352, /* two tiles of bf16 and two of integers, all with scales: below 99 KiB, which every device of sm_80 and up lets a block have */
    SRV_ATTENTION_WGMMA_INT8_SHARED = 231936    /* a ring of five tiles of bf16, their scales, four tiles of integers; sm_90a lets a block have 227 KiB, which are 232,448 */
};

#endif

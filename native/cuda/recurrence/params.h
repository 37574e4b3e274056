/*
 * Layers that remember in place of attending: what their kernels are launched with; what ../params.h says of structs holds here.
 *
 * A version of a sequence's state is a string of floats in whole pages of the pool, one filled before the next; the step's list state_pages has their numbers, and srv_sequence says where in it
 * the version that is read begins (state_read; -1: all zeros) and the one that is written (state_write; never the same pages). An op's part begins at float first, a multiple of 16, so that 16
 * neighbouring floats from a multiple of 16 on never lie in two pages; anything longer may.
 */
#ifndef SERVING_CUDA_RECURRENCE_PARAMS_H
#define SERVING_CUDA_RECURRENCE_PARAMS_H

#include "../params.h"

enum {
    SRV_DELTA_ROWS = 16,        /* rows whose keys and queries lie in shared memory together */
    SRV_MAX_KEY_SIZE = 128,     /* elements of a column of a state, each in a register */
    SRV_MAX_VALUE_SIZE = 256,   /* columns of a state, a thread each */
    SRV_DELTA_SHARED = 33600    /* of the largest head: 16 rows of 2 keys of 132, of 256 values and of 5 numbers */
};

/* Where an op's part of the states lies. */
typedef struct srv_state {
    srv_address pages;          /* float [pages][page_floats] */
    srv_address list;           /* int [state pages of the step] */
    srv_address sequences;      /* srv_sequence [sequences] */
    srv_address sequence_count; /* int */
    int first, page_floats;     /* page_floats: a multiple of 1,024 */
} srv_state;

/* srv_convolution: output[t, c] = activation(sum over j of weight[j, c] * input[t - taps + 1 + j, c] + bias[c]). State: float [taps - 1][columns], rows before the step's first of the sequence.
   256 threads, no shared memory, a block per row and 256 columns. */
typedef struct srv_convolution_params {
    srv_state state;
    srv_address input;         /* float [rows, input_stride] from the first column that is convolved */
    srv_address output;        /* float [rows, output_stride] */
    srv_address weight;        /* float [taps, columns], without gaps */
    srv_address bias;          /* float [columns], or 0 */
    srv_address row_sequences; /* int [rows]: which of the step's sequences a row is one of */
    srv_address row_count;     /* int */
    int columns, taps, input_stride, output_stride;
    int silu, reserved;
} srv_convolution_params;

/* srv_delta_rule: Serving.Compute.Programs.DeltaRuleOp. State: float [value_heads][key_size][value_size]. Threads: value_size, in whole warps. Shared memory: SRV_DELTA_ROWS * (2 * (key_size in whole
   groups of 16 + 4) + value_size + 5) floats. A block per sequence and value head. */
typedef struct srv_delta_rule_params {
    srv_state state;
    srv_address input;      /* float [rows, input_stride]: [q heads | k heads | v heads] */
    srv_address gate;       /* float [rows, gate_stride] from the first head's column on */
    srv_address rates;      /* float [rows, rates_stride]: [beta | decay], a column for each value head */
    srv_address output;     /* bf16 [rows, output_stride] */
    srv_address rate;       /* float [value_heads] */
    srv_address decay_bias; /* float [value_heads] */
    srv_address norm;       /* float [value_size] */
    int key_heads, value_heads, key_size, value_size;
    int input_stride, gate_stride, rates_stride, output_stride;
    float epsilon, query_scale; /* query_scale: 1 / sqrt(key_size) */
} srv_delta_rule_params;

#endif

/* What attention whose output has a gate is launched with; what ../params.h says of structs holds here. */
#ifndef SERVING_CUDA_SIGMOID_MUL_PARAMS_H
#define SERVING_CUDA_SIGMOID_MUL_PARAMS_H

#include "../params.h"

/* srv_sigmoid_mul: output = round(input * sigmoid(gate)). 256 threads, no shared memory, a block per row and 2,048 columns. */
typedef struct srv_sigmoid_mul_params {
    srv_address input;     /* bf16 [rows, input_stride] */
    srv_address gate;      /* float [rows, gate_stride] */
    srv_address output;    /* bf16 [rows, output_stride] */
    srv_address row_count; /* int */
    int columns, input_stride, gate_stride, output_stride;
} srv_sigmoid_mul_params;

#endif

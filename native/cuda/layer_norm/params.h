/* What LayerNorm and MLPs without gates are launched with; what ../params.h says of structs holds here. */
#ifndef SERVING_CUDA_LAYER_NORM_PARAMS_H
#define SERVING_CUDA_LAYER_NORM_PARAMS_H

#include "../params.h"

/* What an MLP without a gate goes through: Serving.Compute.Programs.MlpActivation. */
enum { SRV_MLP_GELU = 0, SRV_MLP_SQUARED_RELU = 1, SRV_MLP_XIELU = 2 };

/* srv_layer_norm: output = round((input - mean) * rsqrt(variance + epsilon) * (offset + weight) + bias), of every group of columns by itself; unrounded where mode is 1. Groups lie side by side,
   in 16 bytes each where there are several. 256 threads, 64 bytes of shared memory, a block per row and group. */
typedef struct srv_layer_norm_params {
    srv_address input;     /* float [rows, input_stride] */
    srv_address weight;    /* bf16 [groups, columns] */
    srv_address bias;      /* bf16 [groups, columns], or 0 */
    srv_address output;    /* bf16 (float where mode is 1) [rows, output_stride] */
    srv_address row_count; /* int */
    int columns, groups, input_stride, output_stride;
    float epsilon, offset;
    int mode, reserved;
} srv_layer_norm_params;

/* srv_activate: output = round(activation(input)); that of xIELU has four numbers, p, n, b, m. 256 threads, no shared memory, a block per row and 2,048 columns. */
typedef struct srv_activate_params {
    srv_address input;     /* bf16 [rows, input_stride] */
    srv_address output;    /* bf16 [rows, output_stride] */
    srv_address numbers;   /* bf16 [4] of SRV_MLP_XIELU */
    srv_address row_count; /* int */
    int columns, input_stride, output_stride;
    int activation;        /* SRV_MLP_... */
} srv_activate_params;

#endif

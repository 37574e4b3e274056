/*
 * DoRA: what an adapter multiplies a Linear's outputs by. Factors lie in cells of the adapter's pages, fp32, SRV_CELL_FACTORS outputs of a slice side by side in each; those behind a slice's last are zero. Its matrix B is
 * stored times them, so that product * factor + bias + delta is what the end of a Linear computes as ever. What ../params.h says of structs holds here.
 */
#ifndef SERVING_CUDA_SCALE_OUTPUTS_PARAMS_H
#define SERVING_CUDA_SCALE_OUTPUTS_PARAMS_H

#include "../params.h"

enum { SRV_CELL_FACTORS = 256 /* SRV_CELL_BYTES of floats */ };

/* srv_scale_outputs, between a product and its end: every plane of the product *= factor, of rows whose adapter has factors in the slice. 128 threads, no shared memory, a block per row and 512 columns of a slice. */
typedef struct srv_scale_outputs_params {
    srv_lora lora;            /* partials are not used */
    srv_address factor_runs;  /* int [slots][model_slices]: one more than the first run of a slice's factors, 0 where it has none */
    srv_address product;      /* float [planes][rows, product_stride] */
    srv_address row_slots;    /* int [rows] */
    srv_address row_count;    /* int */
    srv_address plane_stride; /* floats from plane to plane */
    int product_stride, planes;
} srv_scale_outputs_params;

#endif

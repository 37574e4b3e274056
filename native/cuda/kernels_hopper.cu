// Kernels for compute capability 9.0: a module of their own, which is loaded on such devices alone. What only sm_90a takes, and those of kernels.cu that may begin before the
// kernel ahead of them has ended (ptx::await_producers), which stand in for them under their names.
#include "attention/attention_prefill_wgmma.cuh"
#ifndef SRV_CUDA_EMULATOR
#include "attention/attention_decode.cuh"
#include "attention/attention_merge.cuh"
#include "integers/integer_experts_few.cuh"
#include "integers/integer_product.cuh"
#include "linear_finish/finish_rms_norm.cuh"
#include "linear_finish/finish_rope_append_rows.cuh"
#include "linear_finish/finish_silu_mul_rows.cuh"
#include "mixture/combine.cuh"
#include "mixture/experts.cuh"
#include "mixture/route_few.cuh"
#include "product/product.cuh"
#endif

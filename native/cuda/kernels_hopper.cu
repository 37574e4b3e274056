// Kernels that only sm_90a takes: a module of their own, which is loaded on devices of compute capability 9.0 alone.
#include "attention/attention_prefill_wgmma.cuh"

// srv_experts of matrices of integers, for steps in which experts have many rows: integer_experts_few.cuh with tiles of up to 64 places, one block per multiprocessor.
#pragma once
#include "integer_experts_few.cuh"

SRV_KERNEL(srv_experts_int8, srv_experts_params, kProductThreads) { multiply_integer_experts<IntegerFormat::Int8, SRV_EXPERT_ROWS>(p); }
SRV_KERNEL(srv_experts_int4, srv_experts_params, kProductThreads) { multiply_integer_experts<IntegerFormat::Int4, SRV_EXPERT_ROWS>(p); }
SRV_KERNEL(srv_experts_int4_asymmetric, srv_experts_params, kProductThreads) { multiply_integer_experts<IntegerFormat::Int4Asymmetric, SRV_EXPERT_ROWS>(p); }
SRV_KERNEL(srv_experts_iq4, srv_experts_params, kProductThreads) { multiply_integer_experts<IntegerFormat::Iq4, SRV_EXPERT_ROWS>(p); }
SRV_KERNEL(srv_experts_mxfp4, srv_experts_params, kProductThreads) { multiply_integer_experts<IntegerFormat::Mxfp4, SRV_EXPERT_ROWS>(p); }

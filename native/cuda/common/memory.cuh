// From the addresses of parameter structs to typed memory.
#pragma once
#include "../params.h"
#include "../ptx.cuh"

// Loops over registers: an array whose index is not known when compiling would lie in memory.
#ifdef SRV_CUDA_EMULATOR
#define SRV_UNROLL
#else
#define SRV_UNROLL _Pragma("unroll")
#endif

template <typename T>
SRV_DEVICE T* at(srv_address address) {
    return reinterpret_cast<T*>(address);
}

// A row of a matrix; strides are 32-bit, products of row and stride are not.
template <typename T>
SRV_DEVICE T* row_of(srv_address address, int row, int stride) {
    return at<T>(address) + static_cast<int64_t>(row) * stride;
}

// A count that the host wrote for this step.
SRV_DEVICE int count_at(srv_address address) { return *at<const int>(address); }

SRV_DEVICE int ceil_div(int count, int size) { return (count + size - 1) / size; }

SRV_DEVICE int smaller(int a, int b) { return a < b ? a : b; }
SRV_DEVICE int larger(int a, int b) { return a > b ? a : b; }

// Four floats in 16 bytes.
struct Float4 {
    float v[4];
};

SRV_DEVICE Float4 load_floats(const float* from) {
    const ptx::Vec4 raw = ptx::load_16(from);
    return {{ptx::as_float(raw.x), ptx::as_float(raw.y), ptx::as_float(raw.z), ptx::as_float(raw.w)}};
}

SRV_DEVICE void store_floats(float* to, const Float4& x) {
    ptx::store_16(to, {ptx::as_uint(x.v[0]), ptx::as_uint(x.v[1]), ptx::as_uint(x.v[2]), ptx::as_uint(x.v[3])});
}

// Four floats rounded to bf16, in 8 bytes.
SRV_DEVICE void store_rounded(uint16_t* to, const Float4& x) {
    ptx::store_8(to, {ptx::to_bf16x2(x.v[0], x.v[1]), ptx::to_bf16x2(x.v[2], x.v[3])});
}

// Four bf16 from 8 bytes.
SRV_DEVICE Float4 load_widened(const uint16_t* from) {
    const ptx::Vec2 raw = ptx::load_8(from);
    return {{ptx::low_bf16(raw.x), ptx::high_bf16(raw.x), ptx::low_bf16(raw.y), ptx::high_bf16(raw.y)}};
}

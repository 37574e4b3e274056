// Products with matrices of integers. An instruction set brings a function for each format; which is taken changes no bit: of 32 inputs the integers' dot product is exact
// whatever order it is added in, and groups form one chain per output, ascending: sum = fma(dot, weight scale × input scale, sum), and where groups have offsets
// sum = fma(input sum, offset, sum) next.
#pragma once
#include <cstdint>

#include "serving_cpu.h"

namespace serving {

constexpr int kGroup = 32;          // inputs that share a scale
constexpr int kBlockInputs = 64;    // two groups: their scales for 16 outputs fill a line
constexpr int kScaleBytes = 64;     // bf16 [2 groups][16 outputs]
constexpr int kOffsetBytes = 64;    // where a format has offsets they lie behind the scales, likewise
constexpr int kInt8Bytes = 1024;    // [16 quads of inputs][16 outputs][4], each q + 128
constexpr int kInt4Bytes = 512;     // [2 groups][4][16 outputs][4]: line l of a group has quad l in its lower and quad l + 4 in its upper nibbles, each q + 8

constexpr int kInt8Offset = 128;
constexpr int kInt4Offset = 8;

// MXFP4 lies as int4 does, code by code of FP4 E2M1 (sign, two bits of exponent, one of mantissa): what each stands for, twice, + 12.
constexpr int kMxfp4Offset = 12;
alignas(16) constexpr uint8_t kMxfp4Numbers[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

// IQ4 lies so too, code by code of ggml's IQ4_NL: what each stands for, + 128 as in eight bits.
alignas(16) constexpr uint8_t kIq4Numbers[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

// What is added to a format's integers where they are multiplied. Static: every instruction set has one of its own.
static constexpr int offset_of(int format) {
    return format == SRV_FORMAT_INT4 || format == SRV_FORMAT_INT4_ASYMMETRIC ? kInt4Offset : format == SRV_FORMAT_MXFP4 ? kMxfp4Offset : kInt8Offset;
}

// What a code of four bits stands for.
static constexpr int number_of(int format, int code) {
    return (format == SRV_FORMAT_MXFP4 ? kMxfp4Numbers[code] : format == SRV_FORMAT_IQ4 ? kIq4Numbers[code] : code) - offset_of(format);
}

// Bytes of a block before its integers.
static constexpr int header_bytes(int format) { return format == SRV_FORMAT_INT4_ASYMMETRIC ? kScaleBytes + kOffsetBytes : kScaleBytes; }

// The input of a Linear, rounded: integers, per group its scale, what they add up to, scale × sum, and where its dot products start, minus the sum of the integers times what is
// added to those of the weights that follow.
struct IntegerRows {
    int8_t* values;
    float* scales;
    float* sums;
    int32_t* starts;
    int32_t stride;  // integers of a row
    int32_t groups;  // of a row
};

// c[row][16 panel …] = x · W for rows from `first` on. w holds the panels' first blocks, each of which is [blocks][scales, offsets where there are some, integers]; `panel_stride` is the
// distance of neighbouring panels, for what is fetched ahead.
using IntegerProduct = void (*)(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int blocks, float* c, int c_stride, int64_t panel_stride);

struct IntegerKernels {
    IntegerProduct int8;
    IntegerProduct int4;
    IntegerProduct mxfp4;
    IntegerProduct iq4;
    IntegerProduct int4_asymmetric;
};

namespace integer_avx2 {
extern const IntegerKernels kKernels;
}
namespace integer_avx_vnni {
extern const IntegerKernels kKernels;
}
namespace integer_avx512_vnni {
extern const IntegerKernels kKernels;
}

}  // namespace serving

// Eight floats at once.
#pragma once

#ifdef __FMA__
#include <immintrin.h>
#endif

namespace emulator {

using Floats = float __attribute__((vector_size(32), may_alias));

inline Floats fma(Floats a, Floats b, Floats c) {
#ifdef __FMA__
    return _mm256_fmadd_ps(a, b, c);
#else
    for (int i = 0; i < 8; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

}  // namespace emulator

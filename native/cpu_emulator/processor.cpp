// In the place of cpu/processor.cpp and cpu/isa/dot_rate.cpp: a processor that has every instruction set, where this machine runs what emulates them.
#include "processor.h"

#include "isa/dot_rate.h"
#include "serving_cpu.h"

namespace serving {

uint32_t detect_instruction_sets() {
    const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return runs ? 1u << SRV_ISA_AVX2 | 1u << SRV_ISA_AVX512 | 1u << SRV_ISA_AVX512_BF16 | 1u << SRV_ISA_AMX | 1u << SRV_ISA_AMX_EMULATED : 0;
}

uint32_t detect_integer_isas() {
    return detect_instruction_sets() == 0 ? 0 : 1u << SRV_INTEGER_AVX2 | 1u << SRV_INTEGER_AVX_VNNI | 1u << SRV_INTEGER_AVX512_VNNI;
}

// How fast an emulation is says nothing.
bool dot_products_pay() { return false; }

}  // namespace serving

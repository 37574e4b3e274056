#include "processor.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "serving_cpu.h"

namespace serving {
namespace {

constexpr int kArchRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr int kTileDataFeature = 18;            // XFEATURE_XTILEDATA

uint64_t read_xcr0() {
    uint32_t low = 0;
    uint32_t high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t{high} << 32) | low;
}

}  // namespace

uint32_t detect_integer_isas() {
    const uint32_t sets = detect_instruction_sets();
    if ((sets & (1u << SRV_ISA_AVX2)) == 0) {
        return 0;
    }

    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    uint32_t integer = 1u << SRV_INTEGER_AVX2;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 4)) != 0) {
        integer |= 1u << SRV_INTEGER_AVX_VNNI;
    }

    if ((sets & (1u << SRV_ISA_AVX512)) != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & (1u << 11)) != 0) {
        integer |= 1u << SRV_INTEGER_AVX512_VNNI;
    }

    return integer;
}

uint32_t detect_instruction_sets() {
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        return 0;
    }

    const bool fma = (c & bit_FMA) != 0;
    const bool saves = (c & bit_OSXSAVE) != 0;
    if (!fma || !saves || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }

    const uint64_t state = read_xcr0();
    uint32_t sets = 0;
    if ((state & 0x6) != 0x6 || (b & bit_AVX2) == 0) {
        return 0;
    }

    sets |= 1u << SRV_ISA_AVX2;
    sets |= 1u << SRV_ISA_AMX_EMULATED;
    const uint32_t wide = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    if ((state & 0xE6) != 0xE6 || (b & wide) != wide) {
        return sets;
    }

    sets |= 1u << SRV_ISA_AVX512;
    uint32_t more = 0;
    uint32_t ignored = 0;
    if (__get_cpuid_count(7, 1, &more, &ignored, &ignored, &ignored) && (more & (1u << 5)) != 0) {
        sets |= 1u << SRV_ISA_AVX512_BF16;
    }

    const bool tiles = (d & (1u << 24)) != 0 && (d & (1u << 22)) != 0 && (state & 0x60000) == 0x60000;
    if (tiles && syscall(SYS_arch_prctl, kArchRequestPermission, kTileDataFeature) == 0) {
        sets |= 1u << SRV_ISA_AMX;
    }

    return sets;
}

}  // namespace serving

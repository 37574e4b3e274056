/*
 * What tests ask of libserving_cpu_emulated besides the functions of serving_cpu.h, all of which it has: what is emulated here, and its intrinsics one by one.
 */
#ifndef SERVING_CPU_EMULATOR_H
#define SERVING_CPU_EMULATOR_H

#include "serving_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bit i is set when srv_isa i, or srv_integer_isa i, runs here by emulation: this machine's processor or its system lacks it. */
SRV_CPU_EXPORT uint32_t srv_cpu_emulated_sets(void);
SRV_CPU_EXPORT uint32_t srv_cpu_emulated_integer_isas(void);

/* What an intrinsic takes and gives: whole registers, of which it uses what it has operands for. */
typedef struct srv_intrinsic_operands {
    uint8_t a[64];
    uint8_t b[64];
    uint8_t c[64];
    uint8_t result[64];
    uint8_t* memory;  /* of loads and stores */
    uint32_t mask;    /* operand or result */
    uint32_t control; /* MXCSR while it runs */
} srv_intrinsic_operands;

/* Writes the names of all intrinsics in the table, a line each ("_mm512_cmp_ps_mask 5": with the immediate where there is one), as far as the buffer goes; returns how many there are. */
SRV_CPU_EXPORT int32_t srv_cpu_intrinsics(char* buffer, int32_t bytes);

/* Runs the intrinsic of a line, by emulation or on the hardware. Returns 0 where the hardware lacks it. */
SRV_CPU_EXPORT int32_t srv_cpu_intrinsic(int32_t line, int32_t on_hardware, srv_intrinsic_operands* operands);

/* Configures tiles, loads C, A and B (tiles 0, 4 and 6) from rows `stride` bytes apart, adds their product to C and stores it to `result`, whose rows are as far apart.
   Returns 0 where the hardware lacks tiles. */
SRV_CPU_EXPORT int32_t srv_cpu_tile_product(int32_t on_hardware, uint32_t control, const uint8_t* config, const uint8_t* c, const uint8_t* a, const uint8_t* b, uint8_t* result,
    int64_t stride);

/* Why the hardware would fault in that, or null: at the configuration, at a load or at the product of three tiles. */
SRV_CPU_EXPORT const char* srv_cpu_tile_fault(const uint8_t* config, int32_t c, int32_t a, int32_t b);

#ifdef __cplusplus
}
#endif
#endif

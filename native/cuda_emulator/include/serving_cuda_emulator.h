/*
 * What tests ask of the emulator besides the driver's own functions. Device -1 means all. Safe from any thread.
 * Settings are read from the environment when the library is loaded: SRV_EMULATOR_DEVICES (2), SRV_EMULATOR_MEMORY_MIB (4096, of each device),
 * SRV_EMULATOR_SEED (0), SRV_EMULATOR_CHECKS (1), SRV_EMULATOR_THREADS (processors, at most 4).
 */
#ifndef SERVING_CUDA_EMULATOR_H
#define SERVING_CUDA_EMULATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the findings of a device, a line each, as far as the buffer goes (always terminated when bytes > 0); returns how many there are. */
int32_t srv_emulator_findings(int32_t device, char* buffer, int32_t bytes);

/* A device as it was at the start: no memory, streams, events, error or findings. Contexts stay retained; handles of before are invalid. */
void srv_emulator_reset(int32_t device);

void srv_emulator_clear_findings(int32_t device);

/* Of the order of blocks, threads and graph nodes, and of when streams run; 0 keeps the plain order, and streams run as late as they may. */
void srv_emulator_set_seed(uint64_t seed);
void srv_emulator_set_checks(int32_t on);
void srv_emulator_set_devices(int32_t count);

/* Checked accesses of one block (2^33), after which it counts as waiting for ever. */
void srv_emulator_set_access_limit(int64_t accesses);
void srv_emulator_set_memory(uint64_t bytes);

/* How long a rank waits for another (120000) while nothing is queued or done on any device, before that is a finding. */
void srv_emulator_set_patience(int64_t milliseconds);

/* The operation (kernel, copy, fill, event, graph) that follows `operations` others on the device fails with the CUresult given, which then stays. */
void srv_emulator_fail_after(int32_t device, uint64_t operations, int32_t result);

/*
 * The call that follows `calls` others that take something of the device (memory, a stream, event, module or recording, a place in a queue, a handle of cublasLt's on a thread
 * with this device current) is refused with the CUresult given and does nothing; the device goes on. 0 refuses none. Returns on how many devices an earlier order was still waiting.
 */
int32_t srv_emulator_refuse_after(int32_t device, uint64_t calls, int32_t result);

/* What nobody has given back on any device, "device 1: 3 allocations", a line each; as srv_emulator_findings. What a context held goes when its last holder does. */
int32_t srv_emulator_held(char* buffer, int32_t bytes);

/* cuBLASLt's algorithm of this id (0: every one) refuses products of `first` to `last` columns from now on; first > last: none. */
void srv_emulator_refuse_products(uint32_t algorithm, uint64_t first, uint64_t last);

/* Device memory that is handed out again counts as unwritten: reading it before it is written is a finding. 0, or 1 (CUDA_ERROR_INVALID_VALUE) when it is no live range. */
int32_t srv_emulator_forget_written(uint64_t address, uint64_t bytes);

/* The names of all kernels in the library, a line each; as srv_emulator_findings. */
int32_t srv_emulator_kernels(char* buffer, int32_t bytes);

#ifdef __cplusplus
}
#endif

#endif

#include <algorithm>
#include <cstring>

#include "../blaslt/gemm.h"
#include "../block/registry.h"
#include "../checks/allocations.h"
#include "../checks/finding.h"
#include "../checks/global_memory.h"
#include "../include/serving_cuda_emulator.h"
#include "../nccl/communicator.h"
#include "../settings.h"
#include "context.h"

using namespace emulator;

#define SRV_VISIBLE __attribute__((visibility("default")))

namespace {

int32_t write_lines(const std::vector<std::string>& lines, char* buffer, int32_t bytes) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    if (buffer && bytes > 0) {
        const size_t length = std::min(text.size(), static_cast<size_t>(bytes) - 1);
        std::memcpy(buffer, text.data(), length);
        buffer[length] = 0;
    }
    return static_cast<int32_t>(lines.size());
}

template <class Body>
void each(int32_t device, Body body) {
    const std::lock_guard hold(driver_lock);
    for (int i = 0; i < GlobalMemory::max_devices; i++) {
        if (device < 0 || device == i) body(*context_of(i));
    }
}

}  // namespace

extern "C" {

SRV_VISIBLE int32_t srv_emulator_findings(int32_t device, char* buffer, int32_t bytes) {
    std::vector<std::string> lines;
    for (const Finding& finding : Findings::of(device)) lines.push_back(finding.text());
    return write_lines(lines, buffer, bytes);
}

SRV_VISIBLE void srv_emulator_reset(int32_t device) {
    each(device, [](DeviceContext& context) {
        context.reset();
        context.refusal = Result::success;
    });
    Findings::clear(device);
}

SRV_VISIBLE void srv_emulator_clear_findings(int32_t device) { Findings::clear(device); }
SRV_VISIBLE void srv_emulator_set_seed(uint64_t seed) { settings.seed = seed; }
SRV_VISIBLE void srv_emulator_set_checks(int32_t on) { settings.checked = on != 0; }
SRV_VISIBLE void srv_emulator_set_access_limit(int64_t accesses) { settings.access_limit = accesses; }
SRV_VISIBLE void srv_emulator_set_patience(int64_t milliseconds) { settings.patience_milliseconds = milliseconds; }
SRV_VISIBLE void srv_emulator_set_devices(int32_t count) { settings.devices = std::clamp(count, 1, GlobalMemory::max_devices); }
SRV_VISIBLE void srv_emulator_set_memory(uint64_t bytes) { settings.memory_bytes = std::min<uint64_t>(bytes, GlobalMemory::device_span / 2); }

SRV_VISIBLE void srv_emulator_fail_after(int32_t device, uint64_t operations, int32_t result) {
    each(device, [=](DeviceContext& context) {
        context.operations_until_failure = operations;
        context.planted = static_cast<Result>(result);
    });
}

SRV_VISIBLE int32_t srv_emulator_refuse_after(int32_t device, uint64_t calls, int32_t result) {
    int32_t waiting = 0;
    each(device, [&](DeviceContext& context) {
        waiting += context.refusal != Result::success;
        context.calls_until_refusal = calls;
        context.refusal = static_cast<Result>(result);
    });
    return waiting;
}

SRV_VISIBLE int32_t srv_emulator_held(char* buffer, int32_t bytes) {
    std::vector<std::string> lines;
    const auto note = [&](const std::string& whose, const std::string& what, size_t count) {
        if (count > 0) lines.push_back(whose + std::to_string(count) + " " + what);
    };
    each(-1, [&](DeviceContext& context) {
        for (const auto& [what, count] : context.holdings()) note("device " + std::to_string(context.device) + ": ", what, count);
    });
    const std::lock_guard hold(driver_lock);
    note("", "handles of cublasLt", products_held());
    note("", "communicators", communicators_held());
    return write_lines(lines, buffer, bytes);
}

SRV_VISIBLE void srv_emulator_refuse_products(uint32_t algorithm, uint64_t first, uint64_t last) {
    settings.refusing_algorithm = algorithm;
    settings.refused_first = first;
    settings.refused_last = last;
}

SRV_VISIBLE int32_t srv_emulator_forget_written(uint64_t address, uint64_t bytes) {
    const std::lock_guard hold(driver_lock);
    if (!is_live(address, bytes)) return 1;
    GlobalMemory::mark_unwritten(address, bytes);
    return 0;
}

SRV_VISIBLE int32_t srv_emulator_kernels(char* buffer, int32_t bytes) { return write_lines(kernel_names(), buffer, bytes); }

}  // extern "C"

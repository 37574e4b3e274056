// cuInit to cuCtxSynchronize: devices, their attributes, their primary contexts.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "../checks/allocations.h"
#include "../checks/global_memory.h"
#include "../checks/shared_memory.h"
#include "../settings.h"
#include "attributes.h"
#include "context.h"
#include "host_memory.h"

using namespace emulator;

namespace {

constexpr int driver_version = 12080;

template <class Body>
Result on_device(int device, Body body) {
    const std::lock_guard hold(driver_lock);
    if (!initialized) return Result::not_initialized;
    if (device < 0 || device >= settings.devices) return Result::invalid_device;
    return body(*context_of(device));
}

}  // namespace

SRV_EXPORT Result cuInit(unsigned flags) {
    const std::lock_guard hold(driver_lock);
    if (flags != 0) return Result::invalid_value;
    if (!GlobalMemory::reserve()) return Result::out_of_memory;
    initialized = true;
    return Result::success;
}

SRV_EXPORT Result cuDriverGetVersion(int* version) {
    if (!version) return Result::invalid_value;
    *version = driver_version;
    return Result::success;
}

SRV_EXPORT Result cuGetErrorName(Result error, const char** name) {
    if (!name) return Result::invalid_value;
    *name = name_of(error);
    return *name ? Result::success : Result::invalid_value;
}

SRV_EXPORT Result cuGetErrorString(Result error, const char** text) {
    if (!text) return Result::invalid_value;
    *text = description_of(error);
    if (!*text) return Result::invalid_value;
    const std::lock_guard hold(driver_lock);
    if (current_context && current_context->error == error && !current_context->cause.empty()) {
        // A program that prints this prints the finding.
        thread_local std::string longer;
        longer = std::string(*text) + "; " + current_context->cause;
        *text = longer.c_str();
    }
    return Result::success;
}

SRV_EXPORT Result cuDeviceGetCount(int* count) {
    const std::lock_guard hold(driver_lock);
    if (!initialized) return Result::not_initialized;
    if (!count) return Result::invalid_value;
    *count = settings.devices;
    return Result::success;
}

SRV_EXPORT Result cuDeviceGet(int* device, int ordinal) {
    return on_device(ordinal, [&](DeviceContext&) {
        if (!device) return Result::invalid_value;
        *device = ordinal;
        return Result::success;
    });
}

SRV_EXPORT Result cuDeviceGetName(char* name, int length, int device) {
    return on_device(device, [&](DeviceContext&) {
        if (!name || length <= 0) return Result::invalid_value;
        std::snprintf(name, static_cast<size_t>(length), "Serving CUDA emulator");
        return Result::success;
    });
}

SRV_EXPORT Result cuDeviceGetAttribute(int* value, int attribute, int device) {
    return on_device(device, [&](DeviceContext&) { return value ? device_attribute(attribute, *value) : Result::invalid_value; });
}

SRV_EXPORT Result cuDeviceTotalMem_v2(size_t* bytes, int device) {
    return on_device(device, [&](DeviceContext&) {
        if (!bytes) return Result::invalid_value;
        *bytes = settings.memory_bytes;
        return Result::success;
    });
}

SRV_EXPORT Result cuDevicePrimaryCtxRetain(DeviceContext** context, int device) {
    return on_device(device, [&](DeviceContext& primary) {
        if (!context) return Result::invalid_value;
        primary.retained++;
        *context = &primary;
        return Result::success;
    });
}

SRV_EXPORT Result cuDevicePrimaryCtxRelease_v2(int device) {
    return on_device(device, [&](DeviceContext& primary) {
        if (primary.retained == 0) return Result::invalid_context;
        if (primary.retained == 1) primary.complete_everything();
        if (--primary.retained == 0) {
            // A failed context stays failed for the process, as on a device; srv_emulator_reset is for tests.
            const Result error = primary.error;
            const std::string cause = primary.cause;
            primary.reset();
            free_all_pinned(device);
            primary.error = error;
            primary.cause = cause;
        }
        return Result::success;
    });
}

SRV_EXPORT Result cuCtxSetCurrent(DeviceContext* context) {
    const std::lock_guard hold(driver_lock);
    if (!initialized) return Result::not_initialized;
    if (context != nullptr) {
        bool known = false;
        for (int i = 0; i < GlobalMemory::max_devices; i++) known = known || context == context_of(i);
        if (!known || context->retained == 0) return Result::invalid_context;
    }
    current_context = context;
    return Result::success;
}

SRV_EXPORT Result cuCtxGetCurrent(DeviceContext** context) {
    if (!context) return Result::invalid_value;
    *context = current_context;
    return Result::success;
}

SRV_EXPORT Result cuCtxSynchronize() {
    return call([](DeviceContext& context) {
        for (const auto& stream : context.all_streams()) {
            if (!stream->capture) continue;
            stream->capture->invalidated = true;
            return Result::stream_capture_unsupported;
        }
        context.complete_everything();
        return context.error;
    });
}

SRV_EXPORT Result cuMemGetInfo_v2(size_t* free, size_t* total) {
    return call([&](DeviceContext& context) {
        if (!free || !total) return Result::invalid_value;
        *total = settings.memory_bytes;
        *free = *total - std::min(*total, allocated_bytes(context.device));
        return Result::success;
    });
}

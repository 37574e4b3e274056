// cuModule*, cuFunc*, cuOccupancy*, cuLaunchKernel[Ex].
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "../block/registry.h"
#include "../settings.h"
#include "attributes.h"
#include "module.h"

using namespace emulator;

namespace {

// CUjit_option
enum { info_log = 3, info_log_bytes = 4, error_log = 5, error_log_bytes = 6 };

void write_log(const char* text, unsigned count, const int* options, void** values, int log, int bytes) {
    char* buffer = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (options[i] == log) buffer = static_cast<char*>(values[i]);
        if (options[i] == bytes) size = reinterpret_cast<uintptr_t>(values[i]);
    }
    if (buffer && size > 0) std::snprintf(buffer, size, "%s", text);
}

template <class Body>
Result on_function(Function* handle, Body body) {
    return call([&](DeviceContext&) {
        const auto function = functions.find(handle);
        return function ? body(*function) : Result::invalid_handle;
    });
}

}  // namespace

SRV_EXPORT Result cuModuleLoadDataEx(Module** module, const void* image, unsigned count, int* options, void** values) {
    return take([&](DeviceContext& context) {
        if (!module || !image || (count > 0 && (!options || !values))) return Result::invalid_value;
        const auto* text = static_cast<const char*>(image);
        const bool every = std::strncmp(text, marker, sizeof marker - 1) == 0;
        write_log("", count, options, values, info_log, info_log_bytes);
        write_log("", count, options, values, error_log, error_log_bytes);
        if (!every && (!std::strstr(text, ".version") || !std::strstr(text, ".target"))) {
            write_log("the image is neither PTX nor the emulator's marker", count, options, values, error_log, error_log_bytes);
            return Result::invalid_image;
        }
        auto loaded = std::make_shared<Module>();
        loaded->context = &context;
        if (!every) loaded->entries = entries_of(text);
        *module = modules.add(std::move(loaded));
        return Result::success;
    });
}

SRV_EXPORT Result cuModuleLoadData(Module** module, const void* image) { return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr); }

SRV_EXPORT Result cuModuleUnload(Module* handle) {
    return call([&](DeviceContext& context) {
        const auto module = modules.find(handle);
        if (!module) return Result::invalid_handle;
        context.complete_everything();
        for (const auto& [name, function] : module->functions) functions.remove(function);
        modules.remove(handle);
        return Result::success;
    });
}

SRV_EXPORT Result cuModuleGetFunction(Function** function, Module* handle, const char* name) {
    return call([&](DeviceContext&) {
        const auto module = modules.find(handle);
        if (!module) return Result::invalid_handle;
        if (!function || !name) return Result::invalid_value;
        const Kernel* const kernel = find_kernel(name);
        if (!kernel) return Result::not_found;
        if (module->entries) {
            const auto entry = module->entries->find(name);
            if (entry == module->entries->end()) return Result::not_found;
            // The PTX was made from other sources than this library.
            if (entry->second != kernel->params_bytes) return Result::invalid_ptx;
        }
        Function*& known = module->functions[name];
        if (!known) known = functions.add(std::make_shared<Function>(Function{module.get(), kernel, default_shared_bytes}));
        *function = known;
        return Result::success;
    });
}

SRV_EXPORT Result cuFuncSetAttribute(Function* handle, int attribute, int value) {
    return on_function(handle, [&](Function& function) {
        // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES and PREFERRED_SHARED_MEMORY_CARVEOUT
        if (attribute == 8) {
            if (value < 0 || value > max_shared_bytes) return Result::invalid_value;
            function.max_dynamic_shared = value;
            return Result::success;
        }
        return attribute == 9 && value >= -1 && value <= 100 ? Result::success : Result::invalid_value;
    });
}

SRV_EXPORT Result cuFuncGetAttribute(int* value, int attribute, Function* handle) {
    return on_function(handle, [&](Function& function) {
        if (!value || attribute < 0 || attribute > 15) return Result::invalid_value;
        switch (attribute) {
            case 0: *value = static_cast<int>(function.kernel->max_threads); break;
            case 4: *value = 32; break;   // registers: a number, since nothing here has them
            case 5: *value = 80; break;   // PTX
            case 6: *value = 90; break;   // binary
            case 8: *value = function.max_dynamic_shared; break;
            case 9: *value = -1; break;
            default: *value = 0; break;
        }
        return Result::success;
    });
}

SRV_EXPORT Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function* handle, int threads, size_t shared_bytes) {
    return on_function(handle, [&](Function& function) {
        if (!blocks || threads < 1) return Result::invalid_value;
        const bool fits = threads <= static_cast<int>(function.kernel->max_threads) && shared_bytes <= static_cast<size_t>(function.max_dynamic_shared);
        const int by_shared = static_cast<int>(shared_bytes_per_multiprocessor / (shared_bytes + shared_bytes_reserved_per_block));
        const int by_threads = max_threads_per_multiprocessor / ((threads + 31) / 32 * 32);
        *blocks = fits ? std::min({by_shared, by_threads, max_blocks_per_multiprocessor}) : 0;
        return Result::success;
    });
}

namespace {

// CUlaunchConfig and CUlaunchAttribute, of which one is known: the kernel need not wait for the one before it on its stream.
struct LaunchAttribute {
    int id;
    alignas(8) char value[64];
};

struct LaunchConfig {
    unsigned grid[3], block[3], shared_bytes;
    Stream* stream;
    const LaunchAttribute* attributes;
    unsigned attribute_count;
};

static_assert(sizeof(LaunchAttribute) == 72 && sizeof(LaunchConfig) == 56);
constexpr int programmatic_stream_serialization = 6;

bool is_early(const LaunchConfig& config) {
    return std::any_of(config.attributes, config.attributes + config.attribute_count, [](const LaunchAttribute& attribute) { return attribute.value[0] != 0; });
}

Result fit(const Function& function, const LaunchConfig& config) {
    const auto& [x, y, z] = config.grid;
    if (config.block[1] != 1 || config.block[2] != 1) return Result::not_supported;
    if (x == 0 || y == 0 || z == 0 || x > 0x7fffffffu || y > 65535 || z > 65535) return Result::invalid_value;
    const bool fits = config.block[0] > 0 && config.block[0] <= function.kernel->max_threads && config.shared_bytes <= static_cast<unsigned>(function.max_dynamic_shared);
    return fits ? Result::success : Result::invalid_value;
}

std::shared_ptr<Launch> launch_of(const Function& function, const LaunchConfig& config, const void* params) {
    auto launch = std::make_shared<Launch>();
    launch->kernel = function.kernel;
    launch->device = function.module->context->device;
    std::copy(config.grid, config.grid + 3, launch->grid);
    launch->threads = config.block[0];
    launch->shared_bytes = config.shared_bytes;
    launch->params.resize((function.kernel->params_bytes + 7) / 8);
    std::memcpy(launch->params.data(), params, function.kernel->params_bytes);
    return launch;
}

}  // namespace

SRV_EXPORT Result cuLaunchKernelEx(const LaunchConfig* config, Function* handle, void** params, void** extra) {
    if (!config || (config->attribute_count > 0 && !config->attributes)) return Result::invalid_value;
    return take_on(config->stream, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        const auto function = functions.find(handle);
        if (!function || function->module->context != &context) return Result::invalid_handle;
        for (unsigned i = 0; i < config->attribute_count; i++) {
            if (config->attributes[i].id != programmatic_stream_serialization) return Result::not_supported;
        }
        if (extra) return Result::not_supported;
        if (!params || !params[0]) return Result::invalid_value;
        if (const Result result = fit(*function, *config); result != Result::success) return result;
        const auto launch = launch_of(*function, *config, params[0]);
        launch->early = is_early(*config);
        if (launch->early) {
            // What it is not to wait for is one kernel: behind several the driver's own behaviour is not relied on.
            if (stream->capture && stream->capture_tail.size() > 1) return Result::not_supported;
            launch->before = stream->newest;
        }
        const Result result = submit(stream, [launch, &context] {
            launch->checked = settings.checked;
            launch->seed = settings.seed;
            launch->access_limit = settings.access_limit;
            launch->begin();
            return context.work([&] { return run(*launch); }) ? Result::success : Result::illegal_address;
        });
        stream->newest = launch;
        return result;
    });
}

SRV_EXPORT Result cuLaunchKernel(Function* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                                 unsigned shared_bytes, Stream* stream, void** params, void** extra) {
    const LaunchConfig config{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, stream, nullptr, 0};
    return cuLaunchKernelEx(&config, handle, params, extra);
}

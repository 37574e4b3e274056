// cuModule*, cuFunc*, cuOccupancy*, cuLaunchKernel.
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
    return call([&](DeviceContext& context) {
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
        if (!every) loaded->ptx = text;
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
        for (const auto& [name, function] : module->functions) functions.remove(function.get());
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
        if (!module->ptx.empty()) {
            const long bytes = entry_params_bytes(module->ptx, name);
            if (bytes < 0) return Result::not_found;
            // The PTX was made from other sources than this library.
            if (static_cast<size_t>(bytes) != kernel->params_bytes) return Result::invalid_ptx;
        }
        auto& known = module->functions[name];
        if (!known) {
            known = std::make_shared<Function>(Function{module.get(), kernel, default_shared_bytes});
            functions.add(known);
        }
        *function = known.get();
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

SRV_EXPORT Result cuLaunchKernel(Function* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                                 unsigned shared_bytes, Stream* stream_handle, void** params, void** extra) {
    return call_on(stream_handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        const auto function = functions.find(handle);
        if (!function || function->module->context != &context) return Result::invalid_handle;
        if (extra || block_y != 1 || block_z != 1) return Result::not_supported;
        if (!params || !params[0] || grid_x == 0 || grid_y == 0 || grid_z == 0 || grid_x > 0x7fffffffu || grid_y > 65535 || grid_z > 65535) return Result::invalid_value;
        if (block_x == 0 || block_x > function->kernel->max_threads || shared_bytes > static_cast<unsigned>(function->max_dynamic_shared)) return Result::invalid_value;
        auto launch = std::make_shared<Launch>();
        launch->kernel = function->kernel;
        launch->device = context.device;
        launch->grid[0] = grid_x, launch->grid[1] = grid_y, launch->grid[2] = grid_z;
        launch->threads = block_x;
        launch->shared_bytes = shared_bytes;
        launch->params.resize((function->kernel->params_bytes + 7) / 8);
        std::memcpy(launch->params.data(), params[0], function->kernel->params_bytes);
        return submit(stream, [launch] {
            launch->checked = settings.checked;
            launch->seed = settings.seed;
            launch->access_limit = settings.access_limit;
            return run(*launch) ? Result::success : Result::illegal_address;
        });
    });
}

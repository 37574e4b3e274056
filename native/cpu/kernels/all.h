// The kernels of one instruction set. A translation unit defines SRV_NAMESPACE, SRV_VECTOR_HEADER, SRV_ORDER and, for tiles, SRV_TILES, and includes this; everything lands in its namespace, so that no function compiled for one instruction set is ever called on another's behalf.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "../engine.h"

// Orders of accumulation, see product.h.
#define SRV_ORDER_FMA 0
#define SRV_ORDER_DOT 1
#define SRV_ORDER_TILE 2

#define SRV_INLINE static inline __attribute__((always_inline))
#define SRV_MEMBER static inline __attribute__((always_inline))

namespace serving {
namespace SRV_NAMESPACE {

constexpr bool kTileOrder = SRV_ORDER == SRV_ORDER_TILE;

#if SRV_ORDER == SRV_ORDER_FMA
using Activation = float;
#else
using Activation = uint16_t;
#endif

#include SRV_VECTOR_HEADER
#include "scalar.h"
#ifdef SRV_TILES
#include SRV_TILES
#include "tiles.h"
#else
SRV_INLINE void begin_worker() {}
SRV_INLINE void end_worker() {}
#endif
#include "operands.h"
#include "product.h"
#include "lora.h"
#include "linear.h"
#include "pages.h"
#include "integer_pages.h"
#include "rows.h"
#include "layer_norm.h"
#include "quantize.h"
#include "mixture.h"
#include "rope.h"
#include "attention_blocks.h"
#include "integer_blocks.h"
#include "attention.h"
#include "recurrence.h"
#include "delta_rule.h"
#include "select.h"
#include "sample.h"
#include "step.h"

extern const KernelSet kKernels;
const KernelSet kKernels = {sizeof(Activation) == sizeof(uint16_t), &worker_scratch, &run_step};

}  // namespace SRV_NAMESPACE
}  // namespace serving

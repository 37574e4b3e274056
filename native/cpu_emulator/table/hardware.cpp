// The compiler's own entries. Nothing here runs before its instruction set was found.
#define SRV_TABLE_NAMESPACE hardware
#include "entries.h"

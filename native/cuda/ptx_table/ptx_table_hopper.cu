// The part of the ptx table that only sm_90a takes.
#include "warpgroup.cuh"

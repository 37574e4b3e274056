// All kernels of the project, compiled for the emulator: built with -fsanitize=thread, see checks/access.h.
#if __has_include("../cuda/kernels.cu")
#include "../cuda/kernels.cu"
#endif

// All kernels of the project, compiled for the emulator: built with -fsanitize=thread, see checks/access.h.
#include "../cuda/kernels.cu"

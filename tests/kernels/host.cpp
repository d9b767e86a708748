// Runs kernels on the host: see host.h.
#include "host.h"
#include <ucontext.h>
#include <vector>

Dim threadIdx, blockIdx, blockDim, gridDim;
char *host::shared;

namespace {
const size_t STACK = 64 * 1024;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool finished;
};

ucontext_t scheduler;
std::vector<Fiber> fibers;
unsigned running;
void (*current_kernel)(void *);
void *current_arguments;

void thread() {
    current_kernel(current_arguments);
    fibers[running].finished = true;
    swapcontext(&fibers[running].context, &scheduler);
}

// One block: every thread runs to its next barrier, then the first goes on, until all have finished.
void block(unsigned threads) {
    if (fibers.size() < threads) fibers.resize(threads);
    for (unsigned i = 0; i < threads; i++) {
        Fiber &fiber = fibers[i];
        fiber.finished = false;
        fiber.stack.resize(STACK);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, thread, 0);
    }
    for (unsigned left = threads; left > 0;) {
        left = 0;
        for (running = 0; running < threads; running++) {
            if (fibers[running].finished) continue;
            threadIdx = {running, 0, 0};
            swapcontext(&scheduler, &fibers[running].context);
            left += !fibers[running].finished;
        }
    }
}
} // namespace

void __syncthreads() {
    unsigned self = running;
    swapcontext(&fibers[self].context, &scheduler);
}

void host::run(const unsigned blocks[3], unsigned threads, unsigned shared_bytes, void (*kernel)(void *), void *arguments) {
    // Shared memory begins with whatever was there before.
    std::vector<char> memory(shared_bytes + 16, (char)0x5a);
    host::shared = memory.data() + (16 - (size_t)memory.data() % 16) % 16;
    current_kernel = kernel;
    current_arguments = arguments;
    blockDim = {threads, 1, 1};
    gridDim = {blocks[0], blocks[1], blocks[2]};
    for (unsigned z = 0; z < blocks[2]; z++) {
        for (unsigned y = 0; y < blocks[1]; y++) {
            for (unsigned x = 0; x < blocks[0]; x++) {
                blockIdx = {x, y, z};
                block(threads);
            }
        }
    }
}

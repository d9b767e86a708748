// Runs kernels on the host: see host.h.
#include "host.h"
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

Dim threadIdx, blockIdx, blockDim, gridDim;
char *host::shared;
unsigned long host::seed;

namespace {
// Stacks lie at distances that put their tops into different sets of the cache.
const size_t STACK = 32 * 1024, DISTANCE = STACK + 5 * 64, MOST = 1024, PAGE = 4096, SHARED = 256 * 1024;

// Where a fiber goes on. A switch costs a few nanoseconds: a block of 256 threads makes thousands.
#ifdef __x86_64__
typedef void *Place;
extern "C" void host_switch(Place *from, Place *to);
// Keeps the registers that a call keeps on the stack that is left, and takes them from the other.
asm(".text\n.globl host_switch\n.hidden host_switch\n.type host_switch, @function\nhost_switch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, (%rdi)\nmov (%rsi), %rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\npop %rcx\njmp *%rcx\n");

void start(Place &place, char *stack, void (*entry)()) {
    void **top = reinterpret_cast<void **>(stack + STACK);
    // The return address of `entry`, which never returns, keeps the stack aligned as at a call.
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(entry);
    place = top - 6;
}
#else
typedef ucontext_t Place;
void host_switch(Place *from, Place *to) { swapcontext(from, to); }

void start(Place &place, char *stack, void (*entry)()) {
    getcontext(&place);
    place.uc_stack.ss_sp = stack;
    place.uc_stack.ss_size = STACK;
    place.uc_link = nullptr;
    makecontext(&place, entry, 0);
}
#endif

struct Fiber {
    Place place;
    unsigned thread;  // that waits at a barrier
};

Place scheduler;
std::vector<Fiber> fibers;    // all that were ever needed
std::vector<Fiber *> waiting;   // at the barrier
Fiber *running;
std::vector<unsigned> order;    // of the block's threads
unsigned started, most;
void (*current_kernel)(void *);
void *current_arguments;

unsigned long draw() {
    unsigned long z = host::seed += 0x9E3779B97F4A7C15ul;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ul;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBul;
    return z ^ (z >> 31);
}

template <class T> void shuffle(std::vector<T> &items) {
    for (size_t left = items.size(); left > 1; left--) std::swap(items[left - 1], items[(draw() >> 32) * left >> 32]);
}

// Threads that never wait follow one another on one fiber; only one that waits at a barrier keeps its fiber.
void work() {
    for (;;) {
        while (started < most) {
            threadIdx = {order[started++], 0, 0};
            current_kernel(current_arguments);
        }
        host_switch(&running->place, &scheduler);
    }
}

Fiber *fiber(size_t number) {
    static char *stacks = nullptr;
    if (!stacks) {
        void *room = mmap(nullptr, MOST * DISTANCE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) abort();
        madvise(room, MOST * DISTANCE, MADV_HUGEPAGE);
        stacks = static_cast<char *>(room);
        fibers.resize(MOST);
    }
    start(fibers[number].place, stacks + number * DISTANCE, work);
    return &fibers[number];
}

// One block: every thread runs to its next barrier, then those that wait go on, until all have finished.
void block(unsigned threads) {
    shuffle(order);
    started = 0;
    most = threads;
    waiting.clear();
    for (size_t number = 0; started < threads; number++) {
        running = fiber(number);
        host_switch(&scheduler, &running->place);
    }
    std::vector<Fiber *> round;
    while (!waiting.empty()) {
        round.swap(waiting);
        waiting.clear();
        shuffle(round);
        for (Fiber *next : round) {
            running = next;
            threadIdx = {next->thread, 0, 0};
            host_switch(&scheduler, &running->place);
        }
    }
}

// Shared memory ends where nothing may be read or written.
char *shared_end() {
    static char *end = nullptr;
    if (!end) {
        void *start = mmap(nullptr, SHARED + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED) abort();
        end = static_cast<char *>(start) + SHARED;
        if (mprotect(end, PAGE, PROT_NONE)) abort();
    }
    return end;
}
} // namespace

void __syncthreads() {
    Fiber *self = running;
    self->thread = threadIdx.x;
    waiting.push_back(self);
    host_switch(&self->place, &scheduler);
}

void host::run(const unsigned blocks[3], unsigned threads, unsigned shared_bytes, void (*kernel)(void *), void *arguments) {
    if (shared_bytes > SHARED || threads > MOST) abort();
    host::shared = shared_end() - (shared_bytes + 15) / 16 * 16;
    current_kernel = kernel;
    current_arguments = arguments;
    blockDim = {threads, 1, 1};
    gridDim = {blocks[0], blocks[1], blocks[2]};
    order.resize(threads);
    for (unsigned i = 0; i < threads; i++) order[i] = i;
    // All blocks, in steps that share no factor with their number.
    size_t count = (size_t)blocks[0] * blocks[1] * blocks[2], at = draw() % count, step = 1 + draw() % count;
    while (std::gcd(step, count) != 1) step++;
    for (size_t done = 0; done < count; done++, at = (at + step) % count) {
        blockIdx = {(unsigned)(at % blocks[0]), (unsigned)(at / blocks[0] % blocks[1]), (unsigned)(at / blocks[0] / blocks[1])};
        // What was there before is not zero.
        memset(shared_end() - (shared_bytes + 15) / 16 * 16, 0xff, (shared_bytes + 15) / 16 * 16);
        block(threads);
    }
}

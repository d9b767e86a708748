// Memory: every piece is a mapping of its own that ends at memory nobody may touch, begins as NaN, and is nobody's once it was freed.
#include "device.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

using namespace stand_in;

namespace {
const size_t PAGE = 4096, ALIGNMENT = 16, UNIT = 512;
const int CANARY = 0xc5;

enum Kind { ORDERED, PLAIN, HOST };

struct Piece {
    size_t size;
    char *room;  // whole pages, before the piece
    size_t room_size;
    Kind kind;
    CUcontext context;
    bool freed;  // asked for: the stream has not come by yet
    unsigned long number;
};

char *arena, *arena_end, *next;
std::map<CUdeviceptr, Piece> pieces;
// Those that are gone, for messages.
std::map<CUdeviceptr, Piece> gone;
unsigned long pieces_made;
size_t waiting_to_be_freed;
struct sigaction before;

const std::pair<const CUdeviceptr, Piece> *at(std::map<CUdeviceptr, Piece> &among, CUdeviceptr address, size_t beyond) {
    auto found = among.upper_bound(address);
    if (found == among.begin()) return nullptr;
    --found;
    return address < found->first + found->second.size + beyond ? &*found : nullptr;
}

std::string where(CUdeviceptr address) {
    char text[200] = "that is of no piece of memory";
    if (auto piece = at(pieces, address, 2 * PAGE)) {
        snprintf(text, sizeof text, "byte %llu of piece %lu, which has %zu bytes%s", address - piece->first, piece->second.number,
                 piece->second.size, piece->second.freed ? " and was freed" : "");
    } else if (auto piece = at(gone, address, 2 * PAGE)) {
        snprintf(text, sizeof text, "byte %llu of piece %lu, which had %zu bytes and was freed", address - piece->first,
                 piece->second.number, piece->second.size);
    }
    return text;
}

// Says what was touched before the process dies; faults elsewhere are those of the program.
void on_fault(int signal, siginfo_t *info, void *context) {
    char *address = static_cast<char *>(info->si_addr);
    if ((address >= arena && address < arena_end) || running) {
        fault("%p was touched: %s", (void *)address, where((CUdeviceptr)address).c_str());
    }
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(signal, info, context);
    } else {
        sigaction(signal, &before, nullptr);
    }
}

void reserve() {
    for (size_t size = (size_t)32 << 40; !arena && size >= (size_t)1 << 34; size /= 2) {
        void *room = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) continue;
        arena = next = static_cast<char *>(room);
        arena_end = arena + size;
    }
    if (!arena) fault("there are no addresses");
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before);
}

CUdeviceptr make(size_t size, Kind kind, CUcontext context) {
    if (!arena) reserve();
    size_t bytes = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, room_size = (bytes + PAGE - 1) / PAGE * PAGE;
    if ((size_t)(arena_end - next) < room_size + PAGE) fault("all addresses are used up");
    char *room = next, *start = room + room_size - bytes;
    next += room_size + PAGE;
    if (mprotect(room, room_size, PROT_READ | PROT_WRITE)) fault("%zu bytes: the host has no memory for them", room_size);
    if (room_size >= (4 << 20)) madvise(room, room_size, MADV_HUGEPAGE);
    memset(room, CANARY, start - room);
    memset(start, 0xff, size);
    memset(start + size, CANARY, bytes - size);
    pieces[(CUdeviceptr)start] = {size, room, room_size, kind, context, false, ++pieces_made};
    count("", "allocations");
    return (CUdeviceptr)start;
}

void unmake(CUdeviceptr address) {
    Piece piece = pieces.at(address);
    for (char *at = piece.room; at < piece.room + piece.room_size; at++) {
        if (at == (char *)address) at += piece.size;
        if (at < piece.room + piece.room_size && (unsigned char)*at != CANARY) {
            fault("piece %lu of %zu bytes: byte %td, which is none of its own, was written", piece.number, piece.size, at - (char *)address);
        }
    }
    // Nobody can read what was there, so that it need not be overwritten.
    mmap(piece.room, piece.room_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    pieces.erase(address);
    gone[address] = piece;
    if (gone.size() > 100000) gone.erase(gone.begin());
}

Piece &to_free(CUdeviceptr address, Kind kind) {
    auto found = pieces.find(address);
    if (found == pieces.end() || found->second.freed || (found->second.kind == HOST) != (kind == HOST)) {
        fault("%#llx is freed: %s", address, where(address).c_str());
    }
    found->second.freed = true;
    return found->second;
}

size_t units(size_t bytes) { return (bytes + UNIT - 1) / UNIT * UNIT; }
} // namespace

size_t stand_in::device_memory() { return setting("MEMORY", 8l << 30); }

void stand_in::check_memory(CUdeviceptr address, size_t bytes, const char *what) {
    auto piece = at(pieces, address, 0);
    // Asked for after the free, even if the stream has not come by it.
    if (piece && piece->second.freed && !running) fault("%s at %#llx: %s", what, address, where(address).c_str());
    if (!piece || address + bytes > piece->first + piece->second.size) {
        fault("%s: %zu bytes at %#llx: %s", what, bytes, address, where(address).c_str());
    }
}

bool stand_in::is_pinned(const void *address) {
    auto piece = at(pieces, (CUdeviceptr)address, 0);
    return piece && piece->second.kind == HOST;
}

void CUmemPoolHandle_st::trim(size_t keep) {
    for (auto piece = idle.begin(); piece != idle.end() && reserved > keep;) {
        // What a stream has yet to come by is not given back.
        if (!*piece->second) {
            ++piece;
            continue;
        }
        reserved -= piece->first;
        piece = idle.erase(piece);
    }
}

EXPORT CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    CUcontext context = context_of(stream);
    CUmemPoolHandle_st &pool = context->pool;
    *address = 0;
    if (bytes == 0) return CUDA_SUCCESS;
    // Only a piece of the same size takes the place of one that was freed: the harshest of what a pool may do.
    auto same = pool.idle.find(units(bytes));
    if (same != pool.idle.end()) {
        pool.idle.erase(same);
    } else if (pool.reserved + pool.plain + units(bytes) > device_memory()) {
        count("", "out_of_memory");
        return CUDA_ERROR_OUT_OF_MEMORY;
    } else {
        pool.reserved += units(bytes);
    }
    pool.used += units(bytes);
    pool.used_high = std::max(pool.used_high, pool.used);
    pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
    count("", "peak_bytes", pool.used_high);
    *address = make(bytes, ORDERED, context);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    if (address == 0) return CUDA_SUCCESS;
    Piece &piece = to_free(address, ORDERED);
    CUmemPoolHandle_st &pool = piece.context->pool;
    size_t size = piece.size;
    auto done = std::make_shared<bool>(false);
    if (piece.kind == ORDERED) {
        pool.used -= units(size);
        pool.idle.emplace(units(size), done);
    } else {
        pool.plain -= units(size);
    }
    waiting_to_be_freed += size;
    enqueue(stream, "free", [=] {
        unmake(address);
        waiting_to_be_freed -= size;
        *done = true;
    });
    // The host holds on to what waits: not too much of it.
    if (waiting_to_be_freed > ((size_t)1 << 29)) finish(stream);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    Turn turn;
    CUcontext context = current_context();
    if (!context) return CUDA_ERROR_INVALID_CONTEXT;
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    CUmemPoolHandle_st &pool = context->pool;
    if (pool.reserved + pool.plain + units(bytes) > device_memory()) return CUDA_ERROR_OUT_OF_MEMORY;
    pool.plain += units(bytes);
    *address = make(bytes, PLAIN, context);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    if (address == 0) return CUDA_SUCCESS;
    Piece &piece = to_free(address, PLAIN);
    finish_all(piece.context);
    if (piece.kind == ORDERED) {
        piece.context->pool.used -= units(piece.size);
        piece.context->pool.reserved -= units(piece.size);
    } else {
        piece.context->pool.plain -= units(piece.size);
    }
    unmake(address);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
    Turn turn;
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    *address = (void *)make(bytes, HOST, current_context());
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemFreeHost(void *address) {
    Turn turn;
    to_free((CUdeviceptr)address, HOST);
    unmake((CUdeviceptr)address);
    return CUDA_SUCCESS;
}

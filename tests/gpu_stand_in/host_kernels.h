// Enters kernels that were compiled for the host (tests/kernels/host.h) into the table of all.
#pragma once
#include "host.h"
#include "device.h"

namespace stand_in {
struct HostKernels {
    template <class... A> HostKernels &add(const char *name, void (*kernel)(A...)) {
        kernels()[name] = {[kernel](void **places, const Grid &grid) -> Work {
                               host::Bound bound = host::bind(kernel, places);
                               return [bound, grid] {
                                   host::seed = draw();
                                   host::run(grid.blocks, grid.threads, grid.shared, bound.kernel, bound.arguments.get());
                               };
                           },
                           host::sizes(kernel)};
        return *this;
    }
};
} // namespace stand_in

// cuRAND: generators that are made and never asked for a number, which is what candle does when it opens a device.
#include "device.h"

using namespace stand_in;

struct curandGenerator_st {
    bool destroyed;
};

EXPORT int curandCreateGenerator(curandGenerator_st **made, int) {
    Turn turn;
    if (!current_context()) return 203;  // initialization failed
    *made = new curandGenerator_st{false};
    return 0;
}

EXPORT int curandSetPseudoRandomGeneratorSeed(curandGenerator_st *, unsigned long long) { return 0; }
EXPORT int curandSetGeneratorOffset(curandGenerator_st *, unsigned long long) { return 0; }

EXPORT int curandSetStream(curandGenerator_st *, CUstream stream) {
    Turn turn;
    context_of(stream);
    return 0;
}

EXPORT int curandDestroyGenerator(curandGenerator_st *generator) {
    Turn turn;
    if (generator->destroyed) fault("a generator of cuRAND is destroyed twice");
    generator->destroyed = true;
    return 0;
}

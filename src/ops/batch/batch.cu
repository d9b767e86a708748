// A batch out of a data set that lies on the device as bytes: crop, flip and normalise, a thread a pixel's channel.
#include "kernel.h"

struct Source {
    int channels;
    int height;
    int width;
    int batch;
};

// Images [B, C, H, W] from `pixels` [N, C, H, W]: number `indices[b]`, moved by `changes[b]` = (down, right, flip, and the hole's top, left, bottom,
// right); `mean` and `std` [C].
// Black outside the image, before it is normalised.
KERNEL batch(const u8 *pixels, const u32 *indices, const int *changes, const float *mean, const float *std, Source source,
             float *images) {
    i64 i = thread_number();
    if (i >= (i64)source.batch * source.channels * source.height * source.width) return;
    int x = (int)(i % source.width), y = (int)(i / source.width % source.height);
    int channel = (int)(i / source.width / source.height % source.channels);
    int b = (int)(i / source.width / source.height / source.channels);
    const int *change = changes + 7 * b;
    int column = (change[2] ? source.width - 1 - x : x) + change[1], row = y + change[0];
    float value = 0.0f;
    if (row >= 0 && row < source.height && column >= 0 && column < source.width) {
        i64 plane = (i64)indices[b] * source.channels + channel;
        value = (float)pixels[(plane * source.height + row) * source.width + column];
    }
    bool hole = y >= change[3] && x >= change[4] && y < change[5] && x < change[6];
    images[i] = hole ? 0.0f : (value / 255.0f - mean[channel]) / std[channel];
}

// The labels of a batch.
KERNEL batch_labels(const u32 *labels, const u32 *indices, int batch, u32 *out) {
    int b = (int)thread_number();
    if (b < batch) out[b] = labels[indices[b]];
}

// cuBLAS: products of matrices that are stored by columns.
#include "numbers.h"
#include <algorithm>
#include <cmath>

using namespace stand_in;

struct cublasContext {
    CUcontext context;
    CUstream stream;
    bool destroyed;
};

namespace {
struct Matrix {
    void *address;
    bool is_bf16, transposed;
    int rows, columns;  // as it takes part
    int step;           // from a column, as stored, to the next

    int stored_rows() const { return transposed ? columns : rows; }
    size_t bytes() const {
        size_t last = (size_t)(transposed ? rows : columns) - 1;
        return (last * step + stored_rows()) * (is_bf16 ? 2 : 4);
    }
    size_t at(int row, int column) const { return transposed ? (size_t)row * step + column : (size_t)column * step + row; }
    void check(const char *what) const { check_memory((CUdeviceptr)address, bytes(), what); }

    // By columns without gaps, in as many digits as are multiplied.
    std::vector<float> taken(Digits digits) const {
        std::vector<float> out((size_t)rows * columns);
        for (int column = 0; column < columns; column++) {
            for (int row = 0; row < rows; row++) {
                out[(size_t)column * rows + row] = in(digits, get(address, is_bf16, at(row, column)));
            }
        }
        return out;
    }
};

const int TOGETHER = 4, PART = 512;

// sums[j][i] += a[l][i] b[j][l], for `columns` columns of b.
FOR_ALL_PROCESSORS void add_products(const float *a, const float *b, float *sums, int m, int k, int columns) {
    for (int first = 0; first < m; first += PART) {
        int count = std::min(PART, m - first);
        for (int j = 0; j < columns; j++) {
            float *__restrict sum = sums + (size_t)j * m + first;
            const float *by = b + (size_t)j * k;
            for (int l = 0; l < k; l++) {
                const float *__restrict column = a + (size_t)l * m + first;
                float factor = by[l];
                for (int i = 0; i < count; i++) sum[i] += column[i] * factor;
            }
        }
    }
}

void multiply(const Matrix &a, const Matrix &b, const Matrix &c, float alpha, float beta, Digits digits) {
    a.check("matrix product, A");
    b.check("matrix product, B");
    c.check("matrix product, C");
    int m = c.rows, n = c.columns, k = a.columns;
    std::vector<float> left = a.taken(digits), right = b.taken(digits), sums((size_t)m * TOGETHER);
    for (int j = 0; j < n; j += TOGETHER) {
        int columns = std::min(TOGETHER, n - j);
        std::fill(sums.begin(), sums.end(), 0.0f);
        add_products(left.data(), right.data() + (size_t)j * k, sums.data(), m, k, columns);
        for (int column = 0; column < columns; column++) {
            for (int i = 0; i < m; i++) {
                float value = alpha * sums[(size_t)column * m + i];
                size_t at = c.at(i, j + column);
                // What was there does not count, whatever it was.
                if (beta != 0.0f) value += beta * get(c.address, c.is_bf16, at);
                put(c.address, c.is_bf16, at, value);
            }
        }
    }
}

bool known(int type) { return type == CUDA_R_32F || type == CUDA_R_16BF; }
} // namespace

EXPORT cublasStatus_t cublasCreate_v2(cublasHandle_t *made) {
    Turn turn;
    // The library needs a driver of its own age.
    if (!current_context() || driver_version() < 13000) return CUBLAS_STATUS_NOT_INITIALIZED;
    *made = new cublasContext{current_context(), nullptr, false};
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    Turn turn;
    if (handle->destroyed) fault("a handle of cuBLAS is destroyed twice");
    handle->destroyed = true;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream) {
    Turn turn;
    if (context_of(stream) != handle->context) return CUBLAS_STATUS_INVALID_VALUE;
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t, int) { return CUBLAS_STATUS_SUCCESS; }
EXPORT cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void *address, size_t bytes) {
    Turn turn;
    if (bytes) check_memory((CUdeviceptr)address, bytes, "workspace of cuBLAS");
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasStatus_t cublasGemmEx(cublasHandle_t handle, int operation_a, int operation_b, int m, int n, int k, const void *alpha,
                                   const void *a, int type_a, int step_a, const void *b, int type_b, int step_b, const void *beta,
                                   void *c, int type_c, int step_c, int compute, int) {
    Turn turn;
    if (handle->destroyed) fault("a handle of cuBLAS that was destroyed is used");
    if (current_context() != handle->context) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (m < 0 || n < 0 || k < 0 || operation_a > CUBLAS_OP_T || operation_b > CUBLAS_OP_T) return CUBLAS_STATUS_INVALID_VALUE;
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    if (k == 0) fault("a matrix product over nothing");
    // Inputs of one type; what comes out is single, or of theirs.
    if (!known(type_a) || type_a != type_b || !known(type_c) || (type_c == CUDA_R_16BF && type_a != CUDA_R_16BF)) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    bool half = type_a == CUDA_R_16BF, shorter = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC && !shorter) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (shorter && half) return CUBLAS_STATUS_NOT_SUPPORTED;
    Matrix left{(void *)a, half, operation_a == CUBLAS_OP_T, m, k, step_a};
    Matrix right{(void *)b, half, operation_b == CUBLAS_OP_T, k, n, step_b};
    Matrix out{c, type_c == CUDA_R_16BF, false, m, n, step_c};
    for (const Matrix *matrix : {&left, &right, &out}) {
        if (matrix->step < matrix->stored_rows()) return CUBLAS_STATUS_INVALID_VALUE;
    }
    left.check("matrix product, A");
    right.check("matrix product, B");
    out.check("matrix product, C");
    count("cublas", half ? "bf16" : shorter ? "tf32" : "f32");
    float factor = *static_cast<const float *>(alpha), kept = *static_cast<const float *>(beta);
    Digits digits = half ? Digits::BF16 : shorter ? Digits::TF32 : Digits::SINGLE;
    enqueue(handle->stream, "matrix product", [=] { multiply(left, right, out, factor, kept, digits); });
    return CUBLAS_STATUS_SUCCESS;
}

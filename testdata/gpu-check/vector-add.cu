// SPDX-License-Identifier: Apache-2.0
// Adds two vectors on the first visible GPU and compares every element with the sum made by the processor.
#include <cstdio>
#include <cstdlib>

__global__ void add(const float *a, const float *b, float *sum, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) sum[i] = a[i] + b[i];
}

static void check(cudaError_t status, const char *what) {
    if (status == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(status));
    exit(1);
}

int main() {
    const int count = 1 << 20;
    const size_t size = count * sizeof(float);
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
    printf("%d GPU(s), the first is %s\n", devices, properties.name);

    float *a = (float *)malloc(size), *b = (float *)malloc(size), *sum = (float *)malloc(size);
    if (!a || !b || !sum) return fprintf(stderr, "out of memory\n"), 1;
    for (int i = 0; i < count; i++) a[i] = i * 0.5f, b[i] = (count - i) * 0.25f;

    float *da, *db, *dsum;
    check(cudaMalloc(&da, size), "cudaMalloc");
    check(cudaMalloc(&db, size), "cudaMalloc");
    check(cudaMalloc(&dsum, size), "cudaMalloc");
    check(cudaMemcpy(da, a, size, cudaMemcpyHostToDevice), "cudaMemcpy to the GPU");
    check(cudaMemcpy(db, b, size, cudaMemcpyHostToDevice), "cudaMemcpy to the GPU");
    add<<<(count + 255) / 256, 256>>>(da, db, dsum, count);
    check(cudaGetLastError(), "kernel launch");
    check(cudaMemcpy(sum, dsum, size, cudaMemcpyDeviceToHost), "cudaMemcpy from the GPU");

    for (int i = 0; i < count; i++)
        if (sum[i] != a[i] + b[i]) return fprintf(stderr, "element %d is %f, not %f\n", i, sum[i], a[i] + b[i]), 1;
    puts("Test PASSED");
    return 0;
}

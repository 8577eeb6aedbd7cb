#include <device/shared.hpp>

#include "kernels/api/elementwise.hpp"
#include "kernels/api/gemm.hpp"
#include "kernels/api/packed_gemm.hpp"
#include "kernels/api/rows.hpp"
#include "kernels/cuda/launch.hpp"

// The layout of the GPU is W [n, k] itself, row by row: cuBLASLt wants no other.

namespace modr::kernels {

namespace {

bfloat16* rows_of(std::byte* packed) { return reinterpret_cast<bfloat16*>(packed); }
const bfloat16* rows_of(const std::byte* packed) { return reinterpret_cast<const bfloat16*>(packed); }

constexpr int tile = 32, tile_rows = 8;

template <typename S>
struct Tile {
  S of[tile][tile + 1];  // (one more, so that a column lies in all banks)
};

// w [n, k] = b^T of b [k, n], rows ldb apart. A block a tile.
template <typename S>
__global__ void __launch_bounds__(tile* tile_rows)
    turn_tiles(int64_t k, int64_t n, const S* b, int64_t ldb, bfloat16* w) {
  Tile<S>& values = block_shared<Tile<S>>();
  const int64_t across = (n + tile - 1) / tile, x = threadIdx.x;
  const int64_t row0 = blockIdx.x / across * tile, column0 = blockIdx.x % across * tile;
  for (int64_t y = threadIdx.y; y < tile; y += tile_rows)
    if (row0 + y < k && column0 + x < n) values.of[y][x] = b[(row0 + y) * ldb + column0 + x];
  __syncthreads();
  for (int64_t y = threadIdx.y; y < tile; y += tile_rows)
    if (column0 + y < n && row0 + x < k)
      w[(column0 + y) * k + row0 + x] = static_cast<bfloat16>(static_cast<float>(values.of[x][y]));
}

}  // namespace

std::size_t packed_size(Cuda, int64_t k, int64_t n) { return static_cast<std::size_t>(n * k) * sizeof(bfloat16); }

template <typename S>
void pack(Cuda on, int64_t k, int64_t n, const S* b, int64_t ldb, bool transposed, std::byte* packed) {
  if (transposed) return copy(on, StridedCopy{2, {n, k}, {ldb, 1}, {k, 1}}, b, rows_of(packed));
  const int64_t tiles = int64_t{blocks_for(n, tile, INT32_MAX)} * blocks_for(k, tile, INT32_MAX);
  launch({static_cast<unsigned>(tiles), dim3(tile, tile_rows), 0, stream_of(on)}, turn_tiles<S>, k, n, b, ldb,
         rows_of(packed));
}
template void pack(Cuda, int64_t, int64_t, const float*, int64_t, bool, std::byte*);
template void pack(Cuda, int64_t, int64_t, const bfloat16*, int64_t, bool, std::byte*);

template <typename S>
void unpack(Cuda on, int64_t k, int64_t n, const std::byte* packed, S* w) {
  convert(on, rows_of(packed), n * k, w);
}
template void unpack(Cuda, int64_t, int64_t, const std::byte*, float*);
template void unpack(Cuda, int64_t, int64_t, const std::byte*, bfloat16*);

template <typename C>
void packed_gemm(Cuda on, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  gemm_bf16(on, {false, true, s.m, s.n, s.k, s.lda, s.k, s.ldc}, a, rows_of(packed), s.accumulate, c);
}
template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, float*);

bool packed_is_open(Cuda) { return true; }

template <typename C>
void packed_gemm_back(Cuda on, const PackedGemm& s, const bfloat16* a, const std::byte* packed, C* c) {
  gemm_bf16(on, {false, false, s.m, s.k, s.n, s.lda, s.k, s.ldc}, a, rows_of(packed), s.accumulate, c);
}
template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, bfloat16*);
template void packed_gemm_back(Cuda, const PackedGemm&, const bfloat16*, const std::byte*, float*);

void gather_packed_rows(Cuda on, int64_t k, int64_t, const std::byte* packed, const int32_t* index, int64_t count,
                        float factor, bfloat16* out) {
  gather_rows(on, rows_of(packed), index, count, k, factor, out);
}

}  // namespace modr::kernels

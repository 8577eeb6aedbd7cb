#pragma once
// A matrix read by rows and written by columns, in tiles, so that both go to whole lines of memory.
#include <device/shared.hpp>

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

inline constexpr int turn_tile = 32, turn_rows = 8;

template <typename T>
struct TurnTile {
  T of[turn_tile][turn_tile + 1];  // (one more, so that a column lies in all banks)
};

// write(to[j][i], from[i][j]) of [rows, columns] values, rows of `from` ld apart.
template <typename Write, typename From, typename To>
__global__ void __launch_bounds__(turn_tile* turn_rows)
    turn_tiles(Write write, const From* from, int64_t rows, int64_t columns, int64_t ld, To* to) {
  TurnTile<From>& values = block_shared<TurnTile<From>>();
  const int64_t column0 = int64_t{blockIdx.x} * turn_tile, x = threadIdx.x;
  for (int64_t row0 = int64_t{blockIdx.y} * turn_tile; row0 < rows; row0 += int64_t{gridDim.y} * turn_tile) {
    __syncthreads();  // the last tile has been used
    for (int64_t y = threadIdx.y; y < turn_tile; y += turn_rows)
      if (row0 + y < rows && column0 + x < columns) values.of[y][x] = from[(row0 + y) * ld + column0 + x];
    __syncthreads();
    for (int64_t y = threadIdx.y; y < turn_tile; y += turn_rows)
      if (column0 + y < columns && row0 + x < rows) write(to[(column0 + y) * rows + row0 + x], values.of[x][y]);
  }
}

/// Starts it: write(To&, From) on the device.
template <typename Write, typename From, typename To>
void turn(Cuda on, Write write, const From* from, int64_t rows, int64_t columns, int64_t ld, To* to) {
  constexpr int64_t most_blocks = 4096;  // in y; the kernel strides over the rest
  const dim3 grid(blocks_for(columns, turn_tile, INT32_MAX), blocks_for(rows, turn_tile, most_blocks));
  launch({grid, dim3(turn_tile, turn_rows), 0, stream_of(on)}, turn_tiles<Write, From, To>, write, from, rows, columns,
         ld, to);
}

}  // namespace modr::kernels

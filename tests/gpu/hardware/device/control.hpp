#pragma once
// On a GPU there is nothing to turn: the names of kernels/emulated/control.hpp, without effect.
#include <cstdint>

namespace modr::emulated {

enum class Order { forward, reverse, shuffled };
enum class Streams { eager, lazy };
struct Counters {
  uint64_t launches, blocks, threads, switches;
};

inline void set_order(Order, uint64_t = 0) {}
inline void set_streams(Streams) {}
inline Counters counters() { return {}; }

}  // namespace modr::emulated

#pragma once
// Runs something on the emulated device in many orders of threads, with eager and with lazy streams.
#include <gtest/gtest.h>

#include <device/control.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/bfloat16.hpp"

namespace modr::test {

struct RunOrder {
  emulated::Order threads;
  emulated::Streams streams;
  uint64_t seed;
};

inline std::vector<RunOrder> run_orders() {
  using emulated::Order, emulated::Streams;
  return {{Order::forward, Streams::eager, 0},  {Order::reverse, Streams::lazy, 0},
          {Order::shuffled, Streams::eager, 1}, {Order::shuffled, Streams::lazy, 2},
          {Order::shuffled, Streams::lazy, 3},  {Order::shuffled, Streams::eager, 4}};
}

inline std::string text_of(const RunOrder& order) {
  const char* const threads[] = {"forward", "reverse", "shuffled"};
  const char* const streams[] = {"eager", "lazy"};
  return std::string(threads[int(order.threads)]) + " " + std::to_string(order.seed) + ", " +
         streams[int(order.streams)] + " streams";
}

inline void set_order(const RunOrder& order) {
  emulated::set_order(order.threads, order.seed);
  emulated::set_streams(order.streams);
}

template <typename T>
bool any_nan(const std::vector<T>& values) {
  for (const T& value : values)
    if (std::isnan(static_cast<double>(value))) return true;
  return false;
}
template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// What is wrong with `run`, which gives a vector of numbers: the text of an Error, a NaN, or other bits in another
/// order; empty where nothing is. The result of the first order is left in `first`.
template <typename Run, typename T>
std::string fault_in_orders(Run run, std::vector<T>& first) {
  std::string fault;
  bool begun = false;
  for (const RunOrder& order : run_orders()) {
    set_order(order);
    try {
      const std::vector<T> result = run();
      if (!begun) first = result;
      if (any_nan(result)) fault = "a NaN in the result: never written, or read before it was";
      else if (begun && !same_bits(result, first)) fault = "other bits in another order of threads or streams";
      begun = true;
    } catch (const std::exception& error) {
      fault = error.what();
    }
    if (!fault.empty()) {
      fault += " (" + text_of(order) + ")";
      break;
    }
  }
  set_order({});
  return fault;
}

}  // namespace modr::test
